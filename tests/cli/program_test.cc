#include "cli/program.h"

#include <iostream>
#include <new>
#include <sstream>
#include <string>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace distill {
namespace {

TEST(ProgramTest, MemoryThatRunsOutIsAnErrorWithItsJsonLine) {
  std::ostringstream printed;
  std::streambuf* const stdout_buffer = std::cout.rdbuf(printed.rdbuf());
  std::string name = "some";
  char* argv[] = {&name[0], nullptr};
  Settings settings;
  const int code =
      RunProgram({"some", ""}, settings, 1, argv,
                 []() -> absl::StatusOr<int> { throw std::bad_alloc(); });
  std::cout.rdbuf(stdout_buffer);
  EXPECT_EQ(code, 1);
  const auto json = nlohmann::json::parse(printed.str());
  EXPECT_EQ(json["status"], "error");
  EXPECT_EQ(json["message"], "out of memory (while running some)");
}

}  // namespace
}  // namespace distill
