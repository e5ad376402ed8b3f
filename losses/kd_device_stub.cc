// KdOnDevice of a program built without CUDA.
#include "losses/kd_composed.h"
#include "losses/kd_device.h"

namespace distill {

LossTerms KdOnDevice(const at::Tensor& student_logits,
                     const at::Tensor& teacher_logits, const at::Tensor& labels,
                     const KdOptions& options) {
  return KdComposed(student_logits, teacher_logits, labels, options);
}

}  // namespace distill
