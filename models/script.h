// Classifiers that are TorchScript files: any architecture of PyTorch's.
#ifndef DISTILL_MODELS_SCRIPT_H_
#define DISTILL_MODELS_SCRIPT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/image_spec.h"
#include "models/classifier.h"

namespace distill {

// How a script is fed.
struct ScriptFeeding {
  // Height and width that images are scaled to, bilinearly; 0: as they are.
  int64_t size = 0;
  // Without gradients, images in a forward pass; 0: as many as 16 MB are.
  int64_t batch = 0;
  // Whose flags messages name: "teacher" for --teacher_size; empty if there are
  // none.
  std::string whose = "teacher";
};

// What torch.jit.save writes. Its forward takes images [batch, channels,
// height, width] float32 and returns the logits [batch, classes], or a
// Dict[str, Tensor] of "logits" and of features by their names.
//
// Its state has the names of its state_dict(). Parameters that the file says
// need no gradient are buffers here, if others do. The interpreter's
// optimisations are off: they would make the first steps
// of a training compute other bits than later ones, and so a resumed one.
class Script : public Classifier {
 public:
  // The model in a file's bytes, which are a program: reading them may run it.
  // `name` is the file's, for messages. DataLoss, with what to do, for anything
  // else than a whole TorchScript file.
  static absl::StatusOr<std::shared_ptr<Script>> Read(const std::string& bytes,
                                                      const std::string& name);
  ~Script() override;

  // Finds out, with two images, what it makes of images of this size, and keeps
  // it: the number of classes, features, and if grey images have to become
  // colour ones. It answers about `images` [batch >= 2, ...], normalised, twice
  // among others and must say the same.
  //
  // FailedPrecondition, with what to do, if it takes no such images, answers
  // with something else than logits, or as in train mode although it was put
  // into eval mode, as a traced one may. Restores its buffers. Asked the same
  // again it does nothing.
  absl::Status Ask(const at::Tensor& images, const ScriptFeeding& feeding,
                   const std::string& name);
  int64_t classes() const { return classes_; }  // 0 before Ask.

  // Whether it can be trained, once Ask was OK. FailedPrecondition, with the
  // name, for a parameter that the logits do not depend on, and for batch norm
  // that stays in eval mode, as that of a traced one does. Its buffers are
  // others afterwards.
  absl::Status AskToTrain(const at::Tensor& images, const std::string& name);

  // Whether a batch of one image can be trained on, which batch norm over
  // single places cannot. Buffers and mode are others afterwards.
  bool LearnsFromOne(const ImageSpec& image);

  // A file's bytes: read again by Read, and by torch.jit.load. The state is
  // moved to the CPU.
  std::string Write();

  // Draws the parameters that learn anew as PyTorch's layers do: convolutions
  // and fully connected layers uniformly by their fan-in, batch and group norm
  // as 1 and 0. FailedPrecondition, with its name, for one of another layer.
  absl::Status Reset(uint64_t seed, const std::string& name);

  // In train mode dropout draws from LibTorch's generator, which is seeded by
  // `seed` and the number of the forward pass, a buffer of its own.
  void set_seed(uint64_t seed) { seed_ = seed; }

  Outputs Forward(const at::Tensor& images,
                  const std::vector<std::string>& features) override;
  std::vector<Feature> Features() const override { return features_; }
  // With those that need no gradient.
  int64_t ParameterCount() const override;
  void train(bool on) override;
  // What its operations do is not known.
  bool is_capturable() const override { return false; }
  std::string Describe() const override;

 private:
  struct Module;
  explicit Script(std::unique_ptr<Module> module);
  // What the module gets of these images.
  at::Tensor Feed(const at::Tensor& images) const;
  Outputs Run(const at::Tensor& images,
              const std::vector<std::string>& features);

  const std::unique_ptr<Module> module_;
  std::vector<int64_t> asked_;  // The images that Ask was OK with.
  ScriptFeeding feeding_;
  int64_t channels_ = 0;  // Of its images; 0: as they come.
  int64_t classes_ = 0;
  std::vector<Feature> features_;
  uint64_t seed_ = 0;
  at::Tensor passes_;  // [] int64.
};

}  // namespace distill

#endif  // DISTILL_MODELS_SCRIPT_H_
