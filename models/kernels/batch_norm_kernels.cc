#include "models/kernels/batch_norm_kernels.h"

namespace distill {
namespace kernels {

// One for each time that batch_norm_isa.cc is compiled.
extern const BatchNormKernels kBatchNormPlain;
extern const BatchNormKernels kBatchNormAvx2;
extern const BatchNormKernels kBatchNormAvx512;
extern const BatchNormKernels kBatchNormAvx512Bf16;

const BatchNormKernels& BatchNormKernelsFor(Isa isa) {
  switch (isa) {
    case Isa::kPlain:
      break;
    case Isa::kAvx2:
      return kBatchNormAvx2;
    case Isa::kAvx512:
      return kBatchNormAvx512;
    case Isa::kAvx512Bf16:
      return kBatchNormAvx512Bf16;
  }
  return kBatchNormPlain;
}

}  // namespace kernels
}  // namespace distill
