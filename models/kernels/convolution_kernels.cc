#include "models/kernels/convolution_kernels.h"

namespace distill {
namespace kernels {

// One for each time that convolution_isa.cc is compiled.
extern const ConvolutionKernels kConvolutionPlain;
extern const ConvolutionKernels kConvolutionAvx2;
extern const ConvolutionKernels kConvolutionAvx512;
extern const ConvolutionKernels kConvolutionAvx512Bf16;

const ConvolutionKernels& ConvolutionKernelsFor(Isa isa) {
  return KernelsFor(isa, kConvolutionPlain, kConvolutionAvx2,
                    kConvolutionAvx512, kConvolutionAvx512Bf16);
}

}  // namespace kernels
}  // namespace distill
