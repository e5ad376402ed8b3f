// Who of a run sees which images.
#ifndef DISTILL_DATA_DIVISION_H_
#define DISTILL_DATA_DIVISION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "data/batches.h"
#include "data/dataset.h"
#include "data/splits.h"

namespace distill {

struct DivisionOptions {
  int64_t batch_size = 64;  // See BatchesOptions, as the seed is.
  uint64_t seed = 0;        // Of orders, and of which images are labelled.
  // Training images held out of all training, the same for every seed, in equal
  // shares of the classes; at least 0. 0: those that the set has for it, if it
  // has any.
  int64_t validation = 0;
  // Images whose labels the student may see, drawn by the seed, in equal shares
  // of the classes; 0: all.
  int64_t labels = 0;
  // Classes whose images the student never sees.
  std::vector<int64_t> omit_classes;
  // Of the images that the student and the control train on, and the teacher.
  Augment augment, teacher_augment;
};

// The samples of another set that are at these positions.
struct Subset {
  Batches batches;
  std::vector<int64_t> at;
};

// What a run reads. The teacher trains on `train`; the student on `transfer`,
// or if classes are omitted on `seen`, a part of that; `labelled` is part of
// what the student trains on, if not all labels are known.
struct DataDivision {
  std::string name;  // Of the data set that was divided.
  Batches train, test;
  // What the student may train on: `train`, and after it what nobody has
  // labelled.
  Batches transfer;
  // `train` as the teacher sees it: with its augmentation.
  Batches teachers;
  std::optional<Batches> validation;
  std::optional<Subset> seen, labelled;
  // Where the images of `train` and `validation` are in the training split that
  // was divided; empty: `train` is all of it, `validation` no part of it.
  std::vector<int64_t> train_at, validation_at;

  const Batches& students() const { return seen ? seen->batches : transfer; }
  int64_t unlabelled_images() const {
    return transfer.sample_count() - train.sample_count();
  }
  const Batches& controls() const {
    return labelled ? labelled->batches : students();
  }
};

// Normalisation is that of the whole training set (NormalizationOf).
//
// InvalidArgument, naming the command line's flag, for options out of range,
// and where there are too few images of a class for equal shares.
absl::StatusOr<DataDivision> DivideData(const Splits& splits,
                                        const DivisionOptions& options);

}  // namespace distill

#endif  // DISTILL_DATA_DIVISION_H_
