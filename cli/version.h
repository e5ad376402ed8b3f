// What this program is made of.
#ifndef DISTILL_CLI_VERSION_H_
#define DISTILL_CLI_VERSION_H_

#include <string>

namespace distill {

// Of all programs.
constexpr char kVersion[] = "1.0.0";

// A few lines: `program` and its version, the commit if the build was told,
// LibTorch, CUDA, and the instruction set that the CPU's kernels use here.
std::string VersionText(const std::string& program);

}  // namespace distill

#endif  // DISTILL_CLI_VERSION_H_
