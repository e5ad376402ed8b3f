#include "training/checkpoint.h"

#include <utility>

#include "ATen/core/grad_mode.h"
#include "ATen/ops/tensor.h"
#include "ATen/ops/zeros.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "base/files.h"
#include "base/status.h"
#include "models/weights.h"

namespace distill {
namespace {

// Before the names of what the steps change, and of what they found.
constexpr char kTensors[] = "state.";
constexpr char kFound[] = "found.";

// What a later version of this program could not read in the same way.
constexpr char kFormat[] = "distill training state 1";

using Rows = std::vector<std::vector<double>>;

// [rows, columns] float64: text would not have NaN, nor every bit.
SafeTensor ToTensor(const std::string& name, const Rows& rows,
                    int64_t columns) {
  std::vector<double> values;
  for (const auto& row : rows) {
    values.insert(values.end(), row.begin(), row.end());
  }
  return ToSafeTensor(kFound + name,
                      at::tensor(values, at::kDouble)
                          .view({static_cast<int64_t>(rows.size()), columns}));
}

std::vector<double> RowOf(const LossSums& sums) {
  return {sums.total, sums.soft, sums.hard, static_cast<double>(sums.samples)};
}

absl::Status Damaged(const std::string& name, const std::string& found) {
  return Unexpected(absl::StatusCode::kDataLoss, name, found,
                    "a training state as it was written");
}

// Reads the tensors of what was found, and remembers whether all were there.
class Found {
 public:
  explicit Found(const SafeTensors& file) : file_(file) {}

  Rows Read(const std::string& name, int64_t columns) {
    Rows rows;
    const SafeTensor* const tensor = file_.Find(kFound + name);
    if (tensor == nullptr || tensor->dtype != "F64" ||
        tensor->shape.size() != 2 || tensor->shape[1] != columns) {
      whole_ = false;
      return {};
    }
    const at::Tensor values = *FromSafeTensor(*tensor);
    const double* const data = values.const_data_ptr<double>();
    for (int64_t i = 0; i < values.size(0); ++i) {
      rows.emplace_back(data + i * columns, data + (i + 1) * columns);
    }
    return rows;
  }
  // Whether there is such a table: states of before there were have none.
  bool Has(const std::string& name) const {
    return file_.Find(kFound + name) != nullptr;
  }
  // A table of so many rows; zeros if it is none.
  Rows Read(const std::string& name, int64_t rows, int64_t columns) {
    Rows table = Read(name, columns);
    if (static_cast<int64_t>(table.size()) != rows) {
      whole_ = false;
      table.assign(rows, std::vector<double>(columns));
    }
    return table;
  }
  // A number that counts something.
  int64_t Count(double number) {
    // What float64 counts one by one. (NaN is not at least 0.)
    constexpr double kMost = int64_t{1} << 53;
    if (!(number >= 0 && number <= kMost)) {
      whole_ = false;
      return 0;
    }
    return static_cast<int64_t>(number);
  }
  LossSums Sums(const std::vector<double>& row) {
    LossSums sums = {row[0], row[1], row[2], Count(row[3])};
    sums.labelled = sums.samples;
    return sums;
  }
  bool whole() const { return whole_; }

 private:
  const SafeTensors& file_;
  bool whole_ = true;
};

std::string Checksum(const std::string& bytes) {
  return absl::StrFormat("%08x", Crc32(bytes));
}

}  // namespace

absl::StatusOr<std::string> StateToFile(const TrainingState& state,
                                        const std::string& training) {
  SafeTensors file;
  for (const NamedTensor& tensor : state.tensors) {
    file.tensors.push_back(ToSafeTensor(kTensors + tensor.name, tensor.value));
  }
  Rows epochs, curve;
  for (const EpochLosses& epoch : state.result.epochs) {
    epochs.push_back({epoch.total, epoch.soft, epoch.hard});
  }
  for (const CurvePoint& point : state.result.curve) {
    curve.push_back({static_cast<double>(point.step), point.losses.total,
                     point.losses.soft, point.losses.hard});
  }
  file.tensors.push_back(ToTensor("epochs", epochs, 3));
  file.tensors.push_back(ToTensor("curve", curve, 4));
  file.tensors.push_back(
      ToTensor("sums", {RowOf(state.of_epoch), RowOf(state.of_point)}, 4));
  file.tensors.push_back(ToTensor(
      "numbers",
      {{static_cast<double>(state.result.steps), state.result.late_accuracy(),
        state.result.seconds, static_cast<double>(state.result.late_correct),
        static_cast<double>(state.result.late_samples)}},
      5));
  file.tensors.push_back(
      ToTensor("labelled",
               {{static_cast<double>(state.of_epoch.labelled),
                 static_cast<double>(state.of_point.labelled)}},
               2));
  Rows accuracies;
  for (const AccuracyPoint& point : state.result.accuracies) {
    accuracies.push_back({static_cast<double>(point.step), point.accuracy});
  }
  file.tensors.push_back(ToTensor("accuracies", accuracies, 2));
  file.metadata = {{"kind", kFormat}, {"training", training}};
  ASSIGN_OR_RETURN(auto bytes, SerializeSafeTensors(file));
  file.metadata["crc32"] = Checksum(bytes);
  return SerializeSafeTensors(file);
}

absl::StatusOr<KeptState> StateFromFile(const std::string& bytes,
                                        const std::string& name) {
  ASSIGN_OR_RETURN(auto file, ParseSafeTensors(bytes, name));
  const std::string checksum = file.metadata["crc32"];
  file.metadata.erase("crc32");
  const auto without = SerializeSafeTensors(file);
  if (!without.ok() || Checksum(*without) != checksum) {
    return Damaged(name, "another checksum than its contents have");
  }
  if (file.metadata["kind"] != kFormat) {
    return Damaged(name, absl::StrCat("the kind \"", file.metadata["kind"],
                                      "\" in place of \"", kFormat, "\""));
  }
  KeptState kept;
  kept.training = file.metadata["training"];
  TrainingState& state = kept.state;
  Found found(file);
  for (const auto& row : found.Read("epochs", 3)) {
    state.result.epochs.push_back({row[0], row[1], row[2]});
  }
  for (const auto& row : found.Read("curve", 4)) {
    state.result.curve.push_back(
        {found.Count(row[0]), {row[1], row[2], row[3]}});
  }
  const Rows sums = found.Read("sums", 2, 4);
  state.of_epoch = found.Sums(sums[0]);
  state.of_point = found.Sums(sums[1]);
  const std::vector<double> numbers = found.Read("numbers", 1, 5)[0];
  state.result.steps = found.Count(numbers[0]);
  state.result.seconds = numbers[2];
  state.result.late_correct = found.Count(numbers[3]);
  state.result.late_samples = found.Count(numbers[4]);
  if (found.Has("labelled")) {
    const Rows labelled = found.Read("labelled", 1, 2);
    state.of_epoch.labelled = found.Count(labelled[0][0]);
    state.of_point.labelled = found.Count(labelled[0][1]);
  }
  if (found.Has("accuracies")) {
    for (const auto& row : found.Read("accuracies", 2)) {
      state.result.accuracies.push_back({found.Count(row[0]), row[1]});
    }
  }
  if (!found.whole()) return Damaged(name, "no whole record of the losses");
  for (const SafeTensor& tensor : file.tensors) {
    absl::string_view rest = tensor.name;
    if (!absl::ConsumePrefix(&rest, kTensors)) continue;
    auto value = FromSafeTensor(tensor);
    if (!value.ok()) return Damaged(name, "a tensor of another type");
    state.tensors.push_back({std::string(rest), *std::move(value)});
  }
  return kept;
}

class StatesInMemory::Store : public CheckpointStore {
 public:
  Store(StatesInMemory& states, std::string training)
      : states_(states), training_(std::move(training)) {}

  absl::StatusOr<std::optional<TrainingState>> Latest() override {
    const std::lock_guard<std::mutex> lock(states_.mutex_);
    const auto file = states_.files_.find(training_);
    if (file == states_.files_.end()) return std::nullopt;
    ASSIGN_OR_RETURN(auto kept, StateFromFile(file->second, training_));
    return std::move(kept.state);
  }
  bool IsOver() override {
    const std::lock_guard<std::mutex> lock(states_.mutex_);
    return states_.files_.count(training_) > 0;
  }
  bool Wants(int64_t /*steps*/) const override { return false; }
  absl::Status Save(const TrainingState& state, bool last) override {
    if (!last) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::string file, StateToFile(state, training_));
    states_.Keep(training_, file);
    if (states_.tell_) states_.tell_(file);
    return absl::OkStatus();
  }

 private:
  StatesInMemory& states_;
  const std::string training_;
};

std::unique_ptr<CheckpointStore> StatesInMemory::Of(
    const std::string& training) {
  return std::make_unique<Store>(*this, training);
}

absl::Status Restore(const std::vector<NamedTensor>& kept,
                     const std::vector<NamedTensor>& tensors) {
  bool same = kept.size() == tensors.size();
  for (size_t i = 0; same && i < kept.size(); ++i) {
    same = kept[i].name == tensors[i].name &&
           kept[i].value.sizes() == tensors[i].value.sizes() &&
           kept[i].value.scalar_type() == tensors[i].value.scalar_type();
  }
  if (!same) {
    return absl::FailedPreconditionError(
        "a training state is of another model; it cannot be gone on from");
  }
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < kept.size(); ++i) {
    at::Tensor to = tensors[i].value;
    to.copy_(kept[i].value);
  }
  return absl::OkStatus();
}

}  // namespace distill
