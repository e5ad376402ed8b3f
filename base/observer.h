// Who watches a run: a progress bar, a log, a test.
#ifndef DISTILL_BASE_OBSERVER_H_
#define DISTILL_BASE_OBSERVER_H_

#include <cstdint>
#include <string>

namespace distill {

// Called from the thread that trains; whatever it does delays the run. The
// default is to watch nothing.
class Observer {
 public:
  virtual ~Observer() = default;

  // Work on `images` images begins, for example "teacher: training".
  virtual void OnBegin(const std::string& /*what*/, int64_t /*images*/) {}
  // `done` of them are done. `loss` is the mean over the images since the last
  // call, NaN where the work has no loss.
  virtual void OnProgress(int64_t /*done*/, double /*loss*/) {}
  // The work that began last has ended, well or not.
  virtual void OnEnd() {}

  // A line of the run's account of itself, for people.
  virtual void OnLine(const std::string& /*line*/) {}
};

}  // namespace distill

#endif  // DISTILL_BASE_OBSERVER_H_
