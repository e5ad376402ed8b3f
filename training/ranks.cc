#include "training/ranks.h"

#include <cstring>

#include "ATen/ops/empty.h"
#include "ATen/ops/full.h"

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

bool Ranks::Any(bool value) {
  if (size() == 1) return value;
  const at::Tensor votes = at::full({1}, value ? 1 : 0, at::kLong);
  Sum(votes);
  return votes.item<int64_t>() > 0;
}

std::string Ranks::Broadcast(const std::string& bytes) {
  if (size() == 1) return bytes;
  const at::Tensor count =
      at::full({1}, static_cast<int64_t>(bytes.size()), at::kLong);
  Broadcast(count);
  at::Tensor all = at::empty({count.item<int64_t>()}, at::kByte);
  if (rank() == 0 && !bytes.empty())
    std::memcpy(all.mutable_data_ptr(), bytes.data(), bytes.size());
  Broadcast(all);
  return {static_cast<const char*>(all.const_data_ptr()),
          static_cast<size_t>(all.numel())};
}

Span Ranks::SpanOf(int64_t count) const {
  const int64_t first = rank() * count / size();
  return {first, (rank() + 1) * count / size() - first};
}

Ranks& OneProcess() {
  static OnlyRank only;
  return only;
}

}  // namespace distill
