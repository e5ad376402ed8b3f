#include "experiment/options.h"

#include "absl/strings/str_cat.h"
#include "base/settings.h"

namespace distill {
namespace {

// Two images have one distance, which over its mean is 1, and no angle.
constexpr int64_t kLeastRelations = 3;

// Whose triples are 134 MB of float64, some ten times.
constexpr int64_t kLargestAngleBatch = 256;

}  // namespace

Augment ExperimentOptions::TeacherAugment() const {
  return teacher_augment == kSameAugment ? augment
                                         : *Augment::Parse(teacher_augment);
}

absl::Status ExperimentOptions::Validate() const {
  absl::Status status = loss.Validate();
  if (teacher_augment != kSameAugment) {
    const absl::Status parsed = Augment::Parse(teacher_augment).status();
    if (!parsed.ok()) {
      status.Update(absl::InvalidArgumentError(
          absl::StrCat("--teacher_augment: ", parsed.message())));
    }
  }
  status.Update(CheckRanges(*this));
  if (loss.method == "rkd" && loss.rkd_angle_weight > 0 &&
      batch_size > kLargestAngleBatch) {
    status.Update(absl::InvalidArgumentError(
        absl::StrCat("--batch_size is ", batch_size,
                     " with --method=rkd, whose angles take ",
                     "the third power of it in memory; it must be at most ",
                     kLargestAngleBatch, ", or --rkd_angle_weight 0")));
  }
  if (loss.method == "rkd" && batch_size < kLeastRelations) {
    status.Update(absl::InvalidArgumentError(absl::StrCat(
        "--batch_size is ", batch_size,
        " with --method=rkd, which compares the distances (over their mean) "
        "and angles between the images of a batch; it must be at least ",
        kLeastRelations)));
  }
  if (status.ok() && labels > 0 && transfer_set == TransferSet::kAll &&
      loss.kd.alpha > 0 && FindMethod(loss.method)->needs_labels) {
    status.Update(absl::InvalidArgumentError(
        absl::StrCat("--method=", loss.method,
                     " needs the label of every image, and with "
                     "--labels=",
                     labels, " most have none: pass --transfer_set=labelled")));
  }
  return status;
}

}  // namespace distill
