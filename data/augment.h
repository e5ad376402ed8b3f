// Random views of training images: "crop:4,flip".
#ifndef DISTILL_DATA_AUGMENT_H_
#define DISTILL_DATA_AUGMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/random.h"
#include "data/image_spec.h"

namespace distill {

struct AugmentKind;  // A row of the table in augment.cc.

// One step of an augmentation, and how far it may go.
struct AugmentStep {
  const AugmentKind* kind;
  int64_t amount;  // 0 for a kind that takes no number.
};

// Steps that are applied to an image one after the other. What comes from
// outside of the image, and what is cut out, is black (a byte of 0).
//
//   crop:N    N black pixels around, and a window of the image's size in it,
//             each place equally likely (K. He et al. 2015, section 4.2;
//             torchvision's RandomCrop with padding)
//   shift:N   the same by another name: moved by up to N pixels each way
//   flip      left and right exchanged, with a probability of a half
//   cutout:N  a square of N pixels blackened, its centre on any pixel equally
//             likely (T. DeVries, G. Taylor 2017, with black for the mean)
//
// The numbers that decide an image's view are drawn beforehand, so that the
// host and a device make the same bytes of them.
class Augment {
 public:
  // No step.
  Augment() = default;
  // Steps with commas between them, each a name of the table, and for most a
  // colon and a number; "" and "none" are no step. InvalidArgument, without a
  // flag's name, for other texts.
  static absl::StatusOr<Augment> Parse(const std::string& text);

  bool empty() const { return steps_.empty(); }
  // Numbers that are drawn for an image.
  int64_t draws() const;

  // InvalidArgument if a step leaves nothing of an image of these sizes.
  absl::Status CheckFits(const ImageSpec& image) const;

  // The numbers for `count` images, [count, draws()].
  std::vector<int16_t> Draw(Random& random, int64_t count,
                            const ImageSpec& image) const;

  // The view of `plane` [height, width], one channel of an image, that
  // `draws` [draws()] decide. `scratch` keeps it; valid until its next use.
  const uint8_t* View(const int16_t* draws, const ImageSpec& image,
                      const uint8_t* plane,
                      std::vector<uint8_t>& scratch) const;

  // The same of `images` [batch, channels, height, width] on any device, with
  // `draws` [batch, draws()] and `black` [channels] on it. Does not
  // synchronise.
  at::Tensor View(const at::Tensor& images, const at::Tensor& draws,
                  const at::Tensor& black) const;

 private:
  friend std::string AbslUnparseFlag(const Augment& augment);

  std::vector<AugmentStep> steps_;
};

// As flags are read and written.
bool AbslParseFlag(absl::string_view text, Augment* augment,
                   std::string* error);
std::string AbslUnparseFlag(const Augment& augment);

// The names that Parse knows, with what they take: "crop:N, flip, ...".
std::string AugmentNames();

}  // namespace distill

#endif  // DISTILL_DATA_AUGMENT_H_
