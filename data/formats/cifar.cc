#include "data/formats/cifar.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <new>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/files.h"
#include "base/paths.h"
#include "base/status.h"
#include "data/formats/packed_file.h"

namespace distill {
namespace {

namespace fs = std::filesystem;

constexpr ImageSpec kImage = {3, 32, 32};

// One of the two.
struct Version {
  const char* folder;
  std::vector<std::string> train, test;
  // Labels before the pixels, and which of them is the class: CIFAR-100 has the
  // coarse one first.
  int64_t labels, fine, coarse;
  int fine_classes, coarse_classes;
  const char* fine_names;
  const char* coarse_names;
};

const std::vector<Version>& Versions() {
  static const auto* const versions = new std::vector<Version>{
      {"cifar-10-batches-bin",
       {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
        "data_batch_4.bin", "data_batch_5.bin"},
       {"test_batch.bin"},
       1,
       0,
       0,
       10,
       10,
       "batches.meta.txt",
       "batches.meta.txt"},
      {"cifar-100-binary",
       {"train.bin"},
       {"test.bin"},
       2,
       1,
       0,
       100,
       20,
       "fine_label_names.txt",
       "coarse_label_names.txt"}};
  return *versions;
}

// The file `name` in `folder`, plain or else packed; empty if there is none.
std::string FindFile(const fs::path& folder, const std::string& name) {
  for (const char* end : {"", ".gz"}) {
    std::string path = (folder / (name + end)).string();
    if (IsThere(path)) return path;
  }
  return "";
}

// Where and which; null if there is none.
struct Found {
  fs::path folder;
  const Version* version = nullptr;
};

Found Find(const std::string& path) {
  for (const Version& version : Versions()) {
    for (const fs::path& folder :
         {fs::path(path), fs::path(path) / version.folder}) {
      if (!FindFile(folder, version.train[0]).empty())
        return {folder, &version};
    }
  }
  return {};
}

std::vector<std::string> NamesIn(const fs::path& file) {
  std::vector<std::string> names;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const auto name = std::string(absl::StripAsciiWhitespace(line));
    if (!name.empty()) names.push_back(name);
  }
  return names;
}

// Adds the records of the file `path`.
absl::Status AddRecords(const std::string& path, int64_t labels_of_one,
                        int64_t which, std::vector<int32_t>* labels,
                        std::vector<uint8_t>* pixels) {
  ASSIGN_OR_RETURN(const auto file,
                   PackedFile::Open(path, "CIFAR's binary version", &read));
  std::vector<uint8_t> record(labels_of_one + kImage.size());
  const auto size = static_cast<int64_t>(record.size());
  for (int64_t count = 0;; ++count) {
    ASSIGN_OR_RETURN(const int64_t got, file->Read(record.data(), size));
    if (got == 0) return absl::OkStatus();
    if (got < size) {
      return Unexpected(
          absl::StatusCode::kDataLoss, file->path(),
          absl::StrCat(count, " records and ", got, " bytes"),
          absl::StrCat("records of ", size, " bytes each"),
          "The file is incomplete, or another one. Fetch it again.");
    }
    labels->push_back(record[which]);
    pixels->insert(pixels->end(), record.begin() + labels_of_one, record.end());
  }
}

}  // namespace

bool IsCifar(const std::string& path) { return Find(path).version != nullptr; }

std::string OtherCifar(const std::string& path) {
  for (const char* name :
       {"data_batch_1", "cifar-10-batches-py", "cifar-100-python",
        "cifar-10-python.tar.gz", "cifar-100-python.tar.gz"}) {
    if (IsThere((fs::path(path) / name).string())) {
      return absl::StrCat("CIFAR's Python version (", name, ")");
    }
  }
  for (const char* name :
       {"cifar-10-binary.tar.gz", "cifar-100-binary.tar.gz"}) {
    if (IsThere((fs::path(path) / name).string())) {
      return absl::StrCat(name, ", which is packed");
    }
  }
  return "";
}

absl::StatusOr<Dataset> LoadCifar(const std::string& path, Split split,
                                  const DatasetOptions& options) {
  if (split == Split::kValidation) return absl::NotFoundError("none");
  const Found found = Find(path);
  const Version& version = *found.version;
  const bool coarse = options.layout.coarse_labels;
  Dataset dataset;
  dataset.folder = AbsolutePath(found.folder.string());
  dataset.split = split;
  dataset.image = kImage;
  std::vector<int32_t> labels;
  std::vector<uint8_t> pixels;
  try {
    for (const std::string& name :
         split == Split::kTrain ? version.train : version.test) {
      const std::string file = FindFile(dataset.folder, name);
      if (file.empty()) {
        return absl::NotFoundError(absl::StrCat(
            dataset.folder, ": found no ", name,
            " (the folder holds: ", ListFolder(dataset.folder),
            "); expected it, plain or .gz, beside the others. Fetch them all: ",
            kCifarPage));
      }
      dataset.files.push_back(file);
      RETURN_IF_ERROR(AddRecords(file, version.labels,
                                 coarse ? version.coarse : version.fine,
                                 &labels, &pixels));
    }
  } catch (const std::bad_alloc&) {
    return Unexpected(absl::StatusCode::kResourceExhausted, dataset.folder,
                      "more images than fit in memory", "180 MB of them",
                      "Free memory.");
  }
  dataset.images = Pixels(std::move(pixels), kImage.size());
  const int classes = coarse ? version.coarse_classes : version.fine_classes;
  RETURN_IF_ERROR(SetLabels(dataset.files.back(), std::move(labels), 0,
                            options.classes > 0 ? options.classes : classes,
                            &dataset));
  dataset.class_names = NamesIn(
      found.folder / (coarse ? version.coarse_names : version.fine_names));
  if (static_cast<int>(dataset.class_names.size()) != dataset.classes) {
    dataset.class_names.clear();
  }
  SetChecksums(&dataset);
  return dataset;
}

}  // namespace distill
