#include "losses/logits_checks.h"

#include <ATen/Dispatch.h>
#include <ATen/core/TensorAccessor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "losses/loss_terms.h"

namespace distill {
namespace {

// A softmax leaves each probability with a relative error of half an epsilon
// of its dtype, so a row's sum is off by no more than that much and the error
// of the softmax's own sum. 2 epsilon covers both for the 16-bit dtypes (which
// compute in float32); 1e-5 covers float32, also when it was cast to float64.
// Few logits come so near by chance, and then every row would have to.
template <typename Scalar>
double SumTolerance() {
  return std::max(
      1e-5, 2 * static_cast<double>(std::numeric_limits<Scalar>::epsilon()));
}

template <typename Scalar>
bool IsProbabilityRow(const at::TensorAccessor<const Scalar, 1>& row) {
  double sum = 0;
  for (int64_t i = 0; i < row.size(0); ++i) {
    const double value = static_cast<double>(row[i]);
    if (!(value >= 0)) return false;
    sum += value;
  }
  return std::abs(sum - 1) <= SumTolerance<Scalar>();
}

// Usually decided by the first negative logit of the first row.
bool AreProbabilities(const at::Tensor& logits) {
  bool result = true;
  AT_DISPATCH_FLOATING_TYPES_AND2(
      at::kBFloat16, at::kHalf, logits.scalar_type(), "AreProbabilities", [&] {
        const auto rows = logits.accessor<const scalar_t, 2>();
        for (int64_t row = 0; result && row < rows.size(0); ++row) {
          result = IsProbabilityRow<scalar_t>(rows[row]);
        }
      });
  return result;
}

bool IsSupported(at::ScalarType dtype) {
  return dtype == at::kFloat || dtype == at::kDouble ||
         dtype == at::kBFloat16 || dtype == at::kHalf;
}

}  // namespace

void CheckLogits(const at::Tensor& logits, const char* name) {
  TORCH_CHECK(logits.defined(), name, " are missing (an undefined tensor)");
  TORCH_CHECK(logits.dim() == 2 && logits.size(0) >= 1 && logits.size(1) >= 2,
              name,
              " must be [batch, classes] with batch >= 1 and classes >= 2, "
              "got shape ",
              logits.sizes());
  TORCH_CHECK(IsSupported(logits.scalar_type()), name,
              " must be float32, float64, bfloat16 or float16, got ",
              logits.scalar_type());
  if (!logits.device().is_cpu()) return;
  TORCH_CHECK(!AreProbabilities(logits), name,
              " are probabilities: each row is non-negative and sums to 1. A "
              "softmax was applied too early; give the model's output before "
              "its softmax");
}

void CheckSameKind(const at::Tensor& a, const char* a_name, const at::Tensor& b,
                   const char* b_name) {
  TORCH_CHECK(a.sizes() == b.sizes(), a_name, " have shape ", a.sizes(),
              " but ", b_name, " have shape ", b.sizes(),
              "; they must be the same");
  TORCH_CHECK(a.scalar_type() == b.scalar_type(), a_name, " have dtype ",
              a.scalar_type(), " but ", b_name, " have dtype ", b.scalar_type(),
              "; cast one of them");
  TORCH_CHECK(a.device() == b.device(), a_name, " are on device ", a.device(),
              " but ", b_name, " are on device ", b.device(),
              "; move one of them");
}

void CheckLogitPair(const at::Tensor& student_logits,
                    const at::Tensor& teacher_logits) {
  CheckLogits(student_logits, "student logits");
  CheckLogits(teacher_logits, "teacher logits");
  CheckSameKind(student_logits, "student logits", teacher_logits,
                "teacher logits");
}

at::Tensor AtLeastFloat32(const at::Tensor& logits) {
  return logits.to(logits.scalar_type() == at::kDouble ? at::kDouble
                                                       : at::kFloat);
}

void CheckLabels(const at::Tensor& labels, const at::Tensor& logits,
                 const char* logits_name) {
  TORCH_CHECK(labels.defined(), "labels are missing (an undefined tensor)");
  TORCH_CHECK(labels.dim() == 1 && labels.size(0) == logits.size(0),
              "labels must be [batch], one class index a row of ", logits_name,
              " of shape ", logits.sizes(), ", got shape ", labels.sizes());
  TORCH_CHECK(labels.scalar_type() == at::kLong,
              "labels must be int64 class indices, got ", labels.scalar_type());
  TORCH_CHECK(labels.device() == logits.device(), "labels are on device ",
              labels.device(), " but ", logits_name, " are on device ",
              logits.device(), "; move one of them");
  if (!labels.device().is_cpu()) return;
  const auto values = labels.accessor<const int64_t, 1>();
  const int64_t classes = logits.size(1);
  for (int64_t row = 0; row < values.size(0); ++row) {
    TORCH_CHECK(
        (values[row] >= 0 && values[row] < classes) || values[row] == kNoLabel,
        "label ", values[row], " of row ", row, " is not in [0, ", classes,
        "), the classes of ", logits_name, ", nor ", kNoLabel,
        " for a row without a label");
  }
}

}  // namespace distill
