#include "models/kernels/dense_kernels.h"

namespace distill {
namespace kernels {

// One for each time that dense_isa.cc is compiled.
extern const DenseKernels kDensePlain;
extern const DenseKernels kDenseAvx2;
extern const DenseKernels kDenseAvx512;
extern const DenseKernels kDenseAvx512Bf16;

const DenseKernels& DenseKernelsFor(Isa isa) {
  return KernelsFor(isa, kDensePlain, kDenseAvx2, kDenseAvx512,
                    kDenseAvx512Bf16);
}

}  // namespace kernels
}  // namespace distill
