// bazel run //cli:compare: the flags, and nothing else.
#include <iostream>

#include "base/settings.h"
#include "cli/compare.h"
#include "cli/console.h"
#include "cli/program.h"

namespace {

constexpr char kUsage[] =
    "compare: puts finished runs side by side: what differs in their settings, "
    "their\nmodels' accuracy, and their students against the first run's.\n"
    "\n"
    "  bazel run //cli:compare -- out_a out_b --output=compare.html\n"
    "\n"
    "RUN is the --output_dir of a finished run. The last line of stdout is one "
    "JSON\nobject. Exit code: 0, 1 for an error, 2 for wrong flags.\n";

}  // namespace

int main(int argc, char** argv) {
  distill::CompareOptions options;
  distill::Settings settings = distill::SettingsOf(options);
  return distill::RunProgram(
      {"compare", kUsage}, settings, argc, argv,
      [&] {
        return distill::RunCompare(
            options, std::cout, std::cerr,
            distill::ConsoleOptionsOfProcess(options.console));
      },
      &options.runs);
}
