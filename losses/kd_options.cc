#include "losses/kd_options.h"

#include <cmath>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace distill {

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

}  // namespace distill
