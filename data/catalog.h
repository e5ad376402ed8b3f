// All that is known of data sets by their names: a row of a table each.
#ifndef DISTILL_DATA_CATALOG_H_
#define DISTILL_DATA_CATALOG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/format.h"
#include "data/image_spec.h"

namespace distill {

// How many images a data set has.
struct DatasetSize {
  int64_t train = 0, test = 0;
  int classes = 0;
};

struct CatalogEntry {
  std::string word;  // What --dataset calls it: "fashion_mnist".
  std::string name;  // What people call it: "Fashion-MNIST".
  // Of the samples of one split, as Dataset has them. A set with checksums is
  // known by its content, whatever it is called; one without is taken at the
  // user's word.
  struct Checksums {
    Split split;
    uint32_t images_crc32, labels_crc32;
  };
  std::vector<Checksums> checksums;
  // What a set of that name may have; empty where the checksums say it.
  std::vector<DatasetSize> sizes;
  ImageSpec image;
  // One per class; empty where the files have numbers that stand for names.
  std::vector<std::string> class_names;
  std::optional<Normalization> normalization;
  // Folders to look into, from the user's on, or absolute. Empty: what Bazel
  // fetched.
  std::vector<std::string> places;
  // The package of Debian that has it; empty if none does.
  std::string package;
  DatasetLayout layout;
};

const std::vector<CatalogEntry>& Catalog();

// The entry that --dataset calls so; null if there is none.
const CatalogEntry* FindInCatalog(const std::string& word);

// Sets what the catalog knows of the samples: name, class_names, normalization.
//
// The name is an entry's if both checksums are those of this split, else what
// the user calls it, "unknown (images crc32 0123abcd)" if nothing: MNIST,
// Fashion-MNIST, KMNIST and others have files of the same names and sizes, and
// only the content tells them apart. Where the user says that unknown content
// is `stated` (an entry's name), it is "KMNIST (by name; images crc32
// 0123abcd)": nobody has checked that.
void IdentifyDataset(const std::string& stated, Dataset* dataset);

}  // namespace distill

#endif  // DISTILL_DATA_CATALOG_H_
