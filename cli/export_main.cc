// bazel run //cli:export: the flags, and nothing else.
#include <iostream>

#include "base/settings.h"
#include "cli/console.h"
#include "cli/export.h"
#include "cli/program.h"

namespace {

constexpr char kUsage[] =
    "export: writes a model in a form that other programs run.\n"
    "\n"
    "  bazel run //cli:export -- --model=student.safetensors "
    "--output=student.onnx\n"
    "  bazel-bin/cli/export --format=c --int8 --dataset=mnist "
    "--output=student.h\n"
    "\n"
    "The last line of stdout is one JSON object. Exit code: 0, 1 for an error, "
    "2 for\nwrong flags.\n";

}  // namespace

int main(int argc, char** argv) {
  distill::ExportOptions options;
  options.data.program = argv[0];
  distill::Settings settings = distill::SettingsOf(options);
  return distill::RunProgram({"export", kUsage}, settings, argc, argv, [&] {
    options.given = settings.typed();
    return distill::RunExport(
        options, std::cout, std::cerr,
        distill::ConsoleOptionsOfProcess(options.output_options));
  });
}
