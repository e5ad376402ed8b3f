#include "losses/rkd.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/smooth_l1_loss.h>
#include <ATen/ops/where.h>

#include "losses/feature_checks.h"
#include "losses/logits_checks.h"

namespace distill {
namespace {

// Nearer than this, squared and against the points' own squares, two points are
// one: what is left is rounding.
constexpr double kCoincide = 1e-14;

struct Relations {
  at::Tensor products;  // [batch, batch], of the points around their mean.
  at::Tensor apart;     // [batch, batch] bool: different points.
  // [batch, batch], 1 where the points are not apart.
  at::Tensor distances;
};

Relations RelationsOf(const at::Tensor& feature) {
  at::Tensor points = feature.flatten(1).to(at::kDouble);
  points = points - points.mean(0, /*keepdim=*/true);
  Relations relations;
  relations.products = at::matmul(points, points.t());
  const at::Tensor squares = relations.products.diagonal();
  const at::Tensor sums = squares.unsqueeze(0) + squares.unsqueeze(1);
  const at::Tensor squared = sums - 2 * relations.products;
  relations.apart = squared.gt(kCoincide * sums);
  // The root of 0 would have an infinite gradient.
  relations.distances =
      at::where(relations.apart, squared, at::ones_like(squared)).sqrt();
  return relations;
}

at::Tensor RelativeDistances(const at::Tensor& feature) {
  const Relations relations = RelationsOf(feature);
  const at::Tensor distances = relations.distances * relations.apart;
  const double pairs = static_cast<double>(distances.size(0)) *
                       static_cast<double>(distances.size(0) - 1);
  const at::Tensor mean = distances.sum() / pairs;
  return distances / at::where(mean.gt(0), mean, at::ones_like(mean));
}

// [batch, batch, batch]: at the first, from the second to the third.
at::Tensor Cosines(const at::Tensor& feature) {
  const Relations relations = RelationsOf(feature);
  const at::Tensor& products = relations.products;
  // (a - o)(b - o) = ab - oa - ob + oo
  const at::Tensor inner = products.unsqueeze(0) - products.unsqueeze(2) -
                           products.unsqueeze(1) +
                           products.diagonal().view({-1, 1, 1});
  const at::Tensor inverse = relations.apart / relations.distances;
  return inner * inverse.unsqueeze(2) * inverse.unsqueeze(1);
}

at::Tensor Huber(const at::Tensor& student, const at::Tensor& teacher) {
  return at::smooth_l1_loss(student, teacher, at::Reduction::None);
}

at::ScalarType ResultType(const at::Tensor& feature) {
  return feature.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

at::Tensor Zero(const at::Tensor& student) {
  return (student.sum() * 0).to(ResultType(student));
}

}  // namespace

at::Tensor RkdDistance(const at::Tensor& student, const at::Tensor& teacher) {
  CheckFeatures(student, teacher);
  const int64_t batch = student.size(0);
  if (batch < 2) return Zero(student);
  const at::Tensor losses =
      Huber(RelativeDistances(student), RelativeDistances(teacher.detach()));
  const double pairs =
      static_cast<double>(batch) * static_cast<double>(batch - 1);
  return (losses.sum() / pairs).to(ResultType(student));
}

at::Tensor RkdAngle(const at::Tensor& student, const at::Tensor& teacher) {
  CheckFeatures(student, teacher);
  const int64_t batch = student.size(0);
  if (batch < 3) return Zero(student);
  const at::Tensor same =
      at::eye(batch, student.options().dtype(at::kBool)).unsqueeze(0);
  const at::Tensor losses =
      Huber(Cosines(student), Cosines(teacher.detach())).masked_fill(same, 0);
  const double triples = static_cast<double>(batch) *
                         static_cast<double>(batch - 1) *
                         static_cast<double>(batch - 2);
  return (losses.sum() / triples).to(ResultType(student));
}

}  // namespace distill
