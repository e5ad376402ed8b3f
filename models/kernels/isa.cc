#include "models/kernels/isa.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

namespace distill {
namespace kernels {

const char* IsaName(Isa isa) {
  switch (isa) {
    case Isa::kPlain:
      return "the compiler's default";
    case Isa::kAvx2:
      return "AVX2 and FMA";
    case Isa::kAvx512:
      return "AVX-512";
    case Isa::kAvx512Bf16:
      return "AVX-512 with BF16";
  }
  return "unknown";
}

bool IsaSupported(Isa isa) {
  // __builtin_cpu_supports also asks whether the operating system saves the
  // registers.
  switch (isa) {
    case Isa::kPlain:
      return true;
    case Isa::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::kAvx512:
      return IsaSupported(Isa::kAvx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
    case Isa::kAvx512Bf16:
      return IsaSupported(Isa::kAvx512) && __builtin_cpu_supports("avx512bf16");
  }
  return false;
}

Isa BestIsa() {
  Isa best = Isa::kPlain;
  for (Isa isa : kAllIsas) {
    if (IsaSupported(isa)) best = isa;
  }
  return best;
}

bool HasBf16MatrixUnit() {
#ifdef __x86_64__
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr unsigned kAmxBf16 = 1U << 22;  // Of EDX, leaf 7.
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 &&
         (edx & kAmxBf16) != 0;
#else
  return false;
#endif
}

}  // namespace kernels
}  // namespace distill
