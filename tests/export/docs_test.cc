// docs/deploy.md shows the programs that the tests of this folder run.
#include "gtest/gtest.h"
#include "tests/testing/files.h"
#include "tests/testing/process.h"

namespace distill {
namespace {

class DocsTest : public ::testing::TestWithParam<const char*> {};

TEST_P(DocsTest, ShowTheProgramWordByWord) {
  const std::string docs =
      testing::ReadFile(testing::ProgramPath("docs/deploy.md"));
  const std::string program = testing::ReadFile(
      testing::ProgramPath(std::string("docs/examples/") + GetParam()));
  const bool python = program[0] == '"';
  EXPECT_NE(docs.find((python ? "```python\n" : "```c\n") + program + "```\n"),
            std::string::npos)
      << "copy the file " << GetParam() << " to docs/deploy.md";
}

INSTANTIATE_TEST_SUITE_P(Examples, DocsTest,
                         ::testing::Values("numpy_student.py",
                                           "onnx_picture.py", "onnx_student.py",
                                           "predict.c", "pytorch_teacher.py"));

}  // namespace
}  // namespace distill
