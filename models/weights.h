// A model in a file of its own, for any program that reads safetensors.
#ifndef DISTILL_MODELS_WEIGHTS_H_
#define DISTILL_MODELS_WEIGHTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/batches.h"
#include "data/dataset.h"
#include "data/safetensors.h"
#include "models/classifier.h"
#include "models/network.h"

namespace distill {

// What a model's file says besides the weights: all that is needed to use it,
// and where it comes from.
struct ModelInfo {
  // Spelled as models/zoo.h does, without names; and the images and the number
  // of classes that it is for.
  std::string architecture;
  ImageSpec image;
  int64_t classes = 10;
  // What a pixel has to become before it is fed.
  Normalization normalization;
  std::vector<std::string> class_names;  // One a class.
  // How pictures of any size were made images of that size; none where the data
  // set was no folder of pictures.
  std::optional<Fit> fit;
  // Texts that nothing depends on, by name: "dataset", "test_accuracy".
  std::map<std::string, std::string> notes;
};

// Numbers as a model's file has them: "0.1307", "0.49139968,0.482158422".
std::string NumbersText(const std::vector<float>& values);

// FailedPrecondition, with what was found and expected, unless the model is
// made for images of this size and for as many classes. `found` says which
// images these are: "the test images in FOLDER".
absl::Status CheckFits(const ModelInfo& info, const Dataset& dataset,
                       const std::string& found);

// How the classes of a model's file stand to those of a data set, by their
// names.
struct ClassMatch {
  // The model's class number i is the data set's order[i]; empty if that is i.
  std::vector<int64_t> order;
  // For people; empty if there is nothing to say.
  std::string note;
};

// CheckFits must have passed. The same names in another order are matched.
// Where one side has numbers in place of names, classes go by their numbers,
// which the note says. FailedPrecondition, with the first names that differ,
// for other names. `found` says what the model's file is, for messages.
absl::StatusOr<ClassMatch> MatchClasses(const ModelInfo& info,
                                        const Dataset& dataset,
                                        const std::string& found);

struct LoadedModel {
  ModelInfo info;
  std::shared_ptr<Network> model;  // On the CPU, in float32.
  uint32_t crc32 = 0;              // Of the file's bytes, if LoadModel read it.
};

// Gives the model the data set's order of classes: its last layer's outputs and
// its class names change places. Nothing for an empty order.
void ReorderClasses(const ClassMatch& match, LoadedModel* loaded);

// The tensor's numbers, from wherever it is. Of float64, float32, float16,
// bfloat16, int64, int32 or uint8 (TORCH_CHECK).
SafeTensor ToSafeTensor(const std::string& name, const at::Tensor& tensor);

// A tensor of its own on the CPU. InvalidArgument for another dtype than those.
absl::StatusOr<at::Tensor> FromSafeTensor(const SafeTensor& tensor);

// The version of the format that ModelFile writes. Version 1, whose files do
// not say so, had parameters alone; 2 has buffers too.
constexpr int kModelFormatVersion = 2;

// The file's contents: the state under its names in PyTorch's order of axes
// ("conv1.weight" [out, in, 3, 3], "fc1.weight" [out, in], "bn1.running_mean"
// [channels]), and the information as metadata, all of it texts:
// "architecture", "channels", "height", "width", "classes", "mean" and "std"
// (numbers, one a channel, with commas between them), "class_names" (a JSON
// array), "resize" (a name of Fits(), if there is one), "format" ("pt"),
// "format_version", and the notes. A file without "channels" is of grey images.
SafeTensors ModelFile(const std::vector<NamedTensor>& state,
                      const ModelInfo& info);

// Copies the file's tensors into the State() of a model that is called
// `spelling`. `name` is the file's, for messages. DataLoss, with what was found
// and expected, for tensors that are missing (but for a batch norm's
// "num_batches_tracked"), left over, of another shape or dtype, or not finite.
absl::Status LoadState(const SafeTensors& file, const std::string& name,
                       const std::string& spelling, Classifier* model);

// The model in a file's contents, of any version up to kModelFormatVersion.
// DataLoss for metadata that are missing or wrong, and as LoadState;
// FailedPrecondition for a newer version.
absl::StatusOr<LoadedModel> ModelFromFile(const SafeTensors& file,
                                          const std::string& name);

// ModelFromFile of the file at `path`, with the errors of ReadFile and
// ParseSafeTensors too.
absl::StatusOr<LoadedModel> LoadModel(const std::string& path);

}  // namespace distill

#endif  // DISTILL_MODELS_WEIGHTS_H_
