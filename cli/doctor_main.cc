// bazel run //cli:doctor: the flags, and nothing else.
#include <iostream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "cli/doctor.h"
#include "cli/flags.h"
#include "cli/paths.h"
#include "cli/program.h"

ABSL_FLAG(std::string, data_dir, "",
          "Folder with the four IDX files of MNIST, plain or .gz, or the one "
          "above MNIST/raw. Default: what Bazel fetched, else ./data.");

namespace {

int Run(int argc, char** argv) {
  constexpr char kUsage[] =
      "doctor: says what of LibTorch, CUDA, the processor and the data works "
      "here,\nand what to do about what does not.\n"
      "\n"
      "  bazel run //cli:doctor\n"
      "\n"
      "Exit code: 0; 1 if something is wrong; 2 for wrong flags.\n";
  const auto help =
      distill::ParseFlags(std::vector<std::string>(argv + 1, argv + argc));
  if (!help.ok()) {
    std::cerr << "doctor: " << help.status().message() << std::endl;
    return 2;
  }
  if (*help) {
    std::cout << distill::HelpText(kUsage, {__FILE__});
    return 0;
  }
  distill::DoctorOptions options;
  const std::string data_dir = absl::GetFlag(FLAGS_data_dir);
  options.data_dir = data_dir.empty() ? distill::DefaultDataFolder(argv[0])
                                      : distill::FromUsersFolder(data_dir);
  return distill::RunDoctor(options, std::cout);
}

}  // namespace

int main(int argc, char** argv) {
  return distill::FinishOutput("doctor", Run(argc, argv));
}
