// Instruction sets of the CPU that kernels are compiled for.
#ifndef DISTILL_MODELS_KERNELS_ISA_H_
#define DISTILL_MODELS_KERNELS_ISA_H_

namespace distill {
namespace kernels {

// The same source compiled for several instruction sets, the best last.
enum class Isa { kPlain, kAvx2, kAvx512, kAvx512Bf16 };
constexpr Isa kAllIsas[] = {Isa::kPlain, Isa::kAvx2, Isa::kAvx512,
                            Isa::kAvx512Bf16};

// "AVX2 and FMA", for people.
const char* IsaName(Isa isa);

// Whether this processor and operating system can run it.
bool IsaSupported(Isa isa);

// The best one that is supported.
Isa BestIsa();

// Whether the processor multiplies matrices of bfloat16 by instructions of
// their own (AMX), which none of our kernels uses.
bool HasBf16MatrixUnit();

// The one of the same kernels, compiled for each, that is for `isa`.
template <typename Kernels>
const Kernels& KernelsFor(Isa isa, const Kernels& plain, const Kernels& avx2,
                          const Kernels& avx512, const Kernels& avx512_bf16) {
  switch (isa) {
    case Isa::kPlain:
      break;
    case Isa::kAvx2:
      return avx2;
    case Isa::kAvx512:
      return avx512;
    case Isa::kAvx512Bf16:
      return avx512_bf16;
  }
  return plain;
}

}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_ISA_H_
