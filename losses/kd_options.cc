#include "losses/kd_options.h"

#include <cmath>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace distill {
namespace {

// "0.3 * ", or nothing for 1. Nine digits: enough for what people choose, and
// 1 - 0.7 is not printed as 0.30000000000000004.
std::string Factor(double weight) {
  return weight == 1 ? "" : absl::StrFormat("%.9g * ", weight);
}

}  // namespace

absl::Status KdOptions::Validate() const {
  if (!std::isfinite(temperature) || temperature <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "temperature must be finite and greater than 0, got ", temperature));
  }
  // Not alpha < 0 || alpha > 1, which NaN would pass.
  if (!(alpha >= 0 && alpha <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("alpha, the weight of the soft term, must be in [0, "
                        "1], got %.17g",
                        alpha));
  }
  return absl::OkStatus();
}

std::string KdOptions::Formula() const {
  std::string soft;
  std::string hard;
  if (alpha != 0) {
    soft = absl::StrFormat(
        "%s%.9g^2 * KL(softmax(teacher/%.9g) || softmax(student/%.9g))",
        Factor(alpha), temperature, temperature, temperature);
  }
  if (alpha != 1) {
    hard = absl::StrCat(Factor(1 - alpha), "CE(student, labels)");
  }
  const bool both = !soft.empty() && !hard.empty();
  return absl::StrCat("loss = ", soft, both ? " + " : "", hard);
}

}  // namespace distill
