#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <thread>

#include "ATen/Parallel.h"
#include "absl/status/status.h"
#include "c10/util/Exception.h"
#include "training/nccl.h"
#include "training/world.h"

namespace distill {
namespace {

// What MPI's counts, which are ints, have room for.
constexpr int64_t kMostNumbers = int64_t{1} << 30;
// Of messages to rank 0.
constexpr int kTag = 1;
// Between two looks of those that wait and leave the processor to others.
constexpr std::chrono::milliseconds kPause{2};
// For rank 0 to say an error that all have.
constexpr std::chrono::milliseconds kPatience{2000};

MPI_Datatype TypeOf(const at::Tensor& values) {
  switch (values.scalar_type()) {
    case at::kFloat:
      return MPI_FLOAT;
    case at::kDouble:
      return MPI_DOUBLE;
    case at::kLong:
      return MPI_INT64_T;
    case at::kByte:
      return MPI_UINT8_T;
    default:
      TORCH_CHECK(false, "ranks: found values of ", values.scalar_type(),
                  "; expected float32, float64, int64 or uint8");
  }
}

void Check(int code, const char* doing) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  TORCH_CHECK(false, "MPI could not ", doing, ": ", text);
}

class MpiRanks : public Ranks {
 public:
  MpiRanks(MPI_Comm all, int local_rank) : all_(all), local_rank_(local_rank) {
    MPI_Comm_set_errhandler(all_, MPI_ERRORS_RETURN);
    MPI_Comm_rank(all_, &rank_);
    MPI_Comm_size(all_, &size_);
  }

  int64_t rank() const override { return rank_; }
  int64_t size() const override { return size_; }
  int64_t local_rank() const override { return local_rank_; }

  void Sum(at::Tensor values) override {
    if (values.is_cuda()) return Gpus().Sum(values);
    InParts(values, [this](void* part, int count, MPI_Datatype type) {
      Check(MPI_Allreduce(MPI_IN_PLACE, part, count, type, MPI_SUM, all_),
            "sum over the ranks");
    });
  }
  void Broadcast(at::Tensor values) override {
    if (values.is_cuda()) return Gpus().Broadcast(values);
    InParts(values, [this](void* part, int count, MPI_Datatype type) {
      Check(MPI_Bcast(part, count, type, 0, all_), "send to all ranks");
    });
  }

  // What has to be freed before MPI ends, by all together.
  void Free() {
    if (tickets_ == MPI_WIN_NULL) return;
    MPI_Win_unlock_all(tickets_);
    MPI_Win_free(&tickets_);
  }

  std::unique_ptr<Ranks> Group(int64_t size) override {
    MPI_Comm group = MPI_COMM_NULL;
    Check(MPI_Comm_split(all_, static_cast<int>(rank_ / size), rank_, &group),
          "divide the ranks");
    Free();
    Check(MPI_Win_allocate(rank_ == 0 ? sizeof(int64_t) : 0, sizeof(int64_t),
                           MPI_INFO_NULL, all_, &counter_, &tickets_),
          "make a counter");
    if (rank_ == 0) *counter_ = 0;
    Check(MPI_Win_lock_all(0, tickets_), "open the counter");
    Wait();
    return std::make_unique<MpiRanks>(group, local_rank_);
  }
  int64_t TakeTickets(int64_t count) override {
    int64_t first = 0;
    Check(
        MPI_Fetch_and_op(&count, &first, MPI_INT64_T, 0, 0, MPI_SUM, tickets_),
        "count");
    Check(MPI_Win_flush(0, tickets_), "count");
    return first;
  }
  void Send(const std::string& bytes) override {
    TORCH_CHECK(static_cast<int64_t>(bytes.size()) <= kMostNumbers,
                "ranks: a message has ", bytes.size(), " bytes; at most ",
                kMostNumbers, " can be sent");
    Check(MPI_Send(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, 0,
                   kTag, all_),
          "send to rank 0");
  }
  std::optional<std::string> Receive() override {
    int there = 0, size = 0;
    MPI_Status status;
    MPI_Message message;
    Check(MPI_Improbe(MPI_ANY_SOURCE, kTag, all_, &there, &message, &status),
          "look for messages");
    if (there == 0) return std::nullopt;
    MPI_Get_count(&status, MPI_BYTE, &size);
    std::string bytes(size, '\0');
    Check(MPI_Mrecv(bytes.data(), size, MPI_BYTE, &message, MPI_STATUS_IGNORE),
          "receive a message");
    return bytes;
  }
  void Wait() override {
    MPI_Request all = MPI_REQUEST_NULL;
    int there = 0;
    Check(MPI_Ibarrier(all_, &all), "wait for the ranks");
    while (
        Check(MPI_Test(&all, &there, MPI_STATUS_IGNORE), "wait for the ranks"),
        there == 0) {
      std::this_thread::sleep_for(kPause);
    }
  }

 private:
  // Begins with the first values that are on one.
  Nccl& Gpus() {
    if (gpus_ == nullptr) {
      gpus_ = MakeNccl(rank_, size_, [this](const std::string& bytes) {
        return Ranks::Broadcast(bytes);
      });
    }
    return *gpus_;
  }

  template <typename Work>
  void InParts(const at::Tensor& values, const Work& work) {
    TORCH_CHECK(values.is_cpu() && values.is_contiguous(),
                "ranks: values must be contiguous, on the CPU");
    char* const bytes = static_cast<char*>(values.mutable_data_ptr());
    const MPI_Datatype type = TypeOf(values);
    for (int64_t done = 0; done < values.numel(); done += kMostNumbers) {
      const int64_t count = std::min(kMostNumbers, values.numel() - done);
      work(bytes + done * values.element_size(), static_cast<int>(count), type);
    }
  }

  const MPI_Comm all_;
  const int local_rank_;
  int rank_ = 0, size_ = 1;
  std::unique_ptr<Nccl> gpus_;
  int64_t* counter_ = nullptr;  // Rank 0's.
  MPI_Win tickets_ = MPI_WIN_NULL;
};

// How many of the processors that this rank may use are its own, where others
// of `host` may use the same: at least 1.
int ThreadsOfRank(MPI_Comm host) {
  std::array<int, CPU_SETSIZE> users = {};
  cpu_set_t own;
  if (sched_getaffinity(0, sizeof(own), &own) != 0) return 1;
  for (int i = 0; i < CPU_SETSIZE; ++i) users[i] = CPU_ISSET(i, &own) ? 1 : 0;
  MPI_Allreduce(MPI_IN_PLACE, users.data(), CPU_SETSIZE, MPI_INT, MPI_SUM,
                host);
  double share = 0;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &own)) share += 1.0 / users[i];
  }
  return std::max(1, static_cast<int>(share + 1e-6));
}

// Whether something that starts MPI programs has started this one. Alone it
// needs no MPI, whose own way to start alone wants to find its programs.
bool WasLaunched() {
  const auto is_set = [](const char* name) {
    return std::getenv(name) != nullptr;
  };
  constexpr const char* kNames[] = {
      "OMPI_COMM_WORLD_SIZE", "PMI_RANK",   "PMI_SIZE", "PMI_FD", "PMIX_RANK",
      "SLURM_PROCID",         "PALS_RANKID"};
  return std::any_of(std::begin(kNames), std::end(kNames), is_set);
}

MpiRanks* world = nullptr;

}  // namespace

bool BuiltWithMpi() { return true; }

absl::StatusOr<Ranks*> JoinWorld() {
  if (!WasLaunched()) return &OneProcess();
  int provided = 0;
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided) !=
      MPI_SUCCESS) {
    return absl::UnavailableError(
        "MPI could not be started; see what it says above");
  }
  MPI_Comm host = MPI_COMM_NULL;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL,
                      &host);
  int local_rank = 0;
  MPI_Comm_rank(host, &local_rank);
  world = new MpiRanks(MPI_COMM_WORLD, local_rank);
  // What --threads=0 takes.
  if (world->size() > 1 && std::getenv("OMP_NUM_THREADS") == nullptr) {
    at::set_num_threads(ThreadsOfRank(host));
  }
  MPI_Comm_free(&host);
  return world;
}

int LeaveWorld(int code, const std::string& error, const std::string& result) {
  if (world == nullptr) return code;
  if (code == 0 || code >= 128 || world->size() == 1) {
    world->Free();
    MPI_Finalize();
    return code;
  }
  if (world->rank() > 0) {
    std::this_thread::sleep_for(kPatience);
    // (Its own streams may lead elsewhere.)
    std::fprintf(stderr, "%s: %s\n", world->Name().c_str(), error.c_str());
    std::fputs(result.c_str(), stdout);
    std::fflush(stdout);
  }
  MPI_Abort(MPI_COMM_WORLD, code);
  return code;
}

}  // namespace distill
