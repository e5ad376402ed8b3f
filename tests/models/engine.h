// What computes a block or a layer in a test: the CPU's kernels of one
// instruction set, or the GPU's, run by their phases.
#ifndef DISTILL_TESTS_MODELS_ENGINE_H_
#define DISTILL_TESTS_MODELS_ENGINE_H_

#include <string>

#include "models/gpu_kernels.h"
#include "models/kernel_choice.h"
#include "models/kernels/isa.h"

namespace distill {

enum class Engine { kPlain, kAvx2, kAvx512, kAvx512Bf16, kGpuPhases };
constexpr Engine kAllEngines[] = {Engine::kPlain, Engine::kAvx2,
                                  Engine::kAvx512, Engine::kAvx512Bf16,
                                  Engine::kGpuPhases};

inline kernels::Isa IsaOf(Engine engine) {
  return engine == Engine::kGpuPhases
             ? kernels::BestIsa()
             : kernels::kAllIsas[static_cast<int>(engine)];
}

// In use from here to its end.
class UsedEngine {
 public:
  explicit UsedEngine(Engine engine) {
    SetIsa(IsaOf(engine));
    if (engine == Engine::kGpuPhases) SetGpuKernels(GpuKernels::kOwnOnHost);
  }
  ~UsedEngine() {
    SetIsa(kernels::BestIsa());
    SetGpuKernels(GpuKernels::kLibTorch);
  }
  UsedEngine(const UsedEngine&) = delete;
  UsedEngine& operator=(const UsedEngine&) = delete;
};

inline std::string EngineName(Engine engine) {
  const char* const names[] = {"Plain", "Avx2", "Avx512", "Avx512Bf16",
                               "GpuPhases"};
  return names[static_cast<int>(engine)];
}

}  // namespace distill

#endif  // DISTILL_TESTS_MODELS_ENGINE_H_
