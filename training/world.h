// The processes that were started together with this one.
#ifndef DISTILL_TRAINING_WORLD_H_
#define DISTILL_TRAINING_WORLD_H_

#include <string>

#include "absl/status/statusor.h"
#include "training/ranks.h"

namespace distill {

// Joins the processes that mpirun or srun started; to be called once, from the
// main thread, before anything else of this file. Without MPI (--config=mpi)
// that is this process alone. Unavailable where MPI does not start.
absl::StatusOr<Ranks*> JoinWorld();

// Whether this program can be one of several processes.
bool BuiltWithMpi();

// Leaves them with this exit code, which is returned. With an error (1 to 127)
// all processes are ended within seconds, and of several ranks this never
// returns. A rank but the first waits a moment before it ends the others: for
// an error that all have, rank 0 to say it; `error` and `result` are what it
// would have said on stderr and stdout.
int LeaveWorld(int code, const std::string& error, const std::string& result);

}  // namespace distill

#endif  // DISTILL_TRAINING_WORLD_H_
