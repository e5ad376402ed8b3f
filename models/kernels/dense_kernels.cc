#include "models/kernels/dense_kernels.h"

namespace distill {
namespace kernels {

// One for each time that dense_isa.cc is compiled.
extern const DenseKernels kDensePlain;
extern const DenseKernels kDenseAvx2;
extern const DenseKernels kDenseAvx512;
extern const DenseKernels kDenseAvx512Bf16;

const DenseKernels& DenseKernelsFor(Isa isa) {
  switch (isa) {
    case Isa::kPlain:
      break;
    case Isa::kAvx2:
      return kDenseAvx2;
    case Isa::kAvx512:
      return kDenseAvx512;
    case Isa::kAvx512Bf16:
      return kDenseAvx512Bf16;
  }
  return kDensePlain;
}

}  // namespace kernels
}  // namespace distill
