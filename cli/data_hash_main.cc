// bazel run //cli:data_hash: the flags, and nothing else.
#include <iostream>

#include "base/settings.h"
#include "cli/console.h"
#include "cli/data_hash.h"
#include "cli/program.h"

namespace {

constexpr char kUsage[] =
    "data_hash: the checksums by which a table of a teacher's logits says of "
    "which\nimages it is (docs/teachers.md).\n"
    "\n"
    "  bazel run //cli:data_hash -- --data_dir=pictures\n"
    "\n"
    "The last line of stdout is one JSON object. Exit code: 0, 1 for an error, "
    "2 for\nwrong flags.\n";

}  // namespace

int main(int argc, char** argv) {
  distill::DataHashOptions options;
  options.data.program = argv[0];
  distill::Settings settings = distill::SettingsOf(options);
  return distill::RunProgram({"data_hash", kUsage}, settings, argc, argv, [&] {
    return distill::RunDataHash(
        options, std::cout, std::cerr,
        distill::ConsoleOptionsOfProcess(options.output));
  });
}
