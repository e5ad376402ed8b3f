#include "training/torch_status.h"

#include <exception>
#include <new>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "c10/util/Exception.h"

namespace distill {

absl::Status CatchTorchErrors(const std::string& doing,
                              const std::function<absl::Status()>& work) {
  const std::string suffix = absl::StrCat(" (while ", doing, ")");
  try {
    return work();
  } catch (const c10::OutOfMemoryError& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat(error.what_without_backtrace(), suffix));
  } catch (const c10::Error& error) {
    // The CPU allocator has no exception type of its own.
    const std::string what = error.what_without_backtrace();
    if (absl::StrContains(what, "can't allocate memory")) {
      return absl::ResourceExhaustedError(absl::StrCat(what, suffix));
    }
    return absl::InternalError(absl::StrCat(what, suffix));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat("out of memory", suffix));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat(error.what(), suffix));
  }
}

}  // namespace distill
