#include "base/torch_status.h"

#include <exception>
#include <new>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/interrupt.h"
#include "c10/util/Exception.h"

namespace distill {
namespace {

// A device's error in its own words, and what to do about it.
struct DeviceError {
  const char* said;  // Part of what LibTorch reports.
  absl::StatusCode code;
  const char* advice;
};
constexpr DeviceError kDeviceErrors[] = {
    {"no kernel image", absl::StatusCode::kUnavailable,
     "This program has no code for this card. //cli:doctor says which cards it "
     "has code for; --device=cpu works without one."},
    {"out of memory", absl::StatusCode::kResourceExhausted,
     "Try a smaller --batch_size, or --device=cpu; nvidia-smi shows which "
     "other programs hold the GPU's memory."},
    {"CUDA error", absl::StatusCode::kUnavailable,
     "The GPU stopped working on this run, and what it had computed is lost. "
     "nvidia-smi says whether it is still there. Start again; if it happens "
     "again, --device=cpu works without it."},
};

// The status of what LibTorch reports as `what`.
absl::Status StatusOf(absl::StatusCode code, const std::string& what,
                      const std::string& suffix) {
  if (absl::StrContains(what, "CUDA")) {
    for (const DeviceError& error : kDeviceErrors) {
      if (absl::StrContains(what, error.said)) {
        return absl::Status(error.code,
                            absl::StrCat(what, suffix, ". ", error.advice));
      }
    }
  }
  return absl::Status(code, absl::StrCat(what, suffix));
}

}  // namespace

absl::Status CatchTorchErrors(const std::string& doing,
                              const std::function<absl::Status()>& work) {
  const std::string suffix = absl::StrCat(" (while ", doing, ")");
  try {
    return work();
  } catch (const Interrupted& interrupted) {
    return absl::CancelledError(
        absl::StrCat("interrupted in \"", interrupted.what(), "\""));
  } catch (const c10::OutOfMemoryError& error) {
    return StatusOf(absl::StatusCode::kResourceExhausted,
                    error.what_without_backtrace(), suffix);
  } catch (const c10::Error& error) {
    // The CPU allocator has no exception type of its own.
    const std::string what = error.what_without_backtrace();
    return StatusOf(absl::StrContains(what, "can't allocate memory")
                        ? absl::StatusCode::kResourceExhausted
                        : absl::StatusCode::kInternal,
                    what, suffix);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat("out of memory", suffix));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat(error.what(), suffix));
  }
}

}  // namespace distill
