// bazel run //cli:evaluate: the flags, and nothing else.
#include <iostream>
#include <string>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "cli/console.h"
#include "cli/evaluate.h"
#include "cli/paths.h"
#include "cli/program.h"

ABSL_FLAG(std::string, model, "student.safetensors",
          "The model: a file that distill left in its --output_dir. Of a "
          ".onnx file the safetensors file beside it is taken, if the one is "
          "the other's export.");
ABSL_FLAG(std::string, dataset, "",
          "mnist, fashion_mnist, or a folder with four IDX files. Default: "
          "mnist, or whatever is in --data_dir.");
ABSL_FLAG(std::string, data_dir, "",
          "Folder with the four IDX files, plain or .gz, or the one above "
          "MNIST/raw. Default for MNIST: what Bazel fetched, else ./data.");
ABSL_FLAG(std::string, split, "test", "The images to judge by: test or train.");

namespace {

constexpr char kUsage[] =
    "evaluate: says how good a model in a file is: accuracy with its "
    "interval,\n"
    "likelihood, calibration, and each class.\n"
    "\n"
    "  bazel run //cli:evaluate -- --model=student.safetensors\n"
    "\n"
    "The last line of stdout is one JSON object. Exit code: 0, 1 for an error, "
    "2 for\nwrong flags.\n";

}  // namespace

int main(int argc, char** argv) {
  return distill::RunProgram(
      {"evaluate", kUsage, {__FILE__}}, argc, argv,
      [argv]() -> absl::StatusOr<int> {
        auto data =
            distill::ChooseDataset(absl::GetFlag(FLAGS_dataset),
                                   absl::GetFlag(FLAGS_data_dir), argv[0]);
        if (!data.ok()) return data.status();
        distill::EvaluateOptions options;
        options.model = distill::FromUsersFolder(absl::GetFlag(FLAGS_model));
        options.data = *std::move(data);
        options.split = absl::GetFlag(FLAGS_split);
        return distill::RunEvaluate(options, std::cout, std::cerr,
                                    distill::ConsoleOptionsOfStderr());
      });
}
