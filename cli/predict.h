// The program `predict`, without its flags: what tests call.
#ifndef DISTILL_CLI_PREDICT_H_
#define DISTILL_CLI_PREDICT_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace distill {

struct PredictOptions {
  // A safetensors file, see LoadModel.
  std::string model;
  // Pictures (see DecodeImage) and IDX files of images (see ReadIdx), told
  // apart by their content.
  std::vector<std::string> files;
  // Of IDX files: the images to take, "7", "0-9" or "3,10-12"; empty: the first
  // ten, or as many as there are.
  std::string index;
  // Feed pictures as they are, rather than what is made of them: what Prepare
  // makes in the way of the model's training, or of models for 28 x 28 in grey
  // that were not trained on pictures PrepareDigit. IDX files are always fed as
  // they are.
  bool raw = false;
  // One JSON object a line, and nothing else.
  bool json = false;
  // Print the pixels that are fed as blocks.
  bool show = false;

  // The table of base/settings.h.
  template <typename Table>
  void AddSettings(Table& table) {
    table
        .Add("model", &model,
             "The model: a safetensors file that distill has written.")
        .Common("a model of distill")
        .Path();
    table.Add("index", &index,
              "Of an IDX file: the images to predict, counted from 0, like 7 "
              "or 0-9 or 3,10-12. Default: the first ten.");
    table.Add("raw", &raw,
              "Feed pictures as they are. They must have the model's size, and "
              "those of digits light ink on black as MNIST has.");
    table.Add("json", &json,
              "One JSON object a line for each image, and nothing else: file, "
              "class, top, logits; or file and error.");
    table.Add("show", &show, "Show the pixels that are fed to the model.");
  }
};

// Says what the model takes each image for: a line for each on `out`, with the
// three likeliest classes; reasons of errors on `err`. An image that fails does
// not keep the others from being predicted. Returns the exit code: 0; 1 if
// anything failed; 2 for options that make no sense.
int RunPredict(const PredictOptions& options, std::ostream& out,
               std::ostream& err);

// A part of the images of a file, both ends included.
struct IndexRange {
  int64_t first = 0, last = 0;
};

// "3,10-12" as {3, 3}, {10, 12}. InvalidArgument, with `text`, for anything
// else, and for a range that ends before it begins.
absl::StatusOr<std::vector<IndexRange>> ParseIndex(const std::string& text);

}  // namespace distill

#endif  // DISTILL_CLI_PREDICT_H_
