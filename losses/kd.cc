#include "losses/kd.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/scalar_tensor.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "losses/kd_device.h"
#include "losses/kernels/kd_row.h"
#include "losses/logit_rows.h"
#include "losses/logits_checks.h"
#include "losses/loss_with_gradient.h"

namespace distill {
namespace {

// Below this many logits a thread costs more to wake than it saves.
constexpr int64_t kLogitsPerThread = 8192;

// KdLoss for checked inputs on the CPU, computed in Scalar rows.
template <typename Scalar>
LossTerms KdOnCpu(const at::Tensor& student_logits,
                  const at::Tensor& teacher_logits, const at::Tensor& labels,
                  const KdOptions& options) {
  const double soft_weight = options.alpha;
  const double hard_weight = 1 - options.alpha;
  const bool use_soft = soft_weight != 0;
  const bool use_hard = hard_weight != 0;
  const bool use_gradient =
      at::GradMode::is_enabled() && student_logits.requires_grad();
  const int64_t batch = student_logits.size(0);
  const int64_t classes = student_logits.size(1);

  // Where a term has no weight its input is not read: the student stands in
  // for the teacher's pointer.
  const at::Tensor student = RowsOf<Scalar>(student_logits);
  const at::Tensor teacher =
      use_soft ? RowsOf<Scalar>(teacher_logits) : student;
  const at::Tensor label = use_hard ? labels.contiguous() : at::Tensor();
  const at::Tensor gradient =
      use_gradient ? at::empty_like(student) : at::Tensor();
  const Scalar* const student_data = student.const_data_ptr<Scalar>();
  const Scalar* const teacher_data = teacher.const_data_ptr<Scalar>();
  const int64_t* const label_data =
      use_hard ? label.const_data_ptr<int64_t>() : nullptr;
  Scalar* const gradient_data =
      use_gradient ? gradient.mutable_data_ptr<Scalar>() : nullptr;

  std::vector<KdRowTerms<double>> rows(batch);
  const int64_t rows_per_thread =
      std::max<int64_t>(1, kLogitsPerThread / classes);
  at::parallel_for(0, batch, rows_per_thread, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t offset = row * classes;
      // The weights carry the mean over the batch, so the gradient does too.
      rows[row] = KdRow(
          student_data + offset, teacher_data + offset, classes,
          use_hard ? label_data[row] : kNoLabel, options.temperature,
          soft_weight / batch,
          use_hard && label_data[row] != kNoLabel ? hard_weight / batch : 0,
          use_gradient ? gradient_data + offset : nullptr);
    }
  });
  // One sum in the order of rows, so that threads do not change its rounding.
  double soft = 0;
  double hard = 0;
  for (const KdRowTerms<double>& row : rows) {
    soft += row.soft;
    hard += row.hard;
  }
  soft /= batch;
  hard /= batch;

  LossTerms terms;
  const at::TensorOptions scalar = student.options();
  if (use_soft) terms.soft = at::scalar_tensor(soft, scalar);
  if (use_hard) terms.hard = at::scalar_tensor(hard, scalar);
  terms.total =
      at::scalar_tensor(soft_weight * soft + hard_weight * hard, scalar);
  if (use_gradient) {
    terms.total = LossWithGradient(student_logits, terms.total, gradient);
  }
  return terms;
}

}  // namespace

LossTerms KdLoss(const at::Tensor& student_logits,
                 const at::Tensor& teacher_logits, const at::Tensor& labels,
                 const KdOptions& options) {
  const absl::Status valid = options.Validate();
  TORCH_CHECK(valid.ok(), std::string(valid.message()));
  const bool use_soft = options.alpha != 0;
  const bool use_hard = options.alpha != 1;
  // Without a teacher there is no student either: this is cross-entropy.
  const char* const name = use_soft ? "student logits" : "logits";
  if (use_soft) {
    CheckLogitPair(student_logits, teacher_logits);
  } else {
    CheckLogits(student_logits, name);
  }
  if (use_hard) CheckLabels(labels, student_logits, name);

  if (!student_logits.device().is_cpu()) {
    return KdOnDevice(student_logits, teacher_logits, labels, options);
  }
  return student_logits.scalar_type() == at::kDouble
             ? KdOnCpu<double>(student_logits, teacher_logits, labels, options)
             : KdOnCpu<float>(student_logits, teacher_logits, labels, options);
}

}  // namespace distill
