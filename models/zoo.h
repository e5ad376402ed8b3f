// The models that a run chooses from, and how they are spelled.
#ifndef DISTILL_MODELS_ZOO_H_
#define DISTILL_MODELS_ZOO_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "data/image_spec.h"
#include "models/graph.h"

namespace distill {

// The specification's two: 421,642 and 31,530 parameters for 28 x 28 images of
// 10 classes.
constexpr char kTeacherModel[] = "cnn:32,64,fc128";
constexpr char kStudentModel[] = "cnn:16";

// The model that `spelling` says, for images and classes as given:
//
//   cnn:16            one block (convolution 3x3 to 16 channels, ReLU, pooling
//                     2x2), then the logits
//   cnn:32,64,fc128   two blocks, a hidden layer of 128, the logits
//   mlp:1200,1200     two hidden layers, the logits
//   cnn:32b,64b       blocks with batch norm before the ReLU
//   resnet:3x16,3x32  He et al. 2015: a convolution, then groups of 3 residual
//                     blocks, the second at stride 2; shortcuts of option A, or
//                     with a last word "b" of option B
//   wrn:16,2          Zagoruyko and Komodakis 2016: depth and width
//   mobile:16,32s,24x6
//                     a convolution, a depthwise-separable block at stride 2
//                     (Howard et al. 2017), an inverted residual one with
//                     expansion 6 (Sandler et al. 2018)
//
// or one of the names that ModelHelp() lists; Graph::spelling has it without
// names. Layers are called conv1, ... and fc1, ..., which are its features too,
// but for the logits; residual nets' are called as PyTorch's users call them
// (layer1.0.conv1, bn1, linear), and their features are the groups (layer1),
// others' the blocks (block1). With `dropout` above 0 that is the rate after
// the ReLU of each hidden layer, if there is one; the spelling does not say so.
//
// InvalidArgument for anything else, with the part that is wrong and the
// grammar, and for images too small for that many blocks. `flag` names the
// place in messages: "--teacher".
absl::StatusOr<Graph> ParseModel(const std::string& flag,
                                 const std::string& spelling,
                                 const ImageSpec& image, int64_t classes,
                                 double dropout = 0);

// The grammar and the names, for people: one paragraph.
std::string ModelHelp();

// kTeacherModel and kStudentModel, for sizes that they can have.
Graph TeacherGraph(ImageSpec image = {}, int64_t classes = 10);
Graph StudentGraph(ImageSpec image = {}, int64_t classes = 10);

}  // namespace distill

#endif  // DISTILL_MODELS_ZOO_H_
