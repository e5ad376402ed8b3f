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

}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_ISA_H_
