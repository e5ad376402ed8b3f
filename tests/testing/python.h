// Others' Python programs as witnesses: see third_party/python_proof.
#ifndef DISTILL_TESTS_TESTING_PYTHON_H_
#define DISTILL_TESTS_TESTING_PYTHON_H_

#include <string>

#include "tests/testing/process.h"

namespace distill {
namespace testing {

// Why there is no @python_proof here: a test then skips itself. Else "".
std::string WhyNoPython();

// Runs the Python of @python_proof with `arguments`, as a shell reads them. The
// result has stderr, too.
ProcessResult RunPython(const std::string& arguments);

// The same with PyTorch: the machine's python3 (or the one that the variable
// DISTILL_TEST_PYTORCH names) and its packages, with the safetensors of
// @python_proof.
std::string WhyNoPyTorch();
ProcessResult RunPyTorch(const std::string& arguments);

// The quoted path of a file of this repository among the test's data.
std::string Source(const std::string& path);

}  // namespace testing
}  // namespace distill

#endif  // DISTILL_TESTS_TESTING_PYTHON_H_
