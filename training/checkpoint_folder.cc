#include "training/checkpoint_folder.h"

#include <unistd.h>

#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/files.h"
#include "base/status.h"

namespace distill {
namespace {

constexpr const char* kRunning[] = {"running-a.safetensors",
                                    "running-b.safetensors"};

// "seed 0, student" as "seed-0-student".
std::string FileName(const std::string& training) {
  std::string name;
  for (char c : training) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c))) {
      name.push_back(c);
    } else if (!name.empty() && name.back() != '-') {
      name.push_back('-');
    }
  }
  return name;
}

class KeeperOfOne : public CheckpointStore {
 public:
  KeeperOfOne(const std::string& folder, std::string training, int64_t every,
              Observer& observer)
      : training_(std::move(training)),
        every_(every),
        observer_(observer),
        over_(absl::StrCat(folder, "/", FileName(training_), ".safetensors")),
        running_{absl::StrCat(folder, "/", kRunning[0]),
                 absl::StrCat(folder, "/", kRunning[1])} {}

  absl::StatusOr<std::optional<TrainingState>> Latest() override {
    auto over = Read(over_);
    if (over) return over;
    std::optional<TrainingState> newest;
    for (size_t i = 0; i < running_.size(); ++i) {
      auto state = Read(running_[i]);
      if (!state || (newest && newest->result.steps > state->result.steps)) {
        continue;
      }
      newest = std::move(state);
      next_ = 1 - i;  // The newest one stays.
    }
    ran_ = newest.has_value();
    return newest;
  }

  bool IsOver() override { return Read(over_).has_value(); }

  bool Wants(int64_t steps) const override {
    return every_ > 0 && steps % every_ == 0;
  }

  absl::Status Save(const TrainingState& state, bool last) override {
    ASSIGN_OR_RETURN(const auto bytes, StateToFile(state, training_));
    if (!last) {
      const absl::Status written = WriteFile(running_[next_], bytes);
      if (written.ok()) next_ = 1 - next_;
      ran_ = true;
      return written;
    }
    const absl::Status written = WriteFile(over_, bytes);
    if (written.ok() && ran_) {
      for (const std::string& path : running_) unlink(path.c_str());
    }
    return written;
  }

 private:
  // None if it is missing, damaged (which is said) or of another training.
  std::optional<TrainingState> Read(const std::string& path) {
    if (access(path.c_str(), F_OK) != 0) return std::nullopt;
    const auto bytes = ReadFile(path);
    auto kept = bytes.ok() ? StateFromFile(*bytes, path)
                           : absl::StatusOr<KeptState>(bytes.status());
    if (!kept.ok()) {
      observer_.OnLine(absl::StrCat("warning: ", kept.status().message(),
                                    "; this state is not used"));
      return std::nullopt;
    }
    if (kept->training != training_) return std::nullopt;
    return std::move(kept->state);
  }

  const std::string training_;
  const int64_t every_;
  Observer& observer_;
  const std::string over_;
  const std::array<std::string, 2> running_;
  size_t next_ = 0;   // Which of the two is written next.
  bool ran_ = false;  // Whether these may be this training's.
};

}  // namespace

bool CheckpointFolder::IsStateFile(const std::string& name) {
  absl::string_view rest = name;
  if (name == kRunning[0] || name == kRunning[1]) return true;
  return absl::ConsumePrefix(&rest, "seed-") &&
         absl::ConsumeSuffix(&rest, ".safetensors") && !rest.empty() &&
         absl::ascii_isdigit(static_cast<unsigned char>(rest[0]));
}

std::unique_ptr<CheckpointStore> CheckpointFolder::Of(
    const std::string& training) {
  return std::make_unique<KeeperOfOne>(folder_, training, every_, observer_);
}

}  // namespace distill
