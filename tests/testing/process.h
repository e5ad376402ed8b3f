// Programs started by tests.
#ifndef DISTILL_TESTS_TESTING_PROCESS_H_
#define DISTILL_TESTS_TESTING_PROCESS_H_

#include <string>

namespace distill {
namespace testing {

// The absolute path of a program of this repository that is among the test's
// data: "cli/distill".
std::string ProgramPath(const std::string& name);

struct ProcessResult {
  // Of the shell, which passes the program's on; -1 if a signal ended it.
  int exit_code = -1;
  // All of stdout.
  std::string out;

  // The last line of stdout.
  std::string LastLine() const;
};

// Runs `command` in sh and waits for it. For the tests' own constant commands:
// nothing is quoted here.
ProcessResult RunInShell(const std::string& command);

}  // namespace testing
}  // namespace distill

#endif  // DISTILL_TESTS_TESTING_PROCESS_H_
