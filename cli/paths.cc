#include "cli/paths.h"

#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "absl/strings/str_cat.h"
#include "tools/cpp/runfiles/runfiles.h"

namespace distill {

std::string FromUsersFolder(const std::string& path) {
  const char* folder = std::getenv("BUILD_WORKING_DIRECTORY");
  if (path.empty() || path[0] == '/' || folder == nullptr) return path;
  return absl::StrCat(folder, "/", path);
}

std::string DefaultDataFolder(const std::string& argv0) {
  using bazel::tools::cpp::runfiles::Runfiles;
  std::string error;
  const std::unique_ptr<Runfiles> runfiles(Runfiles::Create(argv0, &error));
  if (runfiles != nullptr) {
    // Plain, or compressed, as the place had it that Bazel got it from.
    for (const char* name :
         {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"}) {
      const std::string file =
          runfiles->Rlocation(absl::StrCat("mnist/", name));
      if (!file.empty() && access(file.c_str(), R_OK) == 0) {
        return file.substr(0, file.rfind('/'));
      }
    }
  }
  return FromUsersFolder("data");
}

}  // namespace distill
