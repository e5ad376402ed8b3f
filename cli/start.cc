// What has to happen before main(), and even before the shared libraries'
// initialisers: these look at the environment, and crash where they have no
// room. glibc calls what is in the section .preinit_array, with main's
// arguments, once all libraries are loaded and before any of them starts.
// Nothing here may use what they set up: no streams, no getenv, no allocation.
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace distill {
namespace {

constexpr char kTooFewAddresses[] =
    "out of memory: the limit of this process's addresses (ulimit -v) leaves "
    "less than 256 MB beside its libraries; expected that much to start with. "
    "Raise the limit, or limit memory with a control group instead";
constexpr size_t kToStartWith = size_t{256} << 20;

void Say(int file, const char* text) {
  const ssize_t written = write(file, text, std::strlen(text));
  static_cast<void>(written);  // There is nobody else to tell.
}

// Ends the process with an error on both streams, as any other has.
[[noreturn]] void End(const char* program, const char* error) {
  const char* const folders_end = std::strrchr(program, '/');
  Say(STDERR_FILENO, folders_end == nullptr ? program : folders_end + 1);
  Say(STDERR_FILENO, ": ");
  Say(STDERR_FILENO, error);
  Say(STDERR_FILENO, "\n");
  Say(STDOUT_FILENO, R"({"status":"error","message":")");
  Say(STDOUT_FILENO, error);
  Say(STDOUT_FILENO, "\"}\n");
  _exit(EXIT_FAILURE);
}

// Ends the process if so few addresses are left that LibTorch's initialisers
// would abort or crash for want of them.
void CheckAddresses(const char* program) {
  rlimit limit = {};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return;
  }
  void* const room = mmap(nullptr, kToStartWith, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room != MAP_FAILED) {
    munmap(room, kToStartWith);
    return;
  }
  End(program, kTooFewAddresses);
}

constexpr char kTooSmallAStack[] =
    "the limit of this process's stack (ulimit -s) is less than 1024 KB; "
    "expected that much, which libraries need for themselves. Raise the limit";
constexpr rlim_t kLeastStack = rlim_t{1} << 20;
constexpr rlim_t kUsualStack = rlim_t{8} << 20;

// Ends the process where its stack would be too small, which is an error that
// nothing reports when it happens. Before that, takes as much of the usual size
// as the user may have, for threads too: theirs is of the size that the limit
// had when the program started.
void CheckStack(const char* program) {
  rlimit limit = {};
  if (getrlimit(RLIMIT_STACK, &limit) != 0 ||
      limit.rlim_cur >= kLeastStack) {  // RLIM_INFINITY is the largest.
    return;
  }
  if (limit.rlim_max < kLeastStack) End(program, kTooSmallAStack);
  limit.rlim_cur = limit.rlim_max < kUsualStack ? limit.rlim_max : kUsualStack;
  pthread_attr_t attributes;
  if (setrlimit(RLIMIT_STACK, &limit) != 0 ||
      pthread_attr_init(&attributes) != 0) {
    return;
  }
  pthread_attr_setstacksize(&attributes, limit.rlim_cur);
  pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
}

bool Begins(const char* text, const char* with) {
  return std::strncmp(text, with, std::strlen(with)) == 0;
}

// Has OpenMP's threads wait for each other by spinning for 10,000 turns, not
// libgomp's 300,000, before they sleep, unless the user has said how they shall
// wait. Where another program wants a processor too, a thread that spins takes
// it from the one that it waits for (docs/benchmarking.md has the numbers).
//
// libgomp's initialiser reads this from the environment, and nothing else tells
// it. The environment is an array that the kernel has made, without room for
// one more: so the setting stands in the place of a variable that no
// initialiser asks for, until all of them have run. Where there is none of
// these, threads wait as libgomp has it.
char** borrowed = nullptr;
char* lender = nullptr;

void SpinLess(char** environment) {
  static char setting[] = "GOMP_SPINCOUNT=10000";
  for (char** one = environment; *one != nullptr; ++one) {
    if (Begins(*one, "GOMP_SPINCOUNT=") || Begins(*one, "OMP_WAIT_POLICY=")) {
      borrowed = nullptr;
      return;
    }
    for (const char* name : {"_=", "PWD=", "OLDPWD=", "SHLVL=", "LOGNAME=",
                             "USER=", "SHELL=", "TERM=", "HOME=", "PATH="}) {
      if (Begins(*one, name)) borrowed = one;
    }
  }
  if (borrowed == nullptr) return;
  lender = *borrowed;
  *borrowed = setting;
}

// Runs after the initialisers of all libraries, and before main().
__attribute__((constructor(101))) void GiveBack() {
  if (borrowed != nullptr) *borrowed = lender;
}

void Start(int argc, char** argv, char** environment) {
  const char* const program = argc > 0 ? argv[0] : "distill";
  CheckStack(program);
  SpinLess(environment);
  CheckAddresses(program);
}
using Initializer = void (*)(int, char**, char**);
__attribute__((section(".preinit_array"), used)) const Initializer kStart =
    Start;

}  // namespace
}  // namespace distill
