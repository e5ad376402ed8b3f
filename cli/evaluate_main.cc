// bazel run //cli:evaluate: the flags, and nothing else.
#include <iostream>

#include "base/settings.h"
#include "cli/console.h"
#include "cli/evaluate.h"
#include "cli/program.h"

namespace {

constexpr char kUsage[] =
    "evaluate: says how good a model in a file is: accuracy with its "
    "interval,\n"
    "likelihood, calibration, and each class.\n"
    "\n"
    "  bazel run //cli:evaluate -- --model=student.safetensors\n"
    "\n"
    "The last line of stdout is one JSON object. Exit code: 0, 1 for an error, "
    "2 for\nwrong flags.\n";

}  // namespace

int main(int argc, char** argv) {
  distill::EvaluateOptions options;
  options.data.program = argv[0];
  distill::Settings settings = distill::SettingsOf(options);
  return distill::RunProgram({"evaluate", kUsage}, settings, argc, argv, [&] {
    return distill::RunEvaluate(
        options, std::cout, std::cerr,
        distill::ConsoleOptionsOfProcess(options.output));
  });
}
