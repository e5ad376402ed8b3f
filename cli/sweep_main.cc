// bazel run //cli:sweep: the flags, and nothing else.
#include <iostream>

#include "base/interrupt.h"
#include "base/settings.h"
#include "cli/console.h"
#include "cli/ranks_program.h"
#include "cli/sweep.h"

namespace {

constexpr char kUsage[] =
    "sweep: trains one teacher, and a student for each temperature, alpha and\n"
    "number of labels, several times; chooses by validation images, and says "
    "what\n"
    "the chosen ones achieve on the test set.\n"
    "\n"
    "  bazel run //cli:sweep -- --device=cpu --labels=1000\n"
    "  bazel-bin/cli/sweep --device=cpu --temperature=1,2,4,8 "
    "--alpha=0.1,0.5,0.9\n"
    "      --labels=100,1000,0 --seeds=5 --output_dir=sweep_out\n"
    "\n"
    "Stop it when you like: the same command goes on where it was. The last "
    "line of\nstdout is one JSON object. Exit code: 0, 1 for an error, 2 for "
    "wrong flags.\n";

}  // namespace

int main(int argc, char** argv) {
  distill::SweepArguments arguments;
  arguments.data.program = argv[0];
  distill::Settings settings = distill::SettingsOf(arguments);
  return distill::RunOnRanks(
      {"sweep", kUsage}, settings, arguments.output.quiet, argc, argv,
      [&](distill::Ranks& ranks) {
        arguments.given = settings.typed();
        distill::CatchInterrupts();
        return distill::RunSweepProgram(arguments, std::cout, std::cerr,
                                        distill::ConsoleOptionsOfProcess(
                                            arguments.output, ranks.size() > 1),
                                        ranks);
      });
}
