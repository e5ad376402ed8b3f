#include "cli/errors.h"

#include <cmath>

#include "base/interrupt.h"
#include "base/json.h"
#include "base/text.h"

namespace distill {

void PrintResult(const Json& result, bool brief, std::ostream& out) {
  Json shown = result;
  if (brief) {
    shown = Json::object();
    for (const char* name : {"status", "message", "finalLoss"}) {
      if (result.contains(name)) shown[name] = result[name];
    }
    if (shown.contains("finalLoss") && shown["finalLoss"].is_number()) {
      shown["finalLoss"] =
          std::round(shown["finalLoss"].get<double>() * 1e4) / 1e4;
    }
  }
  out << JsonText(shown) << std::endl;
}

int EndWithError(const std::string& program, const absl::Status& status,
                 std::ostream& out, std::ostream& err, bool brief) {
  const std::string message(status.message());
  err << program << ": " << Printable(message) << std::endl;
  Json error = {{"status", "error"}};
  if (!brief) error["message"] = message;
  out << JsonText(error) << std::endl;
  const int signal = InterruptSignal();
  if (absl::IsCancelled(status) && signal != 0) return 128 + signal;
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

}  // namespace distill
