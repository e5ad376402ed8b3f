#include "models/kernel_choice.h"

#include <c10/util/Exception.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>

namespace distill {
namespace {

std::atomic<kernels::Isa>& Choice() {
  static std::atomic<kernels::Isa> isa{kernels::BestIsa()};
  return isa;
}

}  // namespace

kernels::Isa ChosenIsa() { return Choice().load(std::memory_order_relaxed); }

void SetIsa(kernels::Isa isa) {
  TORCH_CHECK(kernels::IsaSupported(isa), "this processor lacks ",
              kernels::IsaName(isa));
  Choice().store(isa);
}

void* KernelWorkspace(size_t bytes) {
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  static thread_local std::unique_ptr<void, Free> memory;
  static thread_local size_t size = 0;
  if (size < bytes) {
    memory.reset();
    size = 0;
    constexpr size_t kAlignment = 64;
    const size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    memory.reset(std::aligned_alloc(kAlignment, rounded));
    if (memory == nullptr) throw std::bad_alloc();
    size = rounded;
  }
  return memory.get();
}

}  // namespace distill
