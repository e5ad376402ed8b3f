#include "base/interrupt.h"

#include <csignal>
#include <initializer_list>

namespace distill {
namespace {

// All that a signal handler may write.
volatile std::sig_atomic_t signal_seen = 0;

void Remember(int signal) { signal_seen = signal; }

}  // namespace

void CatchInterrupts() {
  struct sigaction action = {};
  action.sa_handler = Remember;
  // Once: the second one is the system's, which ends the process. Calls that it
  // comes in the middle of are made again.
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before = {};
    sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
  }
  // The limit of processor time says so every second until its hard limit.
  action.sa_flags = SA_RESTART;
  sigaction(SIGXCPU, &action, nullptr);
}

int InterruptSignal() { return signal_seen; }

void SetInterruptSignal(int signal) { signal_seen = signal; }

}  // namespace distill
