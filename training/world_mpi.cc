#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <thread>

#include "absl/status/status.h"
#include "c10/util/Exception.h"
#include "training/world.h"

namespace distill {
namespace {

// What MPI's counts, which are ints, have room for.
constexpr int64_t kMostNumbers = int64_t{1} << 30;
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
  MpiRanks() {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
  }

  int64_t rank() const override { return rank_; }
  int64_t size() const override { return size_; }

  void Sum(at::Tensor values) override {
    InParts(values, [](void* part, int count, MPI_Datatype type) {
      Check(MPI_Allreduce(MPI_IN_PLACE, part, count, type, MPI_SUM,
                          MPI_COMM_WORLD),
            "sum over the ranks");
    });
  }
  void Broadcast(at::Tensor values) override {
    InParts(values, [](void* part, int count, MPI_Datatype type) {
      Check(MPI_Bcast(part, count, type, 0, MPI_COMM_WORLD),
            "send to all ranks");
    });
  }

 private:
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

  int rank_ = 0, size_ = 1;
};

MpiRanks* world = nullptr;

}  // namespace

bool BuiltWithMpi() { return true; }

absl::StatusOr<Ranks*> JoinWorld() {
  int provided = 0;
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided) !=
      MPI_SUCCESS) {
    return absl::UnavailableError(
        "MPI could not be started; see what it says above");
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  world = new MpiRanks;
  return world;
}

int LeaveWorld(int code, const std::string& error) {
  if (world == nullptr) return code;
  if (code == 0 || code >= 128 || world->size() == 1) {
    MPI_Finalize();
    return code;
  }
  if (world->rank() > 0) {
    std::this_thread::sleep_for(kPatience);
    // (Its own streams may lead elsewhere.)
    std::fprintf(stderr, "%s: %s\n", NameOf(*world).c_str(), error.c_str());
  }
  MPI_Abort(MPI_COMM_WORLD, code);
  return code;
}

}  // namespace distill
