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

namespace distill {

struct DivisionOptions {
  int64_t batch_size = 64;  // See BatchesOptions, as the seed is.
  uint64_t seed = 0;        // Of orders, and of which images are labelled.
  // Training images held out of all training, the same for every seed, in equal
  // shares of the classes; at least 0.
  int64_t validation = 0;
  // Images whose labels the student may see, drawn by the seed, in equal shares
  // of the classes; 0: all.
  int64_t labels = 0;
  // Classes whose images the student never sees.
  std::vector<int64_t> omit_classes;
  int64_t teacher_jitter = 0;  // See BatchesOptions::jitter.
};

// The samples of another set that are at these positions.
struct Subset {
  Batches batches;
  std::vector<int64_t> at;
};

// What a run reads. The teacher trains on `train`; the student on `seen`, part
// of `train`, if classes are omitted; `labelled` is part of what the student
// trains on, if not all labels are known.
struct DataDivision {
  std::string name;  // Of the data set that was divided.
  Batches train, test;
  // `train` as the teacher sees it: with its jitter.
  Batches teachers;
  std::optional<Batches> validation;
  std::optional<Subset> seen, labelled;

  const Batches& students() const { return seen ? seen->batches : train; }
  const Batches& controls() const {
    return labelled ? labelled->batches : students();
  }
};

// Normalisation is that of the whole training set (NormalizationOf).
//
// InvalidArgument, naming the command line's flag, for options out of range,
// and where there are too few images of a class for equal shares.
absl::StatusOr<DataDivision> DivideData(std::shared_ptr<const Dataset> train,
                                        std::shared_ptr<const Dataset> test,
                                        const DivisionOptions& options);

}  // namespace distill

#endif  // DISTILL_DATA_DIVISION_H_
