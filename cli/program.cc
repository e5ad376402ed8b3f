#include "cli/program.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>

#include "absl/status/status.h"
#include "cli/errors.h"
#include "cli/flags.h"

namespace distill {
namespace {

#define TOO_FEW_ADDRESSES                                                     \
  "out of memory: the limit of this process's addresses (ulimit -v) leaves "  \
  "less than 256 MB beside its libraries; expected that much to start with. " \
  "Raise the limit, or limit memory with a control group instead"
constexpr size_t kToStartWith = size_t{256} << 20;

void Say(int file, const char* text) {
  const ssize_t written = write(file, text, std::strlen(text));
  static_cast<void>(written);  // There is nobody else to tell.
}

// Ends the process if so few addresses are left that the libraries' own
// initialisers, which run before main(), would crash for want of them. Runs
// before those, so it uses nothing that they set up.
void CheckAddresses(int argc, char** argv, char**) {
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
  if (argc > 0) {
    const char* const folders_end = std::strrchr(argv[0], '/');
    Say(STDERR_FILENO, folders_end == nullptr ? argv[0] : folders_end + 1);
  }
  Say(STDERR_FILENO, ": " TOO_FEW_ADDRESSES "\n");
  Say(STDOUT_FILENO,
      R"({"status":"error","message":")" TOO_FEW_ADDRESSES "\"}\n");
  _exit(EXIT_FAILURE);
}
// (glibc calls what is in this section with main's arguments.)
using Initializer = void (*)(int, char**, char**);
__attribute__((section(".preinit_array"), used))
const Initializer kCheckAddresses = CheckAddresses;

// `run`, with memory that runs out outside of LibTorch as an error too.
absl::StatusOr<int> RunInMemory(
    const std::function<absl::StatusOr<int>()>& run) {
  try {
    return run();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        "out of memory. free -m says what there is; ulimit -v and the control "
        "group's limit, what this process may have of it");
  }
}

}  // namespace

int FinishOutput(const std::string& program, int code) {
  if (std::cout.flush()) return code;
  std::cerr << program
            << ": stdout: found that it takes no more (it is closed, or its "
               "disk is full); expected to print all. Give it another file or "
               "reader."
            << std::endl;
  return code == 0 ? 1 : code;
}

int RunProgram(const Program& program, int argc, char** argv,
               const std::function<absl::StatusOr<int>()>& run) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto help = ParseFlags(std::vector<std::string>(argv + 1, argv + argc));
  if (help.ok() && *help) {
    std::cout << HelpText(program.usage, program.flag_files);
    return FinishOutput(program.name, 0);
  }
  const absl::StatusOr<int> code =
      help.ok() ? RunInMemory(run) : absl::StatusOr<int>(help.status());
  return FinishOutput(program.name,
                      code.ok() ? *code
                                : EndWithError(program.name, code.status(),
                                               std::cout, std::cerr));
}

}  // namespace distill
