#include "losses/logit_mse.h"

#include <ATen/TensorOperators.h>

#include "losses/logits_checks.h"

namespace distill {

at::Tensor LogitMse(const at::Tensor& student_logits,
                    const at::Tensor& teacher_logits) {
  CheckLogitPair(student_logits, teacher_logits);
  return (AtLeastFloat32(student_logits) -
          AtLeastFloat32(teacher_logits.detach()))
      .square()
      .mean();
}

}  // namespace distill
