// That every kernel has its row; its numbers are nobody's assertion.
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/testing/files.h"
#include "tests/testing/process.h"

namespace distill {
namespace {

using nlohmann::json;
using testing::ProcessResult;
using testing::ProgramPath;
using testing::RunInShell;

TEST(KernelsBenchmarkTest, EveryKernelHasARowWithItsShare) {
  const testing::TempFolder folder;
  const std::string file = folder.File("out.json");
  const ProcessResult result = RunInShell(
      "'" + ProgramPath("bench/kernels") +
      "' --benchmark_min_time=0.001 --benchmark_out='" + file + "' 2>&1");
  ASSERT_EQ(result.exit_code, 0) << result.out;
  std::set<std::string> kernels;
  const json report = json::parse(testing::ReadFile(file));
  for (const json& row : report["benchmarks"]) {
    const std::string name = row["name"];
    kernels.insert(name.substr(0, name.find('/')));
    EXPECT_GT(row["items_per_second"].get<double>(), 0) << row;
    // They have no products of matrices.
    if (name.rfind("kd_row", 0) == 0) continue;
    if (name.rfind("batch_norm", 0) == 0) continue;
    EXPECT_GT(row["of_matrix_rate"].get<double>(), 0) << row;
  }
  EXPECT_EQ(kernels,
            (std::set<std::string>{
                "batch_norm", "batch_norm_libtorch", "conv_block_forward",
                "conv_block_forward_training", "conv_block_input_gradient",
                "conv_block_weight_gradient", "convolution_forward",
                "convolution_forward_libtorch", "convolution_training",
                "convolution_training_libtorch", "dense_forward",
                "dense_input_gradient", "dense_weight_gradient", "kd_row"}));
}

TEST(KernelsBenchmarkTest, RefusesUnknownFlags) {
  EXPECT_EQ(
      RunInShell("'" + ProgramPath("bench/kernels") + "' --precison=f32 2>&1")
          .exit_code,
      2);
}

}  // namespace
}  // namespace distill
