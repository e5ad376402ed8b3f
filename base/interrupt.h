// A person who wants the program to stop.
#ifndef DISTILL_BASE_INTERRUPT_H_
#define DISTILL_BASE_INTERRUPT_H_

#include <stdexcept>

namespace distill {

// Thrown out of what nobody can go on with; CatchTorchErrors makes Cancelled of
// it. Says in what: "teacher: testing".
struct Interrupted : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// From now on SIGINT (Ctrl-C), SIGTERM, SIGHUP (the terminal went away) and
// SIGXCPU (the soft limit of processor time) do not end the process at once:
// a training stops after the step that it is in, and ComputeLogits after a
// batch. A second signal ends it, but for SIGXCPU, which comes every second.
// One that the process was started to ignore stays ignored, SIGHUP under nohup
// for example.
void CatchInterrupts();

// The signal that came since, or 0.
int InterruptSignal();

// As if that signal had come (or, 0, none): for tests.
void SetInterruptSignal(int signal);

}  // namespace distill

#endif  // DISTILL_BASE_INTERRUPT_H_
