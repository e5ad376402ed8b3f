// The project's random numbers: every use has its own stream.
//
// A stream is named by (seed, purpose, epoch), so that drawing more numbers for
// one purpose, or not drawing them at all, changes no other. Nothing here reads
// or writes a global generator, and the numbers are the same on every platform:
// only unsigned 64-bit arithmetic is used, never <random> or std::shuffle,
// whose results the standard leaves to the library.
#ifndef DISTILL_BASE_RANDOM_H_
#define DISTILL_BASE_RANDOM_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace distill {

// xoshiro256** 1.0 of D. Blackman and S. Vigna, "Scrambled linear pseudorandom
// number generators", ACM TOMS 47 (2021); period 2^256 - 1. Its four words come
// from SplitMix64 (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom
// number generators", OOPSLA 2014), as its authors advise, started from a hash
// of the three names. Not for secrets. One object is for one thread; a copy
// continues with the same numbers as the original.
class Random {
 public:
  // `purpose` is any text, for example "order"; `epoch` is any number, 0 where
  // a purpose has no epochs.
  Random(uint64_t seed, const std::string& purpose, int64_t epoch = 0);

  // A number in [0, 2^64), each equally likely.
  uint64_t Next();

  // A number in [0, n), each exactly equally likely (D. Lemire, "Fast random
  // integer generation in an interval", ACM TOMACS 29 (2019)). n >= 1; for n =
  // 0 there is no such number, and 0 is returned.
  uint64_t Below(uint64_t n);

  // A multiple of 2^-53 in [0, 1), each equally likely.
  double Uniform();

  // The numbers 0 .. n-1 in random order (Fisher-Yates); empty for n <= 0.
  std::vector<int64_t> Permutation(int64_t n);

 private:
  std::array<uint64_t, 4> state_;
};

// The two published generators and the hash, for tests against their published
// values.
namespace internal {

// Advances `state` and returns its next number.
uint64_t SplitMix64(uint64_t& state);
uint64_t Xoshiro256StarStar(std::array<uint64_t, 4>& state);

// FNV-1a, 64 bits (G. Fowler, L. C. Noll, K.-P. Vo).
uint64_t Fnv1a64(const std::string& text);

}  // namespace internal
}  // namespace distill

#endif  // DISTILL_BASE_RANDOM_H_
