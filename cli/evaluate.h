// The program `evaluate`, without its flags: what tests call.
#ifndef DISTILL_CLI_EVALUATE_H_
#define DISTILL_CLI_EVALUATE_H_

#include <ostream>
#include <string>

#include "cli/console.h"
#include "cli/paths.h"
#include "models/script_file.h"

namespace distill {

struct EvaluateOptions {
  // A file that models/weights.h describes, its export (LoadModelOrTwin), or a
  // TorchScript file.
  std::string model = "student.safetensors";
  DataOptions data;
  std::string split = "test";  // Or "train".
  bool int8 = false;           // In 8 bits too.
  OutputOptions output = {};
  ScriptOptions script = {};

  // The table of base/settings.h.
  template <typename Table>
  void AddSettings(Table& table) {
    table
        .Add("model", &model,
             "The model: a file that distill left in its --output_dir. Of a "
             ".onnx file the safetensors file beside it is taken, if the one "
             "is the other's export. Or a TorchScript file (.pt).")
        .Common("a model of distill")
        .Path();
    table.Add("split", &split, "The images to judge by: test or train.")
        .Common("test or train");
    table.Add("int8", &int8,
              "Also says how good the model is in 8-bit integers, as `export "
              "--int8` writes it.");
    script.AddSettings(table, "model");
    data.AddSettings(table);
    output.AddSettings(table);
  }
};

// Judges the model on the split. Writes lines for people to `out` (of many
// classes only the worst), and as its last line the result as one JSON object;
// progress and the reason of an error to `err`. Returns the exit code: 0, 1 for
// an error, 2 for options out of range.
int RunEvaluate(const EvaluateOptions& options, std::ostream& out,
                std::ostream& err, const ConsoleOptions& console);

}  // namespace distill

#endif  // DISTILL_CLI_EVALUATE_H_
