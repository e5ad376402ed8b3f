#include "models/kernels/conv_block_kernels.h"

namespace distill {
namespace kernels {

// One for each time that conv_block_isa.cc is compiled.
extern const ConvBlockKernels kConvBlockPlain;
extern const ConvBlockKernels kConvBlockAvx2;
extern const ConvBlockKernels kConvBlockAvx512;
extern const ConvBlockKernels kConvBlockAvx512Bf16;

const ConvBlockKernels& ConvBlockKernelsFor(Isa isa) {
  return KernelsFor(isa, kConvBlockPlain, kConvBlockAvx2, kConvBlockAvx512,
                    kConvBlockAvx512Bf16);
}

}  // namespace kernels
}  // namespace distill
