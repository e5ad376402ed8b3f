#include "experiment/options.h"

#include <cmath>

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
  if (quantize_from != -1 &&
      !(quantize_from >= 0 &&
        quantize_from <= static_cast<double>(student_epochs))) {
    status.Update(absl::InvalidArgumentError(absl::StrCat(
        "--quantize_from is ", quantize_from, " with ", student_epochs,
        " epochs; it must be from 0 to that, or -1 for three quarters")));
  }
  if (quantize != Quantize::kNone && keep == Keep::kBest) {
    status.Update(absl::InvalidArgumentError(
        "--keep=best would choose weights from before 8 bits are simulated; "
        "leave out --quantize or --keep"));
  }
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

int64_t ExperimentOptions::QuantizeFromStep(int64_t steps) const {
  const double share =
      quantize_from < 0 ? 0.75
                        : quantize_from / static_cast<double>(student_epochs);
  return std::llround(share * static_cast<double>(steps));
}

}  // namespace distill
