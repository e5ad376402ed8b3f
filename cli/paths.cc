#include "cli/paths.h"

#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "absl/status/status.h"
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

absl::StatusOr<DatasetChoice> ChooseDataset(const std::string& dataset,
                                            const std::string& data_dir,
                                            const std::string& argv0) {
  const std::string given = FromUsersFolder(data_dir);
  if (dataset.empty()) {
    return DatasetChoice{given.empty() ? DefaultDataFolder(argv0) : given, ""};
  }
  if (dataset == "mnist") {
    return DatasetChoice{given.empty() ? DefaultDataFolder(argv0) : given,
                         "MNIST"};
  }
  if (dataset == "fashion_mnist") {
    if (!given.empty()) return DatasetChoice{given, "Fashion-MNIST"};
    const std::string places[] = {"/usr/share/datasets/fashion-mnist",
                                  FromUsersFolder("data/FashionMNIST/raw")};
    for (const std::string& place : places) {
      if (access(place.c_str(), R_OK) == 0) {
        return DatasetChoice{place, "Fashion-MNIST"};
      }
    }
    return absl::NotFoundError(absl::StrCat(
        "Fashion-MNIST is neither in ", places[0], " nor in ", places[1],
        ". What to do: sudo apt-get install dataset-fashion-mnist, or pass "
        "--data_dir with the folder of its four files."));
  }
  if (dataset.find('/') == std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("--dataset is \"", dataset,
                     "\"; it must be mnist, fashion_mnist, or a "
                     "folder with four IDX files (with a / in it, like ./",
                     dataset, ")"));
  }
  if (!given.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--dataset is the folder ", dataset, " and --data_dir is ",
                     data_dir, "; pass one of them"));
  }
  return DatasetChoice{FromUsersFolder(dataset), ""};
}

}  // namespace distill
