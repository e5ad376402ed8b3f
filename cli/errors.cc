#include "cli/errors.h"

#include "report/result_json.h"

namespace distill {

int EndWithError(const std::string& program, const absl::Status& status,
                 std::ostream& out, std::ostream& err) {
  const std::string message(status.message());
  err << program << ": " << message << std::endl;
  out << JsonText({{"status", "error"}, {"message", message}}) << std::endl;
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

}  // namespace distill
