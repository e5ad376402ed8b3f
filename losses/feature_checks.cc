#include "losses/feature_checks.h"

namespace distill {
namespace {

void CheckOne(const at::Tensor& feature, const char* name) {
  TORCH_CHECK(feature.defined(), "the ", name,
              "'s feature is missing (an undefined tensor)");
  TORCH_CHECK(feature.dim() >= 2 && feature.numel() >= 1, "the ", name,
              "'s feature must be [batch, ...] with at least one number, got "
              "shape ",
              feature.sizes());
  TORCH_CHECK(feature.is_floating_point(), "the ", name,
              "'s feature must be of a floating dtype, got ",
              feature.scalar_type());
}

}  // namespace

void CheckFeatures(const at::Tensor& student, const at::Tensor& teacher) {
  CheckOne(student, "student");
  CheckOne(teacher, "teacher");
  TORCH_CHECK(student.size(0) == teacher.size(0),
              "the student's feature has shape ", student.sizes(),
              " and the teacher's ", teacher.sizes(),
              "; both must be of one batch");
  TORCH_CHECK(student.scalar_type() == teacher.scalar_type(),
              "the student's feature has dtype ", student.scalar_type(),
              " and the teacher's ", teacher.scalar_type(),
              "; cast one of them");
  TORCH_CHECK(student.device() == teacher.device(),
              "the student's feature is on ", student.device(),
              " and the teacher's on ", teacher.device(), "; move one of them");
}

}  // namespace distill
