// Where the user stands, and where Bazel put the data.
#ifndef DISTILL_CLI_PATHS_H_
#define DISTILL_CLI_PATHS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/observer.h"
#include "data/catalog.h"
#include "data/format.h"
#include "data/splits.h"

namespace distill {

// The folder with the MNIST that Bazel fetched for the program `argv0`, if the
// program still lies beside its runfiles; else "data" where the user stands.
std::string DefaultDataFolder(const std::string& argv0);

// The words that --dataset takes, but for a folder: "mnist, fashion_mnist, ..".
std::string DatasetNames();

// The data that the user asks for, by the flags of the same names.
struct DataOptions {
  std::string dataset = {};
  std::string data_dir = {};
  int classes = 0;
  // The program's path, which Bazel's files are found by; or none.
  std::string program = {};
  PictureOptions pictures = {};

  // Whether they say more than the default.
  bool names_data() const { return !dataset.empty() || !data_dir.empty(); }

  // The table of base/settings.h. What is known of the data themselves is said
  // by their checksums.
  template <typename Table>
  void AddSettings(Table& table) {
    table.Group("Data");
    table
        .Add("dataset", &dataset,
             "One of " + DatasetNames() +
                 ", or a folder. Default: mnist, or whatever is in --data_dir. "
                 "The content says whether files are MNIST's or "
                 "Fashion-MNIST's; the other names are taken at your word.")
        .Common("a name, or a folder of pictures")
        .NotInConfiguration();
    table
        .Add("data_dir", &data_dir,
             "Folder with four IDX files, with CIFAR's binary files, or with "
             "pictures in folders of classes, in train and test (or val). "
             "Default for MNIST: what Bazel fetched, else ./data; for "
             "Fashion-MNIST Debian's package dataset-fashion-mnist, else "
             "./data/FashionMNIST/raw; for the others ./data and their name.")
        .NotInConfiguration();
    table
        .Add("classes", &classes,
             "The number of classes; 0: as many as the training labels say, "
             "from 0 to the greatest.")
        .Within(0, kMostClasses);
    pictures.AddSettings(table);
  }
};

// Where the data are, and what is known of them.
struct DatasetChoice {
  std::string folder = {};
  // What is known of the data set that they must turn out to be, by content if
  // that is known; null if any will do.
  const CatalogEntry* entry = nullptr;
  // See DataOptions.
  int classes = 0;
  PictureOptions pictures = {};
};

// `dataset`: a word of the catalog (its files are in `data_dir`, else in the
// catalog's places), a folder, or empty: MNIST, or whatever is in `data_dir`.
//
// InvalidArgument for another name, and for two folders; NotFound for a set of
// several places that is in none of them, with what to do. Of the others only
// loading tells whether they are there.
absl::StatusOr<DatasetChoice> ChooseDataset(const DataOptions& options);

// The splits of what was chosen, with as many classes as the choice or else the
// training split has, and the pictures in the folder `unlabelled`, if it is not
// empty. `observer` is told of what takes long.
//
// Errors: those of ChooseDataset; those of LoadDataset, but that
// InvalidArgument is FailedPrecondition: a wrong file is not a wrong flag; and
// FailedPrecondition if by their content or size the files are another data set
// than the one that was asked for, if the training labels leave out so many
// classes that one of them is probably wrong and choice.classes is 0, or if
// both splits are the same images.
absl::StatusOr<Splits> LoadSplits(const DatasetChoice& choice,
                                  Observer& observer,
                                  const std::string& unlabelled = "");
absl::StatusOr<Splits> LoadSplits(const DataOptions& options,
                                  Observer& observer,
                                  const std::string& unlabelled = "");

// The files that were read, of both splits.
std::vector<std::string> FilesOf(const Splits& splits);

// What a user should know of the splits before believing a result, a line each:
// test images that were trained on.
std::vector<std::string> Remarks(const Splits& splits);

}  // namespace distill

#endif  // DISTILL_CLI_PATHS_H_
