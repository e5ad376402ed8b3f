// Training states as files.
#ifndef DISTILL_TRAINING_CHECKPOINT_FOLDER_H_
#define DISTILL_TRAINING_CHECKPOINT_FOLDER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "training/checkpoint.h"
#include "base/observer.h"

namespace distill {

// Keeps states in `folder`, which must be there: of a training that is over in
// a file of its own ("seed-0-teacher.safetensors"), of the one that runs in two
// files in turn ("running-a.safetensors", "running-b.safetensors"), so that a
// whole one is there whenever the process ends. Files are written as WriteFile
// does it.
//
// A damaged file is named to `observer` and taken for missing; the other one,
// or the training's beginning, is used.
class CheckpointFolder : public RunCheckpoints {
 public:
  // `every`: states are wanted after so many steps; 0: at ends of epochs alone.
  CheckpointFolder(std::string folder, int64_t every, Observer& observer)
      : folder_(std::move(folder)), every_(every), observer_(observer) {}

  std::unique_ptr<CheckpointStore> Of(const std::string& training) override;

  // Whether a file of that name in the folder is a state: a running one's, or
  // that of a training "seed N, ..." which is over.
  static bool IsStateFile(const std::string& name);

 private:
  const std::string folder_;
  const int64_t every_;
  Observer& observer_;
};

}  // namespace distill

#endif  // DISTILL_TRAINING_CHECKPOINT_FOLDER_H_
