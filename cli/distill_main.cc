// bazel run //cli:distill: the flags, and nothing else.
#include <iostream>

#include "absl/status/statusor.h"
#include "base/interrupt.h"
#include "base/settings.h"
#include "base/status.h"
#include "cli/console.h"
#include "cli/distill.h"
#include "cli/experiment_arguments.h"
#include "cli/ranks_program.h"

namespace {

constexpr char kUsage[] =
    "distill: trains a teacher on MNIST, then a small student on the "
    "teacher's\n"
    "softened predictions and the labels, and says whether that helped.\n"
    "\n"
    "  bazel run //cli:distill -- --device=cpu\n"
    "  bazel-bin/cli/distill --data_dir=pictures --image_size=32\n"
    "  bazel-bin/cli/distill --device=cpu --labels=1000 --seeds=5\n"
    "  bazel-bin/cli/distill --device=cpu --output_dir=out\n"
    "\n"
    "The last line of stdout is one JSON object. Exit code: 0, 1 for an error, "
    "2 for\nwrong flags; 128 and the signal's number when one stopped it (130 "
    "for "
    "Ctrl-C),\nafter which --resume goes on.\n";

}  // namespace

int main(int argc, char** argv) {
  distill::DistillOptions options;
  options.data.program = argv[0];
  distill::Settings settings = distill::SettingsOf(options);
  return distill::RunOnRanks(
      {"distill", kUsage}, settings, options.output.quiet, argc, argv,
      [&](distill::Ranks& ranks) -> absl::StatusOr<int> {
        if (!options.config.empty()) {
          RETURN_IF_ERROR(
              distill::ApplyConfiguration(options.config, settings));
        }
        options.given = settings.typed();
        distill::CatchInterrupts();
        return distill::RunDistill(
            options, std::cout, std::cerr,
            distill::ConsoleOptionsOfProcess(options.output, ranks.size() > 1),
            ranks);
      });
}
