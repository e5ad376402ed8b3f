#include "tests/testing/process.h"

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace distill {
namespace testing {

std::string ProgramPath(const std::string& name) {
  const char* runfiles = std::getenv("TEST_SRCDIR");
  return std::string(runfiles == nullptr ? "." : runfiles) + "/distill/" + name;
}

std::string ProcessResult::LastLine() const {
  const size_t end = out.find_last_not_of('\n') + 1;
  const size_t newline = out.rfind('\n', end == 0 ? 0 : end - 1);
  const size_t begin = newline == std::string::npos ? 0 : newline + 1;
  return out.substr(begin, end - begin);
}

ProcessResult RunInShell(const std::string& command) {
  ProcessResult result;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return result;
  std::array<char, 4096> buffer;
  while (const size_t size = fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.out.append(buffer.data(), size);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  return result;
}

}  // namespace testing
}  // namespace distill
