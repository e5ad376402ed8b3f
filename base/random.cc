#include "base/random.h"

#include <utility>

namespace distill {
namespace internal {
namespace {

uint64_t RotateLeft(uint64_t x, int bits) {
  return (x << bits) | (x >> (64 - bits));
}

}  // namespace

uint64_t SplitMix64(uint64_t& state) {
  state += 0x9e3779b97f4a7c15u;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

uint64_t Xoshiro256StarStar(std::array<uint64_t, 4>& s) {
  const uint64_t result = RotateLeft(s[1] * 5, 7) * 9;
  const uint64_t shifted = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= shifted;
  s[3] = RotateLeft(s[3], 45);
  return result;
}

uint64_t Fnv1a64(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3u;
  }
  return hash;
}

}  // namespace internal

Random::Random(uint64_t seed, const std::string& purpose, int64_t epoch) {
  // SplitMix64's output is a bijection of its state, so each name is stirred in
  // whole before the next: neighbouring seeds and epochs, the usual ones, end
  // far apart.
  uint64_t state = seed;
  state = internal::SplitMix64(state) ^ internal::Fnv1a64(purpose);
  state = internal::SplitMix64(state) ^ static_cast<uint64_t>(epoch);
  for (uint64_t& word : state_) word = internal::SplitMix64(state);
}

uint64_t Random::Next() { return internal::Xoshiro256StarStar(state_); }

uint64_t Random::Below(uint64_t n) {
  __extension__ using Wide = unsigned __int128;
  // The high half of x * n is in [0, n). Of the 2^64 values of x, those with a
  // low half under 2^64 mod n are the surplus that would favour some results.
  Wide product = static_cast<Wide>(Next()) * n;
  if (static_cast<uint64_t>(product) < n) {
    const uint64_t surplus = (0 - n) % n;
    while (static_cast<uint64_t>(product) < surplus) {
      product = static_cast<Wide>(Next()) * n;
    }
  }
  return static_cast<uint64_t>(product >> 64);
}

double Random::Uniform() {
  return static_cast<double>(Next() >> 11) * 0x1.0p-53;
}

std::vector<int64_t> Random::Permutation(int64_t n) {
  std::vector<int64_t> order(n > 0 ? n : 0);
  for (int64_t i = 0; i < n; ++i) order[i] = i;
  for (int64_t i = n - 1; i > 0; --i) {
    std::swap(order[i], order[Below(static_cast<uint64_t>(i) + 1)]);
  }
  return order;
}

}  // namespace distill
