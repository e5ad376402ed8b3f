// Watches one of several runs for an observer that watches them all.
#ifndef DISTILL_EXPERIMENT_ONE_OF_SEVERAL_H_
#define DISTILL_EXPERIMENT_ONE_OF_SEVERAL_H_

#include <cstdint>
#include <string>
#include <utility>

#include "base/observer.h"

namespace distill {

// Passes one run on: its progress with `prefix` in front, and of its lines
// none, or if it introduces the others those from before any work began.
class OneOfSeveral : public Observer {
 public:
  OneOfSeveral(Observer& observer, std::string prefix, bool introduces)
      : observer_(observer),
        prefix_(std::move(prefix)),
        introduces_(introduces) {}

  void OnBegin(const std::string& what, int64_t images) override {
    introduces_ = false;
    observer_.OnBegin(prefix_ + what, images);
  }
  void OnProgress(int64_t done, double loss) override {
    observer_.OnProgress(done, loss);
  }
  void OnEnd() override { observer_.OnEnd(); }
  void OnLine(const std::string& line) override {
    if (introduces_) observer_.OnLine(line);
  }

 private:
  Observer& observer_;
  const std::string prefix_;
  bool introduces_;
};

}  // namespace distill

#endif  // DISTILL_EXPERIMENT_ONE_OF_SEVERAL_H_
