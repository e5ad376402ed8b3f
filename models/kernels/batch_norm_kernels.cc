#include "models/kernels/batch_norm_kernels.h"

namespace distill {
namespace kernels {

// One for each time that batch_norm_isa.cc is compiled.
extern const BatchNormKernels kBatchNormPlain;
extern const BatchNormKernels kBatchNormAvx2;
extern const BatchNormKernels kBatchNormAvx512;
extern const BatchNormKernels kBatchNormAvx512Bf16;

const BatchNormKernels& BatchNormKernelsFor(Isa isa) {
  return KernelsFor(isa, kBatchNormPlain, kBatchNormAvx2, kBatchNormAvx512,
                    kBatchNormAvx512Bf16);
}

}  // namespace kernels
}  // namespace distill
