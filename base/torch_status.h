// The one place where LibTorch's exceptions become absl::Status.
#ifndef DISTILL_BASE_TORCH_STATUS_H_
#define DISTILL_BASE_TORCH_STATUS_H_

#include <functional>
#include <string>

#include "absl/status/status.h"

namespace distill {

// Runs `work` and returns its status; an exception becomes a Status that says
// what was being done: ResourceExhausted where memory ran out, Cancelled for
// Interrupted, else Internal.
// `doing` reads after "while": "training the teacher".
absl::Status CatchTorchErrors(const std::string& doing,
                              const std::function<absl::Status()>& work);

}  // namespace distill

#endif  // DISTILL_BASE_TORCH_STATUS_H_
