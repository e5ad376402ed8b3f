// What the fuzzed programs share.
#ifndef DISTILL_TESTS_FUZZ_INPUT_H_
#define DISTILL_TESTS_FUZZ_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/status/status.h"

// Called with each input; declared by libFuzzer and by replay_main.cc.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace distill {
namespace fuzz {

// Ends the process, as a crash does, if what must hold does not.
inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: it does not hold that %s\n", what);
  std::abort();
}

// An error says which input it is about, and is of a code that users see.
inline void RequireGoodError(const absl::Status& status,
                             const std::string& name) {
  Require(!status.ok(), "an error is one");
  Require(status.message().find(name) != absl::string_view::npos,
          "an error names its file");
  Require(status.code() != absl::StatusCode::kUnknown &&
              status.code() != absl::StatusCode::kInternal,
          "an error has a code that says whose fault it is");
}

// A file in memory, with a path, whose contents are replaced.
class MemoryFile {
 public:
  MemoryFile();
  const std::string& Write(const uint8_t* data, size_t size);

 private:
  int file_;
  std::string path_;
};

}  // namespace fuzz
}  // namespace distill

#endif  // DISTILL_TESTS_FUZZ_INPUT_H_
