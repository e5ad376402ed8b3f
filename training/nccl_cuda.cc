#include <cstring>
#include <vector>

#include "torch/csrc/cuda/nccl.h"
#include "training/nccl.h"

namespace distill {
namespace {

namespace nccl = torch::cuda::nccl;

class NcclGroup : public Nccl {
 public:
  explicit NcclGroup(nccl::ncclComm_t group) : group_(group) {}
  ~NcclGroup() override { nccl::comm_destroy(group_); }

  void Sum(at::Tensor values) override {
    std::vector<at::Tensor> sums = {values};
    nccl::all_reduce({values}, sums, static_cast<int32_t>(nccl::ncclRedOp::Sum),
                     /*streams=*/{}, {group_});
  }
  void Broadcast(at::Tensor values) override {
    nccl::broadcast({values}, /*streams=*/{}, {group_});
  }

 private:
  const nccl::ncclComm_t group_;
};

}  // namespace

std::unique_ptr<Nccl> MakeNccl(
    int rank, int size,
    const std::function<std::string(const std::string&)>& share) {
  nccl::ncclUniqueId id;
  if (rank == 0) nccl::get_unique_id(id);
  const std::string bytes =
      share(std::string(id.internal, rank == 0 ? sizeof(id.internal) : 0));
  TORCH_CHECK(bytes.size() == sizeof(id.internal), "NCCL: found an identifier ",
              "of ", bytes.size(), " bytes; expected ", sizeof(id.internal));
  std::memcpy(id.internal, bytes.data(), bytes.size());
  return std::make_unique<NcclGroup>(nccl::comm_init_rank(size, id, rank));
}

}  // namespace distill
