// The processes that train one model together.
#ifndef DISTILL_TRAINING_RANKS_H_
#define DISTILL_TRAINING_RANKS_H_

#include <cstdint>
#include <string>

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

  // Replaces `values` (contiguous, of one shape and dtype on all ranks, on the
  // CPU) by the sum over the ranks, which has the same bits on each.
  virtual void Sum(at::Tensor values) = 0;
  // Replaces `values` by those of rank 0.
  virtual void Broadcast(at::Tensor values) = 0;

  // Whether any rank says `value`.
  bool Any(bool value);
  // Rank 0's bytes.
  std::string Broadcast(const std::string& bytes);

  // This rank's of `count` things in a row: each is one rank's, and the numbers
  // of two ranks' things differ by one at most. There may be none.
  Span SpanOf(int64_t count) const;
};

// One process, which has no other to wait for.
Ranks& OneProcess();

}  // namespace distill

#endif  // DISTILL_TRAINING_RANKS_H_
