#include "cli/version.h"

#include "absl/strings/str_cat.h"
#include "models/kernel_choice.h"
#include "torch/version.h"
#include "training/cuda_state.h"

// bazel build --per_file_copt=cli/version.cc@-DDISTILL_COMMIT=...
#ifdef DISTILL_COMMIT
#define DISTILL_TEXT_OF(name) #name
#define DISTILL_TEXT(name) DISTILL_TEXT_OF(name)
#define DISTILL_COMMIT_TEXT " (" DISTILL_TEXT(DISTILL_COMMIT) ")"
#else
#define DISTILL_COMMIT_TEXT ""
#endif

namespace distill {

std::string VersionText(const std::string& program) {
  return absl::StrCat(program, " ", kVersion, DISTILL_COMMIT_TEXT,
                      "\nLibTorch ", TORCH_VERSION,
                      QueryCuda().built ? ", with CUDA" : ", without CUDA",
                      "\nkernels for ", kernels::IsaName(ChosenIsa()), "\n");
}

}  // namespace distill
