// bazel run //cli:predict: the flags, and nothing else.
#include <iostream>
#include <string>
#include <vector>

#include "base/settings.h"
#include "cli/flags.h"
#include "cli/predict.h"
#include "cli/program.h"

namespace {

int Run(int argc, char** argv) {
  constexpr char kUsage[] =
      "predict: says what a model takes pictures of digits for.\n"
      "\n"
      "  bazel run //cli:predict -- --model=student.safetensors FILE...\n"
      "\n"
      "A file is a PNG, JPEG, PGM or PPM with one digit, or an IDX file of images.\n"
      "Exit code: 0; 1 if an image failed; 2 for wrong flags.\n";
  distill::PredictOptions options;
  distill::Settings settings = distill::SettingsOf(options);
  const auto instead =
      distill::ParseFlags(std::vector<std::string>(argv + 1, argv + argc),
                          settings, &options.files);
  if (!instead.ok()) {
    std::cerr << "predict: " << instead.status().message() << std::endl;
    return 2;
  }
  if (!instead->empty()) {
    std::cout << distill::InsteadText({"predict", kUsage}, settings, *instead);
    return 0;
  }
  distill::IgnoreSignalsOfWriting();
  distill::StartThreads("predict");
  for (std::string& file : options.files) {
    file = distill::FromUsersFolder(file);
  }
  return distill::RunPredict(options, std::cout, std::cerr);
}

}  // namespace

int main(int argc, char** argv) {
  return distill::FinishOutput("predict", Run(argc, argv));
}
