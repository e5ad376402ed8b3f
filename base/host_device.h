#ifndef DISTILL_BASE_HOST_DEVICE_H_
#define DISTILL_BASE_HOST_DEVICE_H_

// Marks a function that both the CPU and the GPU call. Nothing for a compiler
// that knows only the CPU.
// The others, before a loop: the GPU's compiler writes it out, or eight rounds.
#ifdef __CUDACC__
#define DISTILL_HOST_DEVICE __host__ __device__
#else
#define DISTILL_HOST_DEVICE
#endif
#ifdef __CUDA_ARCH__
#define DISTILL_UNROLL _Pragma("unroll")
#define DISTILL_UNROLL_4 _Pragma("unroll 4")
#else
#define DISTILL_UNROLL
#define DISTILL_UNROLL_4
#endif

#endif  // DISTILL_BASE_HOST_DEVICE_H_
