// bazel run //cli:doctor: the flags, and nothing else.
#include <iostream>

#include "base/settings.h"
#include "cli/doctor.h"
#include "cli/ranks_program.h"

namespace {

constexpr char kUsage[] =
    "doctor: says what of LibTorch, CUDA, the processor and the data works "
    "here,\nand what to do about what does not. With mpirun before it, of all "
    "processes.\n"
    "\n"
    "  bazel run //cli:doctor\n"
    "\n"
    "Exit code: 0; 1 if something is wrong; 2 for wrong flags.\n";

}  // namespace

int main(int argc, char** argv) {
  distill::DoctorOptions options;
  options.program = argv[0];
  distill::Settings settings = distill::SettingsOf(options);
  bool quiet = false;
  return distill::RunOnRanks({"doctor", kUsage}, settings, quiet, argc, argv,
                             [&](distill::Ranks& ranks) {
                               return distill::RunDoctor(options, std::cout,
                                                         ranks);
                             });
}
