#include "cli/paths.h"

#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/cpp/runfiles/runfiles.h"

namespace distill {
namespace {

// The data sets whose content is not known to us.
struct ByName {
  const char* flag;
  const char* name;
  const char* file_prefix;
  int first_label;
};

constexpr ByName kByName[] = {
    {"kmnist", "KMNIST", "", 0},
    {"emnist_balanced", "EMNIST Balanced", "emnist-balanced-", 0},
    {"emnist_byclass", "EMNIST ByClass", "emnist-byclass-", 0},
    {"emnist_bymerge", "EMNIST ByMerge", "emnist-bymerge-", 0},
    {"emnist_digits", "EMNIST Digits", "emnist-digits-", 0},
    {"emnist_letters", "EMNIST Letters", "emnist-letters-", 1},
    {"emnist_mnist", "EMNIST MNIST", "emnist-mnist-", 0},
};

DatasetLayout LayoutOf(const ByName& set) {
  const bool emnist = *set.file_prefix != '\0';
  DatasetLayout layout;
  layout.name = set.name;
  layout.folder = emnist ? "EMNIST" : "KMNIST";
  layout.in_gzip_folder = emnist;
  layout.file_prefix = set.file_prefix;
  layout.transposed = emnist;
  layout.first_label = set.first_label;
  layout.page =
      emnist ? "https://www.nist.gov/itl/products-and-services/emnist-dataset"
             : "http://codh.rois.ac.jp/kmnist/";
  return layout;
}

absl::StatusOr<Dataset> LoadSplit(const DatasetChoice& choice, Split split,
                                  int classes) {
  DatasetOptions options;
  options.classes = classes;
  options.layout = choice.layout;
  auto dataset = LoadDataset(choice.folder, split, options);
  if (absl::IsInvalidArgument(dataset.status())) {
    return absl::FailedPreconditionError(dataset.status().message());
  }
  return dataset;
}

}  // namespace

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
    return DatasetChoice{
        given.empty() ? DefaultDataFolder(argv0) : given, "", {}};
  }
  if (dataset == "mnist") {
    return DatasetChoice{
        given.empty() ? DefaultDataFolder(argv0) : given, "MNIST", {}};
  }
  if (dataset == "fashion_mnist") {
    if (!given.empty()) return DatasetChoice{given, "Fashion-MNIST", {}};
    const std::string places[] = {"/usr/share/datasets/fashion-mnist",
                                  FromUsersFolder("data/FashionMNIST/raw")};
    for (const std::string& place : places) {
      if (access(place.c_str(), R_OK) == 0) {
        return DatasetChoice{place, "Fashion-MNIST", {}};
      }
    }
    return absl::NotFoundError(absl::StrCat(
        "Fashion-MNIST is neither in ", places[0], " nor in ", places[1],
        ". What to do: sudo apt-get install dataset-fashion-mnist, or pass "
        "--data_dir with the folder of its four files."));
  }
  for (const ByName& set : kByName) {
    if (dataset != set.flag) continue;
    const DatasetLayout layout = LayoutOf(set);
    return DatasetChoice{
        given.empty() ? FromUsersFolder("data/" + layout.folder) : given,
        set.name, layout};
  }
  if (dataset.find('/') == std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--dataset is \"", dataset, "\"; it must be ", DatasetNames(),
        ", or a "
        "folder with four IDX files (with a / in it, like ./",
        dataset, ")"));
  }
  if (!given.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--dataset is the folder ", dataset, " and --data_dir is ",
                     data_dir, "; pass one of them"));
  }
  return DatasetChoice{FromUsersFolder(dataset), "", {}};
}

std::string DatasetNames() {
  std::string names = "mnist, fashion_mnist";
  for (const ByName& set : kByName) absl::StrAppend(&names, ", ", set.flag);
  return names;
}

absl::StatusOr<Splits> LoadSplits(const DatasetChoice& choice) {
  auto train = LoadSplit(choice, Split::kTrain, 0);
  if (!train.ok()) return train.status();
  auto test = LoadSplit(choice, Split::kTest, train->classes);
  if (!test.ok()) return test.status();
  // What follows a name is how well it is known.
  if (!absl::StartsWith(train->name, choice.name) ||
      !absl::StartsWith(test->name, choice.name)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the files in ", train->folder, " were to be ", choice.name,
        ", and by their content they are ", train->name, " and ", test->name,
        ". Pass another --data_dir or --dataset."));
  }
  return Splits{std::make_shared<const Dataset>(*std::move(train)),
                std::make_shared<const Dataset>(*std::move(test))};
}

}  // namespace distill
