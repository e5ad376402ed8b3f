// TorchScript files as users name them, with what must be known to use one.
#ifndef DISTILL_MODELS_SCRIPT_FILE_H_
#define DISTILL_MODELS_SCRIPT_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "data/dataset.h"
#include "models/classifier.h"
#include "models/script.h"

namespace distill {

// A file cannot say these.
struct ScriptOptions {
  // Such a file is a program: whether its user says that it may run.
  bool trust = false;
  // "imagenet", "MEAN/STD" with one number or one a channel ("0.5/0.5"), or
  // empty: that of the data set.
  std::string normalization;
  int64_t size = 0, batch = 0;  // As ScriptFeeding has them.

  // The table of base/settings.h; `whose` is "teacher" or "model".
  template <typename Table>
  void AddSettings(Table& table, const std::string& whose) {
    table
        .Add(("trust_" + whose + "_code").c_str(), &trust,
             "Run the TorchScript file, which is a program and may do whatever "
             "this program may (docs/security.md).")
        .NotInConfiguration();
    table.Add((whose + "_normalization").c_str(), &normalization,
              "Of a TorchScript file: what pixels in [0, 1] it was trained on. "
              "imagenet, or MEAN/STD with one number or one a channel, like "
              "0.5/0.5. Default: the data set's.");
    table
        .Add((whose + "_size").c_str(), &size,
             "Of a TorchScript file: height and width that images are scaled "
             "to for it alone, like 224; 0: as they are.")
        .Within(0, 4096);
    table
        .Add((whose + "_batch").c_str(), &batch,
             "Of a TorchScript file: images in a forward pass; fewer need less "
             "memory. 0: as many as are 16 MB.")
        .AtLeast(0)
        .NotInConfiguration();
  }
};

// The model in the bytes of the file at `path`. InvalidArgument, which says why
// and what to do, without options.trust; Script::Read's errors.
absl::StatusOr<std::shared_ptr<Script>> OpenScript(const std::string& bytes,
                                                   const std::string& path,
                                                   const ScriptOptions& options,
                                                   const std::string& whose);

// Script::Ask about the first images of `data`; messages name flags of `whose`,
// if that is not empty. FailedPrecondition too if it
// knows another number of classes; InvalidArgument for a normalisation that is
// none of so many channels.
absl::Status AskScript(const std::string& path, const ScriptOptions& options,
                       const std::string& whose, const Dataset& data,
                       Script* script);

// Whether it can be trained: Script::AskToTrain, about the same images.
absl::Status AskScriptToTrain(const std::string& path, const Dataset& data,
                              Script* script);

// The script, fed with images that are normalised by `fed`: those of the data
// that it was asked about.
absl::StatusOr<std::shared_ptr<Classifier>> FedScript(
    std::shared_ptr<Script> script, const ScriptOptions& options,
    const std::string& whose, const Normalization& fed);

}  // namespace distill

#endif  // DISTILL_MODELS_SCRIPT_FILE_H_
