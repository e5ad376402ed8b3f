// A GPU's kernel as phases between barriers: what one thread does in a phase is
// an ordinary function of its number, its block's memory and its own registers.
// So a CPU can run it too, thread by thread in any order, and prove it: what
// depends on that order is a race.
//
//   struct Kernel {
//     struct Params;     // What it works on: numbers and pointers.
//     struct Shared;     // Memory of a block, not initialised.
//     struct Registers;  // Of a thread, from phase to phase; made by {}.
//     static constexpr int kThreads;  // Of a block.
//     // All phases; and which of them, [first, end), are run in rounds, those
//     // before them once before, and the rest once after.
//     static constexpr int kPhases, kFirstOfRound, kEndOfRound;
//     static int Rounds(const Params&, int block);
//     template <int kPhase>
//     static void Phase(const Params&, int block, int round, int thread,
//                       Shared&, Registers&);
//   };
//
// All functions are DISTILL_HOST_DEVICE. There is a barrier behind each phase.
#ifndef DISTILL_MODELS_KERNELS_PHASES_H_
#define DISTILL_MODELS_KERNELS_PHASES_H_

#include <cstring>
#include <memory>
#include <vector>

#include "base/host_device.h"

namespace distill {
namespace kernels {
namespace phases_internal {

// Calls the phases [kPhase, kEnd) of `run`, with a barrier behind each.
template <int kPhase, int kEnd, typename Run>
DISTILL_HOST_DEVICE inline void ForPhases(Run& run) {
  if constexpr (kPhase < kEnd) {
    run.template Phase<kPhase>();
    run.Barrier();
    ForPhases<kPhase + 1, kEnd>(run);
  }
}

// A block on the host: in each phase all threads, one after another.
template <typename Kernel>
struct HostRun {
  const typename Kernel::Params& params;
  const std::vector<int>& order;
  int block;
  typename Kernel::Shared& shared;
  std::vector<typename Kernel::Registers> registers;
  int round = 0;

  template <int kPhase>
  void Phase() {
    for (const int thread : order) {
      Kernel::template Phase<kPhase>(params, block, round, thread, shared,
                                     registers[thread]);
    }
  }
  void Barrier() {}
};

// All of a block.
template <typename Kernel, typename Run>
DISTILL_HOST_DEVICE inline void RunBlock(Run& run, int rounds) {
  ForPhases<0, Kernel::kFirstOfRound>(run);
  for (; run.round != rounds; ++run.round) {
    ForPhases<Kernel::kFirstOfRound, Kernel::kEndOfRound>(run);
  }
  ForPhases<Kernel::kEndOfRound, Kernel::kPhases>(run);
}

}  // namespace phases_internal

// Runs all blocks of a kernel on the host. `order` is the order of a block's
// threads, [kThreads], in each phase.
template <typename Kernel>
void RunOnHost(const typename Kernel::Params& params, int blocks,
               const std::vector<int>& order) {
  for (int block = 0; block < blocks; ++block) {
    // NaNs in each block: nothing may come from the one before.
    const auto shared = std::make_unique<typename Kernel::Shared>();
    std::memset(static_cast<void*>(shared.get()), 0xff, sizeof(*shared));
    phases_internal::HostRun<Kernel> run = {
        params, order, block, *shared,
        std::vector<typename Kernel::Registers>(Kernel::kThreads)};
    phases_internal::RunBlock<Kernel>(run, Kernel::Rounds(params, block));
  }
}

#ifdef __CUDACC__
namespace phases_internal {

template <typename Kernel>
struct DeviceRun {
  const typename Kernel::Params& params;
  typename Kernel::Shared& shared;
  typename Kernel::Registers registers = {};
  int round = 0;

  template <int kPhase>
  __device__ void Phase() {
    Kernel::template Phase<kPhase>(params, blockIdx.x, round, threadIdx.x,
                                   shared, registers);
  }
  __device__ void Barrier() { __syncthreads(); }
};

// (Four blocks a multiprocessor at least: the compiler may take that many
// registers, and does not spill for more.)
template <typename Kernel>
__global__ void __launch_bounds__(Kernel::kThreads, 4)
    OnDevice(const typename Kernel::Params params) {
  __shared__ typename Kernel::Shared shared;
  DeviceRun<Kernel> run = {params, shared};
  RunBlock<Kernel>(run, Kernel::Rounds(params, blockIdx.x));
}

}  // namespace phases_internal

// Enqueues all blocks of a kernel on `stream`.
template <typename Kernel>
cudaError_t RunOnDevice(const typename Kernel::Params& params, int blocks,
                        cudaStream_t stream) {
  if (blocks > 0) {
    phases_internal::OnDevice<Kernel>
        <<<blocks, Kernel::kThreads, 0, stream>>>(params);
  }
  return cudaGetLastError();
}
#endif

}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_PHASES_H_
