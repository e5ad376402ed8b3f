// The GPU's kernels of models, enqueued: each is compiled in a CUDA build
// alone.
#ifndef DISTILL_MODELS_KERNELS_GPU_LAUNCH_H_
#define DISTILL_MODELS_KERNELS_GPU_LAUNCH_H_

#include "models/kernels/conv_block_phases.h"
#include "models/kernels/dense_phases.h"
#include "models/kernels/product_phases.h"

namespace distill {
namespace kernels {

// Calls DO(kernel) for each of them.
#define DISTILL_COMMA ,
#define DISTILL_FOR_PRODUCTS(DO, Work)            \
  DO(Product<Work DISTILL_COMMA Float32Products>) \
  DO(Product<Work DISTILL_COMMA Tf32Products>)    \
  DO(Product<Work DISTILL_COMMA BFloat16Products>)
#define DISTILL_FOR_SPLIT_PRODUCTS(DO, Work) \
  DISTILL_FOR_PRODUCTS(DO, Work)             \
  DO(SumParts<Work>)
#define DISTILL_FOR_GPU_KERNELS(DO)                       \
  DISTILL_FOR_SPLIT_PRODUCTS(DO, DenseForward)            \
  DISTILL_FOR_SPLIT_PRODUCTS(DO, DenseInputGradient)      \
  DISTILL_FOR_SPLIT_PRODUCTS(DO, DenseWeightGradient)     \
  DISTILL_FOR_PRODUCTS(DO, ConvBlockForward)              \
  DISTILL_FOR_SPLIT_PRODUCTS(DO, ConvBlockInputGradient)  \
  DISTILL_FOR_SPLIT_PRODUCTS(DO, ConvBlockWeightGradient) \
  DO(OneChannelForward)                                   \
  DO(OneChannelWeightGradient)                            \
  DO(SumParts<OneChannelSums>)                            \
  DO(Adam)

// Enqueues `blocks` blocks on `stream`, a cudaStream_t. Returns null, or what
// is wrong, for people.
template <typename Kernel>
const char* EnqueueOnGpu(const typename Kernel::Params& params, int blocks,
                         void* stream);

}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_GPU_LAUNCH_H_
