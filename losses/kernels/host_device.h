#ifndef DISTILL_LOSSES_KERNELS_HOST_DEVICE_H_
#define DISTILL_LOSSES_KERNELS_HOST_DEVICE_H_

// Marks a function that both the CPU and the GPU call. Nothing for a compiler
// that knows only the CPU.
#ifdef __CUDACC__
#define DISTILL_HOST_DEVICE __host__ __device__
#else
#define DISTILL_HOST_DEVICE
#endif

#endif  // DISTILL_LOSSES_KERNELS_HOST_DEVICE_H_
