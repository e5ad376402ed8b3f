// bazel run //cli:distill: the flags, and nothing else.
#include <iostream>
#include <sstream>

#include "absl/status/statusor.h"
#include "base/interrupt.h"
#include "base/settings.h"
#include "base/status.h"
#include "cli/console.h"
#include "cli/distill.h"
#include "cli/experiment_arguments.h"
#include "cli/program.h"
#include "training/world.h"

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
  const auto ranks = distill::JoinWorld();
  // Of several ranks the first alone speaks; the others keep what they would
  // have said of an error.
  std::stringbuf said;
  std::streambuf* const out = std::cout.rdbuf();
  std::streambuf* const err = std::cerr.rdbuf();
  if (ranks.ok() && (*ranks)->rank() > 0) {
    std::cout.rdbuf(&said);
    std::cerr.rdbuf(&said);
    options.output.quiet = true;
  }
  const int code = distill::RunProgram(
      {"distill", kUsage}, settings, argc, argv, [&]() -> absl::StatusOr<int> {
        RETURN_IF_ERROR(ranks.status());
        if (!options.config.empty()) {
          RETURN_IF_ERROR(
              distill::ApplyConfiguration(options.config, settings));
        }
        options.given = settings.typed();
        distill::CatchInterrupts();
        return distill::RunDistill(
            options, std::cout, std::cerr,
            distill::ConsoleOptionsOfProcess(options.output), **ranks);
      });
  std::cout.rdbuf(out);
  std::cerr.rdbuf(err);
  return distill::LeaveWorld(code, said.str());
}
