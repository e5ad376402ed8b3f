#include "tests/testing/python.h"

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tests/testing/files.h"

namespace distill {
namespace testing {
namespace {

std::string PythonProof(const std::string& name) {
  return absl::StrCat(std::getenv("TEST_SRCDIR"), "/python_proof/", name);
}

}  // namespace

std::string WhyNoPython() {
  const std::string file = PythonProof("unavailable");
  return std::filesystem::exists(file) ? ReadFile(file) : "";
}

ProcessResult RunPython(const std::string& arguments) {
  return RunInShell(
      absl::StrCat("'", PythonProof("python"), "' ", arguments, " 2>&1"));
}

std::string Source(const std::string& path) {
  return absl::StrCat("'", ProgramPath(path), "'");
}

}  // namespace testing
}  // namespace distill
