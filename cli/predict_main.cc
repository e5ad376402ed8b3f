// bazel run //cli:predict: the flags, and nothing else.
#include <iostream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "cli/flags.h"
#include "cli/paths.h"
#include "cli/predict.h"
#include "cli/program.h"

ABSL_FLAG(std::string, model, "",
          "The model: a safetensors file that distill has written.");
ABSL_FLAG(std::string, index, "",
          "Of an IDX file: the images to predict, counted from 0, like 7 or "
          "0-9 or 3,10-12. Default: the first ten.");
ABSL_FLAG(bool, raw, false,
          "Feed pictures as they are. They must have the model's size, and "
          "light ink on black as the training images have.");
ABSL_FLAG(bool, json, false,
          "One JSON object a line for each image, and nothing else: file, "
          "class, top, logits; or file and error.");
ABSL_FLAG(bool, show, false, "Show the pixels that are fed to the model.");

namespace {

int Run(int argc, char** argv) {
  constexpr char kUsage[] =
      "predict: says what a model takes pictures of digits for.\n"
      "\n"
      "  bazel run //cli:predict -- --model=student.safetensors FILE...\n"
      "\n"
      "A file is a PNG, JPEG or PGM with one digit, or an IDX file of images.\n"
      "Exit code: 0; 1 if an image failed; 2 for wrong flags.\n";
  distill::PredictOptions options;
  const auto help = distill::ParseFlags(
      std::vector<std::string>(argv + 1, argv + argc), &options.files);
  if (!help.ok()) {
    std::cerr << "predict: " << help.status().message() << std::endl;
    return 2;
  }
  if (*help) {
    std::cout << distill::HelpText(kUsage, {__FILE__});
    return 0;
  }
  distill::IgnoreSignalsOfWriting();
  distill::StartThreads("predict");
  options.model = absl::GetFlag(FLAGS_model);
  if (!options.model.empty()) {
    options.model = distill::FromUsersFolder(options.model);
  }
  for (std::string& file : options.files) {
    file = distill::FromUsersFolder(file);
  }
  options.index = absl::GetFlag(FLAGS_index);
  options.raw = absl::GetFlag(FLAGS_raw);
  options.json = absl::GetFlag(FLAGS_json);
  options.show = absl::GetFlag(FLAGS_show);
  return distill::RunPredict(options, std::cout, std::cerr);
}

}  // namespace

int main(int argc, char** argv) {
  return distill::FinishOutput("predict", Run(argc, argv));
}
