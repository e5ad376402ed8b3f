// bazel run //cli:export: the flags, and nothing else.
#include <iostream>
#include <string>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "cli/console.h"
#include "cli/export.h"
#include "cli/flags.h"
#include "cli/paths.h"
#include "cli/program.h"

ABSL_FLAG(std::string, model, "student.safetensors",
          "The model: a file that distill left in its --output_dir.");
ABSL_FLAG(std::string, output, "",
          "The file to write, in place of one that is there.");
ABSL_FLAG(std::string, format, "onnx", distill::ExportFormatsHelp() + ".");
ABSL_FLAG(
    bool, int8, false,
    "With --format=c: weights of one byte instead of four. With --dataset "
    "or --data_dir the cost in accuracy is measured.");
ABSL_FLAG(std::string, prefix, "distill",
          "With --format=c: what the header's names begin with, "
          "student_predict and STUDENT_WIDTH for example, so that one program "
          "can include several.");
ABSL_FLAG(std::string, teacher, "",
          "With --format=html: a second model, whose answers the page shows "
          "beside the first one's.");
ABSL_FLAG(bool, pixels, true,
          "With --format=onnx: the file takes pixels from 0 to 255 (uint8) and "
          "normalises them itself. Else it takes normalised float32.");
ABSL_FLAG(
    std::string, dataset, "",
    "Measure the accuracy of what is written on the test images of mnist, "
    "fashion_mnist, or a folder with four IDX files.");
ABSL_FLAG(std::string, data_dir, "",
          "The same, by the folder with the four IDX files.");

namespace {

constexpr char kUsage[] =
    "export: writes a model in a form that other programs run.\n"
    "\n"
    "  bazel run //cli:export -- --model=student.safetensors "
    "--output=student.onnx\n"
    "  bazel-bin/cli/export --format=c --int8 --dataset=mnist "
    "--output=student.h\n"
    "\n"
    "The last line of stdout is one JSON object. Exit code: 0, 1 for an error, "
    "2 for\nwrong flags.\n";

}  // namespace

int main(int argc, char** argv) {
  return distill::RunProgram(
      {"export", kUsage, {__FILE__}}, argc, argv,
      [argv]() -> absl::StatusOr<int> {
        distill::ExportOptions options;
        options.model = distill::FromUsersFolder(absl::GetFlag(FLAGS_model));
        options.output = distill::FromUsersFolder(absl::GetFlag(FLAGS_output));
        options.format = absl::GetFlag(FLAGS_format);
        options.prefix = absl::GetFlag(FLAGS_prefix);
        options.given = distill::GivenFlags();
        options.int8 = absl::GetFlag(FLAGS_int8);
        options.pixels = absl::GetFlag(FLAGS_pixels);
        options.teacher =
            distill::FromUsersFolder(absl::GetFlag(FLAGS_teacher));
        const std::string dataset = absl::GetFlag(FLAGS_dataset);
        const std::string data_dir = absl::GetFlag(FLAGS_data_dir);
        if (!dataset.empty() || !data_dir.empty()) {
          auto data = distill::ChooseDataset(dataset, data_dir, argv[0]);
          if (!data.ok()) return data.status();
          options.data = *std::move(data);
        }
        return distill::RunExport(options, std::cout, std::cerr,
                                  distill::ConsoleOptionsOfStderr());
      });
}
