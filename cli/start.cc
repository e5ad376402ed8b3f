// What has to happen before main(), and even before the shared libraries'
// initialisers: these look at the environment, and crash where they have no
// room. glibc calls what is in the section .preinit_array, with main's
// arguments, once all libraries are loaded and before any of them starts.
// Nothing here may use what they set up: no streams, no getenv, no allocation.
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <cstring>

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
// libgomp reads this from its environment once, before main(), and has no other
// way to be told: so the program starts again in an environment that says it.
void SpinLess(char** argv, char** environment) {
  // Started by a loader that was named (ld.so PROGRAM), it is not that program
  // which /proc would start.
  if (getauxval(AT_BASE) == 0) return;
  constexpr size_t kMost = 4096;
  static char setting[] = "GOMP_SPINCOUNT=10000";
  static char* larger[kMost + 2];
  size_t count = 0;
  for (; environment[count] != nullptr; ++count) {
    if (count == kMost || Begins(environment[count], "GOMP_SPINCOUNT=") ||
        Begins(environment[count], "OMP_WAIT_POLICY=")) {
      return;
    }
    larger[count] = environment[count];
  }
  larger[count] = setting;
  // By its own name, which is what ps and killall know it by. Where this fails,
  // because there is no /proc, all is as it was.
  char program[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", program, sizeof program);
  if (length <= 0 || length == sizeof program) return;
  program[length] = '\0';
  execve(program, argv, larger);
}

void Start(int argc, char** argv, char** environment) {
  const char* const program = argc > 0 ? argv[0] : "distill";
  CheckStack(program);
  SpinLess(argv, environment);
  CheckAddresses(program);
}
using Initializer = void (*)(int, char**, char**);
__attribute__((section(".preinit_array"), used)) const Initializer kStart =
    Start;

}  // namespace
}  // namespace distill
