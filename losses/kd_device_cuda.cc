// KdOnDevice of a program built with CUDA.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "losses/kd_composed.h"
#include "losses/kd_device.h"
#include "losses/kernels/kd_cuda.h"
#include "losses/logit_rows.h"
#include "losses/loss_with_gradient.h"

namespace distill {
namespace {

// In Real rows.
template <typename Real>
LossTerms Fused(const at::Tensor& student_logits,
                const at::Tensor& teacher_logits, const at::Tensor& labels,
                const KdOptions& options) {
  const c10::cuda::CUDAGuard guard(student_logits.device());
  const bool use_soft = options.alpha != 0;
  const bool use_hard = options.alpha != 1;
  const bool use_gradient =
      at::GradMode::is_enabled() && student_logits.requires_grad();
  const at::Tensor student = RowsOf<Real>(student_logits);
  const at::Tensor teacher =
      use_soft ? RowsOf<Real>(teacher_logits) : at::Tensor();
  const at::Tensor label = use_hard ? labels.contiguous() : at::Tensor();
  const at::Tensor gradient =
      use_gradient ? at::empty_like(student) : at::Tensor();
  const at::Tensor rows = at::empty({student.size(0), 2}, student.options());
  const auto number = [&student] { return at::empty({}, student.options()); };
  const at::Tensor soft = number(), hard = number();
  LossTerms terms;
  terms.total = number();

  kernels::KdCudaParams<Real> params;
  params.student = student.const_data_ptr<Real>();
  if (use_soft) params.teacher = teacher.const_data_ptr<Real>();
  if (use_hard) params.labels = label.const_data_ptr<int64_t>();
  params.no_label = kNoLabel;
  params.batch = student.size(0);
  params.classes = student.size(1);
  params.temperature = options.temperature;
  params.soft_weight = options.alpha;
  params.hard_weight = 1 - options.alpha;
  if (use_gradient) params.gradient = gradient.mutable_data_ptr<Real>();
  params.rows = rows.mutable_data_ptr<Real>();
  params.total = terms.total.mutable_data_ptr<Real>();
  params.soft = soft.mutable_data_ptr<Real>();
  params.hard = hard.mutable_data_ptr<Real>();
  C10_CUDA_CHECK(
      kernels::LaunchKd(params, c10::cuda::getCurrentCUDAStream().stream()));

  if (use_soft) terms.soft = soft;
  if (use_hard) terms.hard = hard;
  if (use_gradient) {
    terms.total = LossWithGradient(student_logits, terms.total, gradient);
  }
  return terms;
}

}  // namespace

LossTerms KdOnDevice(const at::Tensor& student_logits,
                     const at::Tensor& teacher_logits, const at::Tensor& labels,
                     const KdOptions& options) {
  if (!student_logits.is_cuda()) {
    return KdComposed(student_logits, teacher_logits, labels, options);
  }
  return student_logits.scalar_type() == at::kDouble
             ? Fused<double>(student_logits, teacher_logits, labels, options)
             : Fused<float>(student_logits, teacher_logits, labels, options);
}

}  // namespace distill
