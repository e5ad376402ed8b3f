#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "training/world.h"

namespace distill {

bool BuiltWithMpi() { return false; }

absl::StatusOr<Ranks*> JoinWorld() {
  // Open MPI's, MPICH's, and srun's (whose SLURM_NTASKS the shell of salloc has
  // too, which is one process).
  for (const char* name :
       {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    const char* const value = std::getenv(name);
    int size = 0;
    if (value == nullptr || !absl::SimpleAtoi(value, &size) || size <= 1) {
      continue;
    }
    return absl::FailedPreconditionError(absl::StrCat(
        "this process was started as one of ", size, " (", name,
        "), and this program was built without MPI: each would do the same "
        "work. Build it with --config=mpi, or start it alone"));
  }
  return &OneProcess();
}

int LeaveWorld(int code, const std::string& /*error*/) { return code; }

}  // namespace distill
