#include "experiment/logits_table.h"

#include <cstring>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/index_select.h"
#include "ATen/ops/isfinite.h"
#include "ATen/ops/tensor.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "base/text.h"
#include "data/formats/npz.h"
#include "experiment/learnt.h"
#include "models/probabilities.h"
#include "models/weights.h"

namespace distill {
namespace {

constexpr char kImagesCrc32[] = "train_images_crc32";
constexpr char kHowTo[] = "docs/teachers.md has the lines that write it.";
// The least that is left for the classes that a row does not name.
constexpr double kLeastRest = 1e-7;

absl::Status Wrong(const std::string& file, const std::string& found,
                   const std::string& expected,
                   const std::string& what_to_do = kHowTo) {
  return Unexpected(absl::StatusCode::kFailedPrecondition, file, found,
                    expected, what_to_do);
}

// The members of a table by the names of their tensors.
struct Member {
  const char* name;
  at::Tensor LogitsTable::*value;
};
constexpr Member kMembers[] = {{"logits", &LogitsTable::logits},
                               {"test_logits", &LogitsTable::test_logits},
                               {"indices", &LogitsTable::indices},
                               {"values", &LogitsTable::values}};

absl::Status ReadTensors(const SafeTensors& file, const std::string& path,
                         LogitsTable* table) {
  table->metadata = file.metadata;
  for (const Member& member : kMembers) {
    const SafeTensor* tensor = file.Find(member.name);
    if (tensor == nullptr) continue;
    auto value = FromSafeTensor(*tensor);
    if (!value.ok()) {
      return Wrong(path, std::string(value.status().message()),
                   "numbers of float16 to float64");
    }
    table->*member.value = *std::move(value);
  }
  return absl::OkStatus();
}

at::ScalarType TypeOf(const NpyHeader& header) {
  if (header.kind == 'f') {
    return header.width == 2   ? at::kHalf
           : header.width == 4 ? at::kFloat
                               : at::kDouble;
  }
  return header.width == 1   ? at::kByte
         : header.width == 2 ? at::kShort
         : header.width == 4 ? at::kInt
                             : at::kLong;
}

absl::Status ReadArrays(const std::string& path, LogitsTable* table) {
  ASSIGN_OR_RETURN(const NpzFile file, NpzFile::Open(path, "logits"));
  for (const Member& member : kMembers) {
    if (!file.Has(member.name)) continue;
    ASSIGN_OR_RETURN(const NpyArray array, file.Read(member.name));
    at::Tensor& value = table->*member.value;
    value = at::empty(array.shape, TypeOf(array));
    std::memcpy(value.mutable_data_ptr(), array.bytes.data(),
                array.bytes.size());
  }
  return absl::OkStatus();
}

std::string Explain(const at::Tensor& value) {
  return absl::StrCat(toString(value.scalar_type()), " [",
                      absl::StrJoin(value.sizes(), ", "), "]");
}

// `value` as float32 [samples, anything], all finite.
absl::Status CheckNumbers(const std::string& path, const char* name,
                          at::Tensor* value) {
  const std::string quoted = absl::StrCat("\"", name, "\"");
  if (value->dim() != 2 || value->numel() == 0 || !value->is_floating_point()) {
    return Wrong(path, absl::StrCat(quoted, " of ", Explain(*value)),
                 "floats, a row of logits for each image");
  }
  *value = value->to(at::kFloat);
  const at::Tensor good = at::isfinite(*value).all(1);
  if (!good.all().item<bool>()) {
    return Wrong(path,
                 absl::StrCat("a number that is not finite in row ",
                              good.to(at::kByte).argmin().item<int64_t>(),
                              " of ", quoted),
                 "finite numbers", "Compute the logits anew, in float32.");
  }
  return absl::OkStatus();
}

absl::Status Check(const std::string& path, LogitsTable* table) {
  if (!table->logits.defined() && table->indices.defined() &&
      table->values.defined()) {
    RETURN_IF_ERROR(CheckNumbers(path, "values", &table->values));
    at::Tensor& indices = table->indices;
    if (indices.sizes() != table->values.sizes() ||
        indices.is_floating_point()) {
      return Wrong(
          path, absl::StrCat("\"indices\" of ", Explain(indices)),
          absl::StrCat("integers of the shape of \"values\", [",
                       absl::StrJoin(table->values.sizes(), ", "), "]"));
    }
    indices = indices.to(at::kLong);
    if (table->values.exp().sum(1).amax().item<double>() > 1.01) {
      return Wrong(path, "\"values\" whose exponentials sum to more than 1",
                   "log-probabilities of the likeliest classes",
                   "In PyTorch: values, indices = "
                   "logits.log_softmax(1).topk(k).");
    }
  } else if (!table->logits.defined()) {
    return Wrong(path, "no tensor \"logits\"",
                 "\"logits\" [images, classes] of the training split, or "
                 "\"indices\" and \"values\" of its likeliest classes");
  } else {
    RETURN_IF_ERROR(CheckNumbers(path, "logits", &table->logits));
  }
  if (table->test_logits.defined()) {
    RETURN_IF_ERROR(CheckNumbers(path, "test_logits", &table->test_logits));
  }
  for (const at::Tensor* one : {&table->logits, &table->test_logits}) {
    const std::string found = one->defined() ? NoLogits(*one) : "";
    if (!found.empty()) {
      return Wrong(path, found, "logits, which are not normalised",
                   "Save what the model gives before its softmax; the "
                   "logarithms of its probabilities will do.");
    }
  }
  return absl::OkStatus();
}

// Logits with the probabilities that the likeliest classes have, and all others
// alike.
at::Tensor SpreadRest(const at::Tensor& indices, const at::Tensor& values,
                      int64_t classes) {
  const int64_t others = classes - values.size(1);
  at::Tensor logits = at::empty({values.size(0), classes}, values.options());
  if (others > 0) {
    const at::Tensor rest =
        (1 - values.to(at::kDouble).exp().sum(1)).clamp_min(kLeastRest) /
        others;
    logits.copy_(rest.log().unsqueeze(1).expand_as(logits));
  }
  return logits.scatter_(1, indices, values);
}

// The rows of a table.
class TableTeacher : public Teacher {
 public:
  TableTeacher(StageResult stage, at::Tensor rows)
      : Teacher(std::move(stage)), rows_(std::move(rows)) {}

  TeacherLogits LiveLogits() const override { return CachedLogits(rows_); }
  TeacherFeature FeatureFor(const std::string& name) const override {
    TORCH_CHECK(false, "a table of logits has no feature ", name);
  }

 private:
  at::Tensor ComputeTrainingLogits(const Stages& /*stages*/) const override {
    return rows_;
  }

  const at::Tensor rows_;
};

}  // namespace

bool IsLogitsTable(const SafeTensors& file) {
  return file.Find("logits") != nullptr || file.Find("indices") != nullptr;
}

absl::StatusOr<LogitsTable> LogitsOfTensors(const SafeTensors& file,
                                            const std::string& path) {
  LogitsTable table;
  RETURN_IF_ERROR(ReadTensors(file, path, &table));
  RETURN_IF_ERROR(Check(path, &table));
  return table;
}

absl::StatusOr<LogitsTable> LogitsOfArrays(const std::string& path) {
  LogitsTable table;
  RETURN_IF_ERROR(ReadArrays(path, &table));
  RETURN_IF_ERROR(Check(path, &table));
  return table;
}

absl::StatusOr<ModelOutline> FromTable::Outline(
    const ExperimentOptions& options, const Dataset& train) const {
  if (!options.augment.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--augment is given, and ", from(),
        " has the teacher's logits for the images as they are, not for views "
        "of them; leave --augment out, or pass the teacher as a model"));
  }
  const bool is_sparse = !table_.logits.defined();
  const at::Tensor& rows = is_sparse ? table_.values : table_.logits;
  const auto wrong = [this](const std::string& found,
                            const std::string& expected) {
    return Unexpected(absl::StatusCode::kFailedPrecondition, from(), found,
                      expected,
                      "Compute them for this data set, in its order.");
  };
  if (rows.size(0) != train.count) {
    return wrong(Count(rows.size(0), "row") + " of logits",
                 absl::StrCat(WithCommas(train.count),
                              ", one for each training image of ", train.name));
  }
  if (is_sparse) {
    const at::Tensor& indices = table_.indices;
    const int64_t low = indices.amin().item<int64_t>();
    const int64_t high = indices.amax().item<int64_t>();
    if (low < 0 || high >= train.classes || rows.size(1) > train.classes) {
      return wrong(absl::StrCat("classes from ", low, " to ", high),
                   absl::StrCat("0 to ", train.classes - 1));
    }
    const at::Tensor sorted = std::get<0>(indices.sort(1));
    if (sorted.diff(1, 1).eq(0).any().item<bool>()) {
      return wrong("a class twice in one row", "each once");
    }
  } else if (rows.size(1) != train.classes) {
    return wrong(absl::StrCat("logits of ", rows.size(1), " classes"),
                 absl::StrCat("the ", train.classes, " of ", train.name));
  }
  const auto hash = table_.metadata.find(kImagesCrc32);
  const std::string ours = absl::StrFormat("%08x", train.images_crc32);
  if (hash != table_.metadata.end() && hash->second != ours) {
    return wrong(absl::StrCat("logits for images whose ", kImagesCrc32, " is ",
                              Printable(hash->second)),
                 absl::StrCat(ours, ", that of ", train.name,
                              " (bazel run //cli:data_hash)"));
  }
  return What();
}

ModelOutline FromTable::What() const {
  return {table_.logits.defined()
              ? "a table of logits"
              : absl::StrCat("a table of logits of the ", table_.values.size(1),
                             " likeliest classes; the rest of each row is "
                             "spread evenly"),
          0,
          0,
          {},
          true};
}

absl::StatusOr<std::shared_ptr<Teacher>> FromTable::Load(const Stages& stages) {
  const DataDivision& data = stages.data();
  if (data.unlabelled_images() > 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--unlabelled is given, and ", from(),
        " has logits for the training images alone; leave --unlabelled out, "
        "or pass the teacher as a model"));
  }
  const Dataset& test = data.test.dataset();
  if (table_.test_logits.defined() &&
      (table_.test_logits.size(0) != test.count ||
       table_.test_logits.size(1) != test.classes)) {
    return Unexpected(
        absl::StatusCode::kFailedPrecondition, from(),
        absl::StrCat("\"test_logits\" of ", Explain(table_.test_logits)),
        absl::StrCat("[", test.count, ", ", test.classes, "], as ", data.name,
                     " has test images and classes"),
        "Compute them for this data set, in its order, or leave them out.");
  }
  const at::Tensor logits =
      table_.logits.defined()
          ? table_.logits
          : SpreadRest(table_.indices, table_.values, test.classes);
  const auto at = [&logits](const std::vector<int64_t>& positions) {
    return at::index_select(logits, 0, at::tensor(positions, at::kLong));
  };
  if (table_.metadata.count(kImagesCrc32) == 0) {
    stages.observer().OnLine(absl::StrCat(
        "note: ", from(), " does not say of which images it is (", kImagesCrc32,
        "); that its rows are in their order is judged by its "
        "accuracy alone"));
  }
  if (!table_.test_logits.defined()) {
    stages.observer().OnLine(absl::StrCat(
        "note: ", from(),
        " has no \"test_logits\"; how good the teacher is on the test images "
        "is not known"));
  }
  StageResult stage = stages.Judge(
      What(),
      data.validation_at.empty() ? at::Tensor() : at(data.validation_at),
      table_.test_logits);
  const LearningBar bar = BarOf(data.train.dataset());
  if (stage.test.samples > 0 && stage.test.accuracy() < bar.bar) {
    return Unexpected(
        absl::StatusCode::kFailedPrecondition, from(),
        absl::StrCat("\"test_logits\" that get ",
                     Percent(stage.test.accuracy()),
                     " of the test images right"),
        absl::StrCat("at least ", Percent(bar.bar)),
        "Are its rows in the order of the test split? Leave them out if that "
        "is not known.");
  }
  return std::make_shared<TableTeacher>(
      std::move(stage), (data.train_at.empty() ? logits : at(data.train_at))
                            .to(stages.compute().device));
}

std::string FromTable::Doubt() const {
  return "Are its rows in the data set's order (the training split's, before "
         "anything is held out), and its columns in the order of the classes?";
}

}  // namespace distill
