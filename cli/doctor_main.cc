// bazel run //cli:doctor: the flags, and nothing else.
#include <iostream>
#include <string>
#include <vector>

#include "base/settings.h"
#include "cli/doctor.h"
#include "cli/flags.h"
#include "cli/program.h"

namespace {

int Run(int argc, char** argv) {
  constexpr char kUsage[] =
      "doctor: says what of LibTorch, CUDA, the processor and the data works "
      "here,\nand what to do about what does not.\n"
      "\n"
      "  bazel run //cli:doctor\n"
      "\n"
      "Exit code: 0; 1 if something is wrong; 2 for wrong flags.\n";
  distill::DoctorOptions options;
  options.program = argv[0];
  distill::Settings settings = distill::SettingsOf(options);
  const auto instead = distill::ParseFlags(
      std::vector<std::string>(argv + 1, argv + argc), settings);
  if (!instead.ok()) {
    std::cerr << "doctor: " << instead.status().message() << std::endl;
    return 2;
  }
  if (!instead->empty()) {
    std::cout << distill::InsteadText({"doctor", kUsage}, settings, *instead);
    return 0;
  }
  return distill::RunDoctor(options, std::cout);
}

}  // namespace

int main(int argc, char** argv) {
  return distill::FinishOutput("doctor", Run(argc, argv));
}
