#ifndef DISTILL_LOSSES_LOGIT_ROWS_H_
#define DISTILL_LOSSES_LOGIT_ROWS_H_

#include <ATen/core/Tensor.h>

namespace distill {

// `logits` as a kernel reads them: contiguous, cast to Scalar (float or
// double), outside autograd. A view where nothing is to be done.
template <typename Scalar>
at::Tensor RowsOf(const at::Tensor& logits) {
  return logits.detach()
      .to(c10::CppTypeToScalarType<Scalar>::value)
      .contiguous();
}

}  // namespace distill

#endif  // DISTILL_LOSSES_LOGIT_ROWS_H_
