// The processes that train one model together.
#ifndef DISTILL_TRAINING_RANKS_H_
#define DISTILL_TRAINING_RANKS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "data/batches.h"

namespace distill {

// What a training has to know of the processes that it is divided among. Each
// of them calls the same functions in the same order; a call waits for all.
// Raises c10::Error where another rank cannot be reached.
class Ranks {
 public:
  virtual ~Ranks() = default;

  virtual int64_t rank() const = 0;  // In [0, size()).
  virtual int64_t size() const = 0;
  // This rank's number among those of its host.
  virtual int64_t local_rank() const { return 0; }

  // Replaces `values` (contiguous, of one shape and dtype on all ranks, all on
  // the CPU or each on a GPU of its own) by the sum over the ranks, which has
  // the same bits on each. On a GPU that is enqueued on the current stream.
  virtual void Sum(at::Tensor values) = 0;
  // Replaces `values` by those of rank 0.
  virtual void Broadcast(at::Tensor values) = 0;

  // Divides the ranks into groups of `size` in a row, the last of which may
  // have fewer, and returns this rank's. Tickets are counted from 0 again.
  virtual std::unique_ptr<Ranks> Group(int64_t size) = 0;
  // The first of the next `count` of the numbers 0, 1, 2, ..., of which each is
  // given to one rank. Waits for no other rank.
  virtual int64_t TakeTickets(int64_t count) = 0;
  // Sends a message to rank 0, which is another.
  virtual void Send(const std::string& bytes) = 0;
  // Rank 0's: a message that has come, if there is one.
  virtual std::optional<std::string> Receive() = 0;
  // Waits for all, and leaves the processor to those that compute.
  virtual void Wait() = 0;

  // "rank 3 of 8 on node7".
  std::string Name() const;

  // Whether any rank says `value`.
  bool Any(bool value);
  // Rank 0's bytes, or numbers.
  std::string Broadcast(const std::string& bytes);
  std::vector<int64_t> Broadcast(const std::vector<int64_t>& numbers);

  // The text of each rank, by rank, of up to 255 bytes.
  std::vector<std::string> Gather(const std::string& text);
  // Seconds to Sum so many float32 numbers: the median of several.
  double SecondsToSum(int64_t numbers);

  // This rank's of `count` things in a row: each is one rank's, and the numbers
  // of two ranks' things differ by one at most. There may be none.
  Span SpanOf(int64_t count) const;
};

// One process, which has no other to wait for.
Ranks& OneProcess();

}  // namespace distill

#endif  // DISTILL_TRAINING_RANKS_H_
