// What lets a training go on where it was stopped, to the bit.
#ifndef DISTILL_TRAINING_CHECKPOINT_H_
#define DISTILL_TRAINING_CHECKPOINT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/safetensors.h"
#include "models/classifier.h"
#include "training/losses.h"

namespace distill {

// A training between two of its steps. Orders, views and dropout follow from
// the seed and the step (base/random.h), so that there is no generator to keep.
struct TrainingState {
  TrainResult result;  // Of result.steps steps.
  // Of the steps of the epoch and of the curve's point that have begun.
  LossSums of_epoch, of_point;
  // All that the steps change (see Stepper::State), and if the best weights are
  // kept, those so far ("best.model.fc1.weight"): the best of
  // result.accuracies.
  std::vector<NamedTensor> tensors;
};

// A file's contents for `state`, with a checksum of all of them. `training`
// says of which training it is: "seed 0, student".
absl::StatusOr<std::string> StateToFile(const TrainingState& state,
                                        const std::string& training);

struct KeptState {
  std::string training;
  TrainingState state;
};

// The reverse. `name` is the file's, for messages. DataLoss for anything that
// StateToFile did not write, down to a single bit.
absl::StatusOr<KeptState> StateFromFile(const std::string& bytes,
                                        const std::string& name);

// Copies `kept` into `tensors`, which must be the same by name, shape and type
// (FailedPrecondition).
absl::Status Restore(const std::vector<NamedTensor>& kept,
                     const std::vector<NamedTensor>& tensors);

// Where the states of one training go.
class CheckpointStore {
 public:
  virtual ~CheckpointStore() = default;

  // The latest intact state; none if there is none.
  virtual absl::StatusOr<std::optional<TrainingState>> Latest() = 0;

  // Whether the training is over, and its last state is there.
  virtual bool IsOver() = 0;

  // Whether a state is wanted after so many steps, beside those of the ends of
  // epochs.
  virtual bool Wants(int64_t steps) const = 0;

  // Keeps the state; `last`: of a training that is over.
  virtual absl::Status Save(const TrainingState& state, bool last) = 0;
};

// Where the states of all trainings of a run go.
class RunCheckpoints {
 public:
  virtual ~RunCheckpoints() = default;
  // `training` names one, the same in each run: "seed 0, student".
  virtual std::unique_ptr<CheckpointStore> Of(const std::string& training) = 0;
};

// Keeps the last states of trainings, in memory, as files' contents.
class StatesInMemory : public RunCheckpoints {
 public:
  // `tell` is given each, when it comes.
  explicit StatesInMemory(std::function<void(const std::string&)> tell = {})
      : tell_(std::move(tell)) {}

  std::unique_ptr<CheckpointStore> Of(const std::string& training) override;

  // Keeps what StateToFile made of it, and tells nobody.
  void Keep(const std::string& training, const std::string& file) {
    const std::lock_guard<std::mutex> lock(mutex_);
    files_[training] = file;
  }

 private:
  class Store;

  const std::function<void(const std::string&)> tell_;
  std::mutex mutex_;
  std::map<std::string, std::string> files_;  // By training.
};

}  // namespace distill

#endif  // DISTILL_TRAINING_CHECKPOINT_H_
