// The arithmetic of knowledge distillation for one sample, for CPU and GPU.
//
// With T the temperature, p = softmax(t / T), q = softmax(s / T):
//
//   soft = T^2 KL(p || q)             d soft / d s_i = T (q_i - p_i)
//   hard = -log softmax(s)[label]     d hard / d s_i = softmax(s)_i - [i =
//   label]
//
// (Hinton, Vinyals, Dean 2015, "Distilling the Knowledge in a Neural Network",
// section 2; eq. 2 is the gradient.)
//
// A student near its teacher, or a high temperature, makes q_i and p_i agree in
// most digits, and T^2 then magnifies what rounding left of their difference.
// So nothing here is computed as the difference of two nearly equal results.
// Differences are formed from the logits, which is nearly exact, and carried
// from there:
//
//   u_i       = log q_i - log p_i
//             = (s_i - t_i) / T - (log sum e^(s/T) - log sum e^(t/T))
//   q_i - p_i = p_i (e^(u_i) - 1)                  by expm1
//   KL        = sum_i p_i (e^(u_i) - 1 - u_i)      as sum q = sum p = 1
//
// Every term of the last sum is >= 0, so the sum loses nothing, and an error
// common to all u_i changes it only in second order. s = t gives u = 0, and so
// a loss and a gradient of exactly 0. Hence even float arithmetic is good to
// about 1e-6 in the terms and to classes * 2e-7 in the gradient (worst where
// the teacher is unsure and the student sure), whatever the temperature.

#ifndef DISTILL_LOSSES_KERNELS_KD_ROW_H_
#define DISTILL_LOSSES_KERNELS_KD_ROW_H_

#include <cmath>
#include <cstdint>

#include "base/host_device.h"

namespace distill {

// The two terms of one row, each without its weight; 0 where not evaluated.
template <typename Real>
struct KdRowTerms {
  Real soft;
  Real hard;
};

namespace kd_row_internal {

// e^b - e^a, given exp_a = e^a and difference = b - a (more exactly than b and
// a tell it). Keeps its digits where a and b nearly agree, and does not
// overflow where b is far above a.
template <typename Real>
DISTILL_HOST_DEVICE inline Real ExpDifference(Real exp_a, Real b,
                                              Real difference) {
  return difference < 1 ? exp_a * std::expm1(difference) : std::exp(b) - exp_a;
}

// Where |u| is at most this, e^u - 1 - u is summed as a series: the plain
// form would lose more than 2 bits.
constexpr double kSeriesBound = 0.5;

// (e^u - 1 - u) / u^2 for |u| <= kSeriesBound: 1/2! + u/3! + u^2/4! + ...
// The first term left out is below 1e-17 of the sum.
template <typename Real>
DISTILL_HOST_DEVICE inline Real ExpRemainder(Real u) {
  Real sum = 1;
  for (int k = 15; k >= 3; --k) sum = 1 + sum * u * (Real(1) / k);
  return sum / 2;
}

// A number and its place in the row.
template <typename Real>
struct At {
  Real value;
  int64_t index;
};

// Whether `a` comes before `b` in the search for the largest: by value, and of
// equal ones the first.
template <typename Real>
DISTILL_HOST_DEVICE inline bool Before(const At<Real>& a, const At<Real>& b) {
  return a.value > b.value || (a.value == b.value && a.index < b.index);
}

}  // namespace kd_row_internal

// Who computes a row: `count` lanes, of which this is number `index` and works
// on the elements index, index + count, ...; each lane gets the result of
// every reduction, the same bits in all. This is the only one on a CPU; the
// GPU's are in kd_cuda.cu.
struct OneLane {
  DISTILL_HOST_DEVICE int64_t index() const { return 0; }
  DISTILL_HOST_DEVICE int64_t count() const { return 1; }
  template <typename Real>
  DISTILL_HOST_DEVICE Real Sum(Real x) const {
    return x;
  }
  template <typename Real>
  DISTILL_HOST_DEVICE Real Max(Real x) const {
    return x;
  }
  // The one that kd_row_internal::Before prefers.
  template <typename Real>
  DISTILL_HOST_DEVICE kd_row_internal::At<Real> First(
      kd_row_internal::At<Real> x) const {
    return x;
  }
};

// Returns the soft and the hard term of one row, and writes the gradient of
//   soft_weight * soft + hard_weight * hard
// with respect to student[i] to gradient[i] unless `gradient` is null.
//
// student, teacher, gradient: [classes], classes >= 1; `gradient` overlaps
// neither input. label in [0, classes). temperature > 0 and finite, weights
// >= 0. Preconditions are the caller's to check.
//
// A term of weight 0 is not evaluated: `teacher` is not read where soft_weight
// is 0 and may be null; `label` is not where hard_weight is 0. A NaN in what is
// read gives NaN, never a number that looks right.
//
// Logits are converted to Real before any arithmetic. Real = double is the
// default, for float logits too: on a CPU it is as fast, and it leaves the
// rounding of the result as the only error of size. Real = float is for
// devices where double is slow.
//
// Three passes over the row, no memory beyond a few scalars. `lanes`: see
// OneLane; all lanes call this together, and each gets the terms.
template <typename Real = double, typename Scalar, typename Lanes = OneLane>
DISTILL_HOST_DEVICE inline KdRowTerms<Real> KdRow(
    const Scalar* student, const Scalar* teacher, int64_t classes,
    int64_t label, double temperature, double soft_weight, double hard_weight,
    Scalar* gradient, const Lanes& lanes = Lanes()) {
  using kd_row_internal::At;
  using kd_row_internal::Before;
  using kd_row_internal::ExpDifference;
  using kd_row_internal::ExpRemainder;
  using kd_row_internal::kSeriesBound;
  const bool use_soft = soft_weight != 0;
  const bool use_hard = hard_weight != 0;
  const Real t_scale = static_cast<Real>(temperature);

  // Pass 1: the largest logits. Exponents below are at most 0.
  // (An infinity, where a lane has no element.)
  At<Real> top = {-static_cast<Real>(INFINITY), classes};
  Real teacher_max = top.value;
  for (int64_t i = lanes.index(); i < classes; i += lanes.count()) {
    const At<Real> here = {static_cast<Real>(student[i]), i};
    if (Before(here, top)) top = here;
    if (use_soft && static_cast<Real>(teacher[i]) > teacher_max) {
      teacher_max = static_cast<Real>(teacher[i]);
    }
  }
  top = lanes.First(top);
  const Real student_max = top.value;
  teacher_max = use_soft ? lanes.Max(teacher_max) : Real(0);
  const Real max_difference = student_max - teacher_max;

  // Pass 2: the sums that normalise. The student's at temperature T is kept as
  // its difference from the teacher's; the one at temperature 1 without its
  // largest summand, which is 1, so that log1p keeps a loss near 0 exact.
  Real teacher_sum = 0;
  Real sum_difference = 0;
  Real student_rest = 0;
  for (int64_t i = lanes.index(); i < classes; i += lanes.count()) {
    const Real s = static_cast<Real>(student[i]);
    if (use_soft) {
      const Real t = static_cast<Real>(teacher[i]);
      const Real teacher_exp = std::exp((t - teacher_max) / t_scale);
      teacher_sum += teacher_exp;
      sum_difference += ExpDifference(teacher_exp, (s - student_max) / t_scale,
                                      ((s - t) - max_difference) / t_scale);
    }
    if (use_hard && i != top.index) student_rest += std::exp(s - student_max);
  }
  if (use_soft) {
    teacher_sum = lanes.Sum(teacher_sum);
    sum_difference = lanes.Sum(sum_difference);
  }
  if (use_hard) student_rest = lanes.Sum(student_rest);
  KdRowTerms<Real> terms = {0, 0};
  const Real log_student_sum = std::log1p(student_rest);
  if (use_hard) {
    terms.hard =
        log_student_sum - (static_cast<Real>(student[label]) - student_max);
  }
  Real log_teacher_sum = 0;
  Real log_sum_difference = 0;
  if (use_soft) {
    log_teacher_sum = std::log(teacher_sum);
    log_sum_difference = std::log1p(sum_difference / teacher_sum);
  }

  // Pass 3: the soft term and the gradient.
  const Real soft_scale = static_cast<Real>(soft_weight) * t_scale;
  const Real hard_scale = static_cast<Real>(hard_weight);
  for (int64_t i = lanes.index(); i < classes; i += lanes.count()) {
    const Real s = static_cast<Real>(student[i]);
    Real slope = 0;
    if (use_soft) {
      const Real t = static_cast<Real>(teacher[i]);
      const Real p = std::exp((t - teacher_max) / t_scale - log_teacher_sum);
      const Real u = ((s - t) - max_difference) / t_scale - log_sum_difference;
      const Real log_q =
          (s - student_max) / t_scale - log_teacher_sum - log_sum_difference;
      const Real q_minus_p = ExpDifference(p, log_q, u);
      // T^2 is multiplied in by factors, each where it meets a small one.
      const Real scaled_u = t_scale * u;
      terms.soft += std::fabs(u) <= static_cast<Real>(kSeriesBound)
                        ? p * scaled_u * scaled_u * ExpRemainder(u)
                        : t_scale * (t_scale * q_minus_p - p * scaled_u);
      slope += soft_scale * q_minus_p;
    }
    if (use_hard && gradient != nullptr) {
      slope += hard_scale * (i == label
                                 ? std::expm1(-terms.hard)
                                 : std::exp(s - student_max - log_student_sum));
    }
    if (gradient != nullptr) gradient[i] = static_cast<Scalar>(slope);
  }
  if (use_soft) terms.soft = lanes.Sum(terms.soft);
  return terms;
}

}  // namespace distill

#endif  // DISTILL_LOSSES_KERNELS_KD_ROW_H_
