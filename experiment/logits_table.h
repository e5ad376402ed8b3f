// A teacher that is a table of logits: any framework, and none of its code.
#ifndef DISTILL_EXPERIMENT_LOGITS_TABLE_H_
#define DISTILL_EXPERIMENT_LOGITS_TABLE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "data/safetensors.h"
#include "experiment/teachers.h"

namespace distill {

// What such a file holds.
struct LogitsTable {
  // [samples, classes] float32: of the training split in its order, and of the
  // test split, undefined if there are none.
  at::Tensor logits, test_logits;
  // Or, in place of `logits`, the likeliest classes of each sample: [samples,
  // k], int64 and float32, log-probabilities at temperature 1. What is left of
  // a row's probability is spread evenly over its other classes.
  at::Tensor indices, values;
  // Texts: "train_images_crc32" says of which images the rows are.
  std::map<std::string, std::string> metadata;
};

// Whether a file has tensors of those names.
bool IsLogitsTable(const SafeTensors& file);

// The tensors of these names in a .safetensors file, and the arrays in a .npz
// file; a .npy file is `logits`. They may be float16, bfloat16, float32 or
// float64, and the indices int32, int64 or uint8, arrays of any integers.
//
// Errors, with `path`, what was found, what was expected and what to do:
// NpzFile's; FailedPrecondition for other tensors, shapes or dtypes, for
// numbers that are not finite, and for probabilities in place of logits.
absl::StatusOr<LogitsTable> LogitsOfTensors(const SafeTensors& file,
                                            const std::string& path);
absl::StatusOr<LogitsTable> LogitsOfArrays(const std::string& path);

// The teacher that has said all that it will say. It has no features, and knows
// nothing of views.
class FromTable : public FromFile {
 public:
  FromTable(LogitsTable table, const std::string& from, uint32_t crc32)
      : FromFile(from, crc32), table_(std::move(table)) {}

  std::string Spelling() const override { return "logits"; }
  // FailedPrecondition if its rows are not those of `train`, or of other images
  // by its metadata; InvalidArgument for augmented images.
  absl::StatusOr<ModelOutline> Outline(const ExperimentOptions& options,
                                       const Dataset& train) const override;

 private:
  absl::StatusOr<std::shared_ptr<Teacher>> Load(const Stages& stages) override;
  std::string Doubt() const override;
  ModelOutline What() const;

  LogitsTable table_;
};

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_LOGITS_TABLE_H_
