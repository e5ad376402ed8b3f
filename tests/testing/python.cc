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

std::string WhyNoPyTorch() {
  if (!WhyNoPython().empty()) return WhyNoPython();
  const ProcessResult import = RunPyTorch(
      "-c 'import torch, numpy, safetensors.torch; torch.zeros(1).numpy()'");
  if (import.exit_code == 0) return "";
  return absl::StrCat("PyTorch cannot be imported (", import.LastLine(),
                      "). What to do: sudo apt-get install python3-torch, or "
                      "--test_env=DISTILL_TEST_PYTORCH=/path/to/python3");
}

ProcessResult RunPyTorch(const std::string& arguments) {
  const char* const named = std::getenv("DISTILL_TEST_PYTORCH");
  // Of the proof's packages this one alone: NumPy must be PyTorch's.
  return RunInShell(
      absl::StrCat("p=$(mktemp -d) && ln -s '", PythonProof("safetensors"),
                   "' \"$p\" && PYTHONPATH=$p PYTHONDONTWRITEBYTECODE=1 '",
                   named == nullptr ? "/usr/bin/python3" : named, "' ",
                   arguments, " 2>&1; code=$?; rm -r \"$p\"; exit $code"));
}

std::string Source(const std::string& path) {
  return absl::StrCat("'", ProgramPath(path), "'");
}

}  // namespace testing
}  // namespace distill
