#include "models/kernels/conv_block_kernels.h"

namespace distill {
namespace kernels {

// One for each time that conv_block_isa.cc is compiled.
extern const ConvBlockKernels kConvBlockPlain;
extern const ConvBlockKernels kConvBlockAvx2;
extern const ConvBlockKernels kConvBlockAvx512;
extern const ConvBlockKernels kConvBlockAvx512Bf16;

const ConvBlockKernels& ConvBlockKernelsFor(Isa isa) {
  switch (isa) {
    case Isa::kPlain:
      break;
    case Isa::kAvx2:
      return kConvBlockAvx2;
    case Isa::kAvx512:
      return kConvBlockAvx512;
    case Isa::kAvx512Bf16:
      return kConvBlockAvx512Bf16;
  }
  return kConvBlockPlain;
}

}  // namespace kernels
}  // namespace distill
