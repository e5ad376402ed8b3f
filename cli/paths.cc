#include "cli/paths.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/settings.h"
#include "base/status.h"
#include "base/text.h"
#include "cli/flags.h"
#include "data/catalog.h"
#include "data/formats/picture_folder.h"
#include "data/load.h"
#include "tools/cpp/runfiles/runfiles.h"

namespace distill {
namespace {

DatasetOptions OptionsOf(const DatasetChoice& choice, Observer& observer) {
  DatasetOptions options;
  if (choice.entry != nullptr) options.layout = choice.entry->layout;
  options.pictures = choice.pictures;
  options.observer = &observer;
  return options;
}

// A wrong file is not a wrong flag. (Messages about flags begin with one.)
absl::Status OfFiles(const absl::Status& status) {
  return absl::IsInvalidArgument(status) &&
                 !absl::StartsWith(status.message(), "--")
             ? absl::FailedPreconditionError(status.message())
             : status;
}

// The split, shared; null where `reader` has no images for validation.
absl::StatusOr<std::shared_ptr<const Dataset>> ReadSplit(
    const DatasetReader& reader, Split split, int classes) {
  auto dataset = reader(split, classes);
  if (split == Split::kValidation && absl::IsNotFound(dataset.status())) {
    return nullptr;
  }
  RETURN_IF_ERROR(OfFiles(dataset.status()));
  return std::make_shared<const Dataset>(*std::move(dataset));
}

// Refuses labels that leave out two classes and more than a tenth of all: one
// wild label, or labels that do not count from 0, would otherwise add classes
// that nothing can learn.
absl::Status CheckGaps(const Dataset& train) {
  const std::vector<int64_t> missing = ClassesWithoutImages(train);
  const auto count = static_cast<int64_t>(missing.size());
  if (count < 2 || 10 * count <= train.classes) return absl::OkStatus();
  const auto wildest =
      std::max_element(train.labels.begin(), train.labels.end());
  return absl::FailedPreconditionError(absl::StrCat(
      "the training labels in ", train.folder, ": found labels up to ",
      train.classes - 1, " (the first at index ",
      wildest - train.labels.begin(), "), and no image of the ", count,
      " classes ", RangesText(missing),
      "; expected images of nearly all classes from 0 on. Mend the labels, or "
      "pass --classes=",
      train.classes, " if there are so many."));
}

absl::Status CheckSizes(const DatasetChoice& choice, const Splits& splits) {
  if (choice.entry == nullptr || choice.entry->sizes.empty()) {
    return absl::OkStatus();
  }
  const CatalogEntry& entry = *choice.entry;
  const Dataset& train = *splits.train;
  const auto fits = [&](const DatasetSize& size) {
    return train.count == size.train && splits.test->count == size.test &&
           train.classes == size.classes && train.image == entry.image;
  };
  if (std::any_of(entry.sizes.begin(), entry.sizes.end(), fits)) {
    return absl::OkStatus();
  }
  const DatasetSize& expected = entry.sizes.front();
  return absl::FailedPreconditionError(absl::StrFormat(
      "the files in %s: found %s training and %s test images of %s and %d "
      "classes; expected %s and %s of %s and %d, as %s has. Pass the folder as "
      "--dataset if these are other images.",
      train.folder, WithCommas(train.count), WithCommas(splits.test->count),
      train.image.Describe(), train.classes, WithCommas(expected.train),
      WithCommas(expected.test), entry.image.Describe(), expected.classes,
      entry.name));
}

// Where a set of the catalog is: the first of its places that is there, or
// where there is only one, that.
absl::StatusOr<std::string> PlaceOf(const CatalogEntry& entry,
                                    const std::string& program) {
  if (entry.places.empty()) return DefaultDataFolder(program);
  std::vector<std::string> places;
  for (const std::string& place : entry.places) {
    places.push_back(FromUsersFolder(place));
    if (access(places.back().c_str(), R_OK) == 0) return places.back();
  }
  if (places.size() == 1) return places[0];
  return absl::NotFoundError(absl::StrCat(
      entry.name, " is neither in ", absl::StrJoin(places, " nor in "),
      ". What to do: sudo apt-get install ", entry.package,
      ", or pass --data_dir with the folder of its four files."));
}

absl::StatusOr<DatasetChoice> ChooseFiles(const DataOptions& options) {
  const std::string& dataset = options.dataset;
  const std::string given = FromUsersFolder(options.data_dir);
  if (dataset.empty()) {
    return DatasetChoice{given.empty() ? DefaultDataFolder(options.program)
                                       : given};
  }
  if (const CatalogEntry* entry = FindInCatalog(dataset)) {
    if (!given.empty()) return DatasetChoice{given, entry};
    ASSIGN_OR_RETURN(std::string place, PlaceOf(*entry, options.program));
    return DatasetChoice{std::move(place), entry};
  }
  if (dataset.find('/') == std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--dataset is \"", dataset, "\"; it must be ", DatasetNames(),
        ", or a "
        "folder (with a / in it, like ./",
        dataset, ")"));
  }
  if (!given.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--dataset is the folder ", dataset, " and --data_dir is ",
                     options.data_dir, "; pass one of them"));
  }
  return DatasetChoice{FromUsersFolder(dataset)};
}

// The validation images, or where the set has none those that they are held out
// of.
const Dataset& ToChooseBy(const Splits& splits) {
  return splits.validation != nullptr ? *splits.validation : *splits.train;
}

}  // namespace

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

std::string DatasetNames() {
  return absl::StrJoin(Catalog(), ", ",
                       [](std::string* names, const CatalogEntry& entry) {
                         names->append(entry.word);
                       });
}

absl::StatusOr<DatasetChoice> ChooseDataset(const DataOptions& options) {
  RETURN_IF_ERROR(CheckRanges(options));
  auto choice = ChooseFiles(options);
  if (choice.ok()) {
    choice->classes = options.classes;
    choice->pictures = options.pictures;
    choice->pictures.cache_dir = FromUsersFolder(options.pictures.cache_dir);
  }
  return choice;
}

absl::StatusOr<Splits> LoadSplits(const DataOptions& options,
                                  Observer& observer,
                                  const std::string& unlabelled) {
  ASSIGN_OR_RETURN(const DatasetChoice choice, ChooseDataset(options));
  auto splits = LoadSplits(choice, observer, unlabelled);
  // Nobody has named that folder.
  if (absl::IsNotFound(splits.status()) && !options.names_data()) {
    return absl::NotFoundError(
        absl::StrCat(splits.status().message(),
                     " If you have them, pass --data_dir with their folder."));
  }
  return splits;
}

absl::StatusOr<Splits> LoadSplits(const DatasetChoice& choice,
                                  Observer& observer,
                                  const std::string& unlabelled) {
  const DatasetOptions options = OptionsOf(choice, observer);
  const auto reader = OpenDataset(choice.folder, options);
  RETURN_IF_ERROR(OfFiles(reader.status()));
  Splits splits;
  ASSIGN_OR_RETURN(splits.train,
                   ReadSplit(*reader, Split::kTrain, choice.classes));
  const Dataset& train = *splits.train;
  // What follows a name is how well it is known.
  const std::string name = choice.entry == nullptr ? "" : choice.entry->name;
  const auto is_right = [&name](const Dataset& dataset) {
    return absl::StartsWith(dataset.name, name);
  };
  if (choice.classes == 0 && is_right(train)) {
    RETURN_IF_ERROR(CheckGaps(train));
  }
  ASSIGN_OR_RETURN(splits.test,
                   ReadSplit(*reader, Split::kTest, train.classes));
  const Dataset& test = *splits.test;
  if (!is_right(train) || !is_right(test)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the files in ", train.folder, " were to be ", name,
                     ", and by their content they are ", train.name,
                     train.name == test.name ? "" : " and " + test.name,
                     ". Pass another --data_dir or --dataset."));
  }
  ASSIGN_OR_RETURN(splits.validation,
                   ReadSplit(*reader, Split::kValidation, train.classes));
  RETURN_IF_ERROR(CheckSizes(choice, splits));
  if (splits.train->images == splits.test->images) {
    return absl::FailedPreconditionError(absl::StrCat(
        splits.test->files[0], ": found the images of ", splits.train->files[0],
        "; expected images that were not trained on. Fetch the test files "
        "again."));
  }
  splits.shared_images = CountShared(*splits.train, *splits.test);
  if (!unlabelled.empty()) {
    auto more =
        LoadUnlabelled(FromUsersFolder(unlabelled), train.image, options);
    RETURN_IF_ERROR(OfFiles(more.status()));
    splits.unlabelled = std::make_shared<const Dataset>(*std::move(more));
    // (Where they are so many that reading them all would take long, nobody
    // counts.)
    const int64_t bytes = splits.unlabelled->count * train.image.size();
    if (bytes <= Pixels::kMostCopied) {
      Dataset tests = test;
      tests.known_shared.reset();
      splits.shared_unlabelled = CountShared(*splits.unlabelled, tests);
      const Dataset& held = ToChooseBy(splits);
      if (held.count * held.image.size() <= Pixels::kMostCopied) {
        splits.shared_unlabelled_choice = CountShared(*splits.unlabelled, held);
      }
    }
  }
  return splits;
}

std::vector<std::string> FilesOf(const Splits& splits) {
  std::vector<std::string> files = splits.train->files;
  files.insert(files.end(), splits.test->files.begin(),
               splits.test->files.end());
  return files;
}

std::vector<std::string> Remarks(const Splits& splits) {
  std::vector<std::string> lines;
  for (const auto& one : {splits.train, splits.unlabelled}) {
    if (one == nullptr || one->skipped.empty()) continue;
    lines.push_back(absl::StrCat(
        "warning: ",
        Count(static_cast<int64_t>(one->skipped.size()), "picture"),
        " could not be read and ", one->skipped.size() == 1 ? "was" : "were",
        " left out; the first: ", one->skipped[0]));
  }
  std::map<std::string, std::string> by_lower_case;
  for (const std::string& name : splits.train->class_names) {
    const auto [other, is_new] =
        by_lower_case.emplace(absl::AsciiStrToLower(name), name);
    if (is_new) continue;
    lines.push_back(absl::StrCat("note: the classes ", other->second, " and ",
                                 name, " differ in case alone; they are two"));
  }
  const std::vector<int64_t> missing = ClassesWithoutImages(*splits.test);
  if (!missing.empty() && ClassesWithoutImages(*splits.train).empty()) {
    lines.push_back(
        absl::StrCat("note: no test image is of ",
                     missing.size() == 1 ? "class " : "the classes ",
                     NamesOf(*splits.train, missing)));
  }
  if (splits.shared_unlabelled > 0) {
    lines.push_back(
        absl::StrFormat("warning: %s of %s are among the --unlabelled "
                        "pictures, pixel by pixel; "
                        "the student learns what the teacher says of them",
                        WithCommas(splits.shared_unlabelled),
                        Count(splits.test->count, "test image")));
  }
  if (splits.shared_unlabelled_choice > 0) {
    lines.push_back(absl::StrCat(
        "warning: ", WithCommas(splits.shared_unlabelled_choice), " of ",
        Count(ToChooseBy(splits).count, splits.validation != nullptr
                                            ? "validation image"
                                            : "training image"),
        " are among the --unlabelled pictures, pixel by pixel",
        splits.validation != nullptr ? ""
                                     : ", also those that --validation holds "
                                       "out",
        "; the student learns what the teacher says of them"));
  }
  if (splits.shared_images == 0) return lines;
  lines.push_back(absl::StrFormat(
      "warning: %s of %s are training images too, pixel by pixel; a test "
      "accuracy counts them",
      WithCommas(splits.shared_images),
      Count(splits.test->count, "test image")));
  return lines;
}

}  // namespace distill
