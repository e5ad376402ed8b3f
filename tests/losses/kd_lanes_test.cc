// That lanes which share a row, as a GPU's threads do, compute what one does.
// The lanes are threads here, and exchange as the GPU's warps do: with the
// partner whose number differs in one bit.
#include <gtest/gtest.h>
#include <pthread.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <thread>
#include <vector>

#include "losses/kernels/kd_row.h"

namespace distill {
namespace {

using kd_row_internal::At;
using kd_row_internal::Before;

// What the lanes of one row share.
class Exchange {
 public:
  explicit Exchange(int lanes) : lanes_(lanes), slots_(lanes) {
    pthread_barrier_init(&barrier_, nullptr, lanes);
  }
  ~Exchange() { pthread_barrier_destroy(&barrier_); }
  int lanes() const { return lanes_; }

  // `mine` of the lane that differs from `lane` in `bit`.
  At<double> Swap(int lane, int bit, const At<double>& mine) {
    slots_[lane] = mine;
    pthread_barrier_wait(&barrier_);
    const At<double> other = slots_[lane ^ bit];
    pthread_barrier_wait(&barrier_);
    return other;
  }

 private:
  const int lanes_;
  std::vector<At<double>> slots_;
  pthread_barrier_t barrier_;
};

struct ThreadLanes {
  int lane;
  Exchange* exchange;

  int64_t index() const { return lane; }
  int64_t count() const { return exchange->lanes(); }
  template <typename Combine>
  At<double> Reduce(At<double> x, const Combine& combine) const {
    for (int bit = exchange->lanes() / 2; bit > 0; bit /= 2) {
      x = combine(x, exchange->Swap(lane, bit, x));
    }
    return x;
  }
  template <typename Real>
  Real Sum(Real x) const {
    return static_cast<Real>(
        Reduce({static_cast<double>(x), 0}, [](At<double> a, At<double> b) {
          return At<double>{static_cast<double>(static_cast<Real>(a.value) +
                                                static_cast<Real>(b.value)),
                            0};
        }).value);
  }
  template <typename Real>
  Real Max(Real x) const {
    return static_cast<Real>(
        Reduce({static_cast<double>(x), 0}, [](At<double> a, At<double> b) {
          return b.value > a.value ? b : a;
        }).value);
  }
  template <typename Real>
  At<Real> First(At<Real> x) const {
    const At<double> first =
        Reduce({static_cast<double>(x.value), x.index},
               [](At<double> a, At<double> b) { return Before(b, a) ? b : a; });
    return {static_cast<Real>(first.value), first.index};
  }
};

template <typename Real>
struct Row {
  KdRowTerms<Real> terms;
  std::vector<Real> gradient;
};

template <typename Real>
Row<Real> WithLanes(int lanes, const std::vector<Real>& s,
                    const std::vector<Real>& t, int64_t label,
                    double temperature, double soft_weight,
                    double hard_weight) {
  Row<Real> row;
  row.gradient.resize(s.size());
  std::vector<KdRowTerms<Real>> terms(lanes);
  Exchange exchange(lanes);
  std::vector<std::thread> threads;
  threads.reserve(lanes);
  for (int lane = 0; lane < lanes; ++lane) {
    threads.emplace_back([&, lane] {
      terms[lane] = KdRow<Real>(
          s.data(), t.data(), s.size(), label, temperature, soft_weight,
          hard_weight, row.gradient.data(), ThreadLanes{lane, &exchange});
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const KdRowTerms<Real>& other : terms) {
    EXPECT_EQ(std::memcmp(&other, &terms[0], sizeof other), 0)
        << "not the same bits in all lanes";
  }
  row.terms = terms[0];
  return row;
}

template <typename Real>
class KdLanesTest : public ::testing::Test {};
using Reals = ::testing::Types<float, double>;
TYPED_TEST_SUITE(KdLanesTest, Reals, );

// Fewer classes than lanes, as many, and more; a power of two and not.
TYPED_TEST(KdLanesTest, AgreeWithOneLane) {
  using Real = TypeParam;
  std::mt19937_64 generator(7);
  std::normal_distribution<Real> normal(0, 3);
  for (int lanes : {2, 32}) {
    for (int64_t classes : {1, 2, 10, 32, 33, 100}) {
      for (double temperature : {1.0, 5.0, 50.0}) {
        for (double soft_weight : {0.0, 0.5, 1.0}) {
          std::vector<Real> s(classes), t(classes);
          for (Real& value : s) value = normal(generator);
          for (Real& value : t) value = normal(generator);
          const int64_t label = classes / 2;
          const Row<Real> found = WithLanes<Real>(
              lanes, s, t, label, temperature, soft_weight, 1 - soft_weight);
          std::vector<Real> gradient(classes);
          const KdRowTerms<Real> expected =
              KdRow<Real>(s.data(), t.data(), classes, label, temperature,
                          soft_weight, 1 - soft_weight, gradient.data());
          // The order of the sums alone differs: an epsilon for each class, in
          // the sums and in what follows from them.
          const Real tolerance = static_cast<Real>(8 * (classes + 8)) *
                                 std::numeric_limits<Real>::epsilon();
          const Real size = 1 + expected.soft + expected.hard;
          EXPECT_NEAR(found.terms.soft, expected.soft, tolerance * size);
          EXPECT_NEAR(found.terms.hard, expected.hard, tolerance * size);
          for (int64_t i = 0; i < classes; ++i) {
            EXPECT_NEAR(found.gradient[i], gradient[i],
                        tolerance * static_cast<Real>(1 + temperature))
                << i << " of " << classes << ", " << lanes << " lanes";
          }
        }
      }
    }
  }
}

TYPED_TEST(KdLanesTest, StudentIsTeacherGivesExactlyNothing) {
  using Real = TypeParam;
  const std::vector<Real> same = {3, -1, 4, 1, -5, 9, 2, -6, 5, 3, 5};
  const Row<Real> row = WithLanes<Real>(32, same, same, 0, 5, 1, 0);
  EXPECT_EQ(row.terms.soft, 0);
  for (Real value : row.gradient) EXPECT_EQ(value, 0);
}

// Equal largest logits must count once each, whichever lane has them.
TYPED_TEST(KdLanesTest, EqualLargestLogitsAreCountedOnceEach) {
  using Real = TypeParam;
  const std::vector<Real> s(40, 2);
  const Row<Real> row = WithLanes<Real>(32, s, s, 39, 1, 0, 1);
  EXPECT_NEAR(row.terms.hard, std::log(40.0),
              100 * std::numeric_limits<Real>::epsilon());
}

TYPED_TEST(KdLanesTest, ANaNInAnyLaneIsSeen) {
  using Real = TypeParam;
  for (size_t place : {size_t{0}, size_t{9}, size_t{35}}) {
    std::vector<Real> s(40, 1), t(40, 2);
    s[place] = std::numeric_limits<Real>::quiet_NaN();
    EXPECT_TRUE(std::isnan(WithLanes<Real>(32, s, t, 1, 5, 0, 1).terms.hard));
    EXPECT_TRUE(std::isnan(WithLanes<Real>(32, s, t, 1, 5, 1, 0).terms.soft));
    EXPECT_TRUE(std::isnan(WithLanes<Real>(32, t, s, 1, 5, 1, 0).terms.soft));
  }
}

}  // namespace
}  // namespace distill
