#include "cli/errors.h"

#include "base/json.h"
#include "base/text.h"

namespace distill {

int EndWithError(const std::string& program, const absl::Status& status,
                 std::ostream& out, std::ostream& err) {
  const std::string message(status.message());
  err << program << ": " << Printable(message) << std::endl;
  out << JsonText({{"status", "error"}, {"message", message}}) << std::endl;
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

}  // namespace distill
