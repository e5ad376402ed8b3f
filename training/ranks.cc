#include "training/ranks.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

#include "ATen/ops/empty.h"
#include "ATen/ops/full.h"
#include "ATen/ops/zeros.h"
#include "absl/strings/str_cat.h"
#include "c10/util/Exception.h"

namespace distill {
namespace {

class OnlyRank : public Ranks {
 public:
  int64_t rank() const override { return 0; }
  int64_t size() const override { return 1; }
  void Sum(at::Tensor /*values*/) override {}
  void Broadcast(at::Tensor /*values*/) override {}
  std::unique_ptr<Ranks> Group(int64_t /*size*/) override {
    tickets_ = 0;
    return std::make_unique<OnlyRank>();
  }
  int64_t TakeTickets(int64_t count) override {
    return tickets_.fetch_add(count);
  }
  void Send(const std::string& /*bytes*/) override {
    TORCH_CHECK(false, "ranks: there is no other to send to");
  }
  std::optional<std::string> Receive() override { return std::nullopt; }
  void Wait() override {}

 private:
  // (All of the process's threads have one such object.)
  std::atomic<int64_t> tickets_ = 0;
};

}  // namespace

std::string Ranks::Name() const {
  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  return absl::StrCat("rank ", rank(), " of ", size(), " on ", host);
}

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

std::vector<int64_t> Ranks::Broadcast(const std::vector<int64_t>& numbers) {
  std::string bytes(numbers.size() * sizeof(int64_t), '\0');
  if (!numbers.empty()) {
    std::memcpy(bytes.data(), numbers.data(), bytes.size());
  }
  bytes = Broadcast(bytes);
  std::vector<int64_t> received(bytes.size() / sizeof(int64_t));
  if (!received.empty()) {
    std::memcpy(received.data(), bytes.data(), bytes.size());
  }
  return received;
}

std::vector<std::string> Ranks::Gather(const std::string& text) {
  constexpr int64_t kWidth = 256;
  at::Tensor all = at::zeros({size(), kWidth}, at::kByte);
  char* const rows = static_cast<char*>(all.mutable_data_ptr());
  std::strncpy(rows + rank() * kWidth, text.c_str(), kWidth - 1);
  Sum(all);
  std::vector<std::string> texts;
  for (int64_t i = 0; i < size(); ++i) texts.emplace_back(rows + i * kWidth);
  return texts;
}

double Ranks::SecondsToSum(int64_t numbers) {
  const at::Tensor values = at::zeros({numbers}, at::kFloat);
  std::vector<double> seconds;
  for (int i = 0; i < 25; ++i) {
    Wait();
    const auto start = std::chrono::steady_clock::now();
    Sum(values);
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
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
