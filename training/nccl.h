// Sums over the GPUs of several processes, by NCCL.
#ifndef DISTILL_TRAINING_NCCL_H_
#define DISTILL_TRAINING_NCCL_H_

#include <functional>
#include <memory>
#include <string>

#include "ATen/core/Tensor.h"

namespace distill {

// What each process of a group calls in the same order, with tensors on its
// current CUDA device. All is enqueued on the current stream, and may be
// captured in a CUDA graph.
class Nccl {
 public:
  virtual ~Nccl() = default;
  virtual void Sum(at::Tensor values) = 0;
  virtual void Broadcast(at::Tensor values) = 0;  // Rank 0's.
};

// Meets the others of `size`; `share` returns rank 0's argument on each.
// c10::Error where that fails, and in a program without CUDA.
std::unique_ptr<Nccl> MakeNccl(
    int rank, int size,
    const std::function<std::string(const std::string&)>& share);

}  // namespace distill

#endif  // DISTILL_TRAINING_NCCL_H_
