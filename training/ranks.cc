#include "training/ranks.h"

namespace distill {
namespace {

class OnlyRank : public Ranks {
 public:
  int64_t rank() const override { return 0; }
  int64_t size() const override { return 1; }
  void Sum(at::Tensor /*values*/) override {}
  void Broadcast(at::Tensor /*values*/) override {}
};

}  // namespace

Span Ranks::SpanOf(int64_t count) const {
  const int64_t first = rank() * count / size();
  return {first, (rank() + 1) * count / size() - first};
}

Ranks& OneProcess() {
  static OnlyRank only;
  return only;
}

}  // namespace distill
