// The program `export`, without its flags: what tests call.
#ifndef DISTILL_CLI_EXPORT_H_
#define DISTILL_CLI_EXPORT_H_

#include <ostream>
#include <set>
#include <string>

#include "cli/console.h"
#include "cli/paths.h"

namespace distill {

// The formats, for people: "onnx (...), ...".
std::string ExportFormatsHelp();

// Why `setting` has no effect on a file of this format; empty if it has.
std::string WhyNotForFormat(const std::string& setting,
                            const std::string& format);

struct ExportOptions {
  std::string model = "student.safetensors";
  std::string output;
  std::string format = "onnx";
  bool int8 = false;
  bool pixels = true;              // See OnnxOptions.
  std::string prefix = "distill";  // See CHeaderOptions.
  std::string teacher;             // A model for the page to show too; or none.
  // Whose test images say how good what is written is; if none is given,
  // nothing says so.
  DataOptions data;
  OutputOptions output_options;
  // The names of the flags that the user has typed, for CheckApplies.
  std::set<std::string> given;

  // The table of base/settings.h.
  template <typename Table>
  void AddSettings(Table& table) {
    table
        .Add("model", &model,
             "The model: a file that distill left in its --output_dir.")
        .Common("a model of distill")
        .Path();
    table
        .Add("output", &output,
             "The file to write, in place of one that is there.")
        .Common("the file to write")
        .Path();
    table.Add("format", &format, ExportFormatsHelp() + ".")
        .Common("onnx, c or html");
    table
        .Add("int8", &int8,
             "With --format=c or onnx: all products of 8-bit integers, with "
             "scales chosen by training images. Needs --dataset or --data_dir; "
             "the cost in accuracy is measured.")
        .Common("8-bit integers");
    table.Add("prefix", &prefix,
              "With --format=c: what the header's names begin with, "
              "student_predict and STUDENT_WIDTH for example, so that one "
              "program can include several.");
    table
        .Add("teacher", &teacher,
             "With --format=html: a second model, whose answers the page shows "
             "beside the first one's.")
        .Path();
    table.Add("pixels", &pixels,
              "With --format=onnx: the file takes pixels from 0 to 255 (uint8) "
              "and normalises them itself. Else it takes normalised float32.");
    data.AddSettings(table);
    output_options.AddSettings(table);
    for (const char* name : {"int8", "prefix", "teacher", "pixels"}) {
      table.Find(name)->Unless(
          [this, name] { return WhyNotForFormat(name, format); });
    }
    table.Find("classes")->Unless([this] {
      return std::string(
          data.names_data()
              ? ""
              : "without --dataset or --data_dir nothing is measured");
    });
  }
};

// Writes the model in another form. Lines for people and, as the last one, the
// result as one JSON object go to `out`; progress and the reason of an error to
// `err`. Returns the exit code: 0, 1 for an error, 2 for options out of range.
// The file is there in full or not at all. Where it is stdout itself (or a pipe
// that stdout goes to), the lines go to `err`.
int RunExport(const ExportOptions& options, std::ostream& out,
              std::ostream& err, const ConsoleOptions& console);

}  // namespace distill

#endif  // DISTILL_CLI_EXPORT_H_
