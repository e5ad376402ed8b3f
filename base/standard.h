// Included before LibTorch: an old C++ standard is one error, not hundreds.
#ifndef DISTILL_BASE_STANDARD_H_
#define DISTILL_BASE_STANDARD_H_

// clang-format off
#if __cplusplus < 201402L
#error "distill: found a C++ older than C++14; expected C++17 or later. What to do: bazel build --cxxopt=-std=c++17"
#elif __cplusplus < 201703L
#error "distill: found C++14; expected C++17 or later. What to do: bazel build --cxxopt=-std=c++17"
#endif
// clang-format on
#if __cplusplus < 201703L
// Compilers read on after an #error, but not after a file that is not there.
#include "C++17 or later"
#endif

#endif  // DISTILL_BASE_STANDARD_H_
