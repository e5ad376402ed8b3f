#include "data/catalog.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace distill {
namespace {

std::vector<std::string> Numbers(int count) {
  std::vector<std::string> names;
  names.reserve(count);
  for (int i = 0; i < count; ++i) names.push_back(absl::StrCat(i));
  return names;
}

std::vector<std::string> Letters() {
  std::vector<std::string> names;
  for (char c = 'A'; c <= 'Z'; ++c) names.emplace_back(1, c);
  return names;
}

// Their .gz files as first published, with these SHA-256:
//   train-images-idx3-ubyte.gz
//     440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609
//   train-labels-idx1-ubyte.gz
//     3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c
//   t10k-images-idx3-ubyte.gz
//     8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6
//   t10k-labels-idx1-ubyte.gz
//     f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6
// The checksums were computed with Python's zlib.crc32 from the unpacked files,
// and are those in the last eight bytes of each .gz.
CatalogEntry Mnist() {
  CatalogEntry entry;
  entry.word = "mnist";
  entry.name = "MNIST";
  entry.checksums = {{Split::kTrain, 0xe9f4d8b3u, 0xe0cb4ad2u},
                     {Split::kTest, 0x91373bdfu, 0x4ab9eff9u}};
  entry.class_names = Numbers(10);
  entry.normalization = Normalization();
  return entry;
}

// Checksums: of Debian's package dataset-fashion-mnist
// 0.0~git20200523.55506a9-1, in the same way. Names: H. Xiao, K. Rasul, R.
// Vollgraf, "Fashion-MNIST", 2017, table 2.
CatalogEntry FashionMnist() {
  CatalogEntry entry;
  entry.word = "fashion_mnist";
  entry.name = "Fashion-MNIST";
  entry.checksums = {{Split::kTrain, 0xb4f29f28u, 0x741a4657u},
                     {Split::kTest, 0x678fe0b1u, 0x80142c1fu}};
  entry.class_names = {"T-shirt/top", "trouser",   "pullover", "dress",
                       "coat",        "sandal",    "shirt",    "sneaker",
                       "bag",         "ankle boot"};
  entry.places = {"/usr/share/datasets/fashion-mnist", "data/FashionMNIST/raw"};
  entry.package = "dataset-fashion-mnist";
  return entry;
}

// Checksums: of the records in the order of the files, as IDX files would have
// them, computed with Python's zlib.crc32. Names: batches.meta.txt there.
// Normalisation: the mean and deviation of the training pixels.
CatalogEntry Cifar10() {
  CatalogEntry entry;
  entry.word = "cifar10";
  entry.name = "CIFAR-10";
  entry.checksums = {{Split::kTrain, 0x24909230u, 0x31587f74u},
                     {Split::kTest, 0xb4851585u, 0x1ee5b3e9u}};
  entry.class_names = {"airplane", "automobile", "bird",  "cat",  "deer",
                       "dog",      "frog",       "horse", "ship", "truck"};
  entry.normalization =
      Normalization{{0.4914f, 0.4822f, 0.4465f}, {0.2470f, 0.2435f, 0.2616f}};
  entry.places = {"data/cifar-10-batches-bin"};
  entry.layout.is_cifar = true;
  entry.layout.page = kCifarPage;
  return entry;
}

// A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
CatalogEntry Cifar100(const std::string& word, const std::string& name,
                      int classes) {
  CatalogEntry entry;
  entry.word = word;
  entry.name = entry.layout.name = name;
  entry.sizes = {{50000, 10000, classes}};
  entry.image = {3, 32, 32};
  entry.places = {"data/cifar-100-binary"};
  entry.layout.coarse_labels = classes == 20;
  entry.layout.is_cifar = true;
  entry.layout.page = kCifarPage;
  return entry;
}

// T. Clanuwat et al., "Deep Learning for Classical Japanese Literature", 2018,
// table 1.
CatalogEntry Kmnist() {
  CatalogEntry entry;
  entry.word = "kmnist";
  entry.name = entry.layout.name = "KMNIST";
  entry.sizes = {{60000, 10000, 10}};
  entry.places = {"data/KMNIST"};
  entry.layout.folder = "KMNIST";
  entry.layout.page = "http://codh.rois.ac.jp/kmnist/";
  return entry;
}

// Sizes: G. Cohen et al., "EMNIST: an extension of MNIST to handwritten
// letters", 2017, table II, and for Letters, which its authors made larger
// since, their page too.
CatalogEntry Emnist(const std::string& split, const std::string& name,
                    std::vector<DatasetSize> sizes,
                    std::vector<std::string> class_names, int first_label = 0) {
  CatalogEntry entry;
  entry.word = "emnist_" + split;
  entry.name = entry.layout.name = "EMNIST " + name;
  entry.sizes = std::move(sizes);
  entry.class_names = std::move(class_names);
  entry.places = {"data/EMNIST"};
  entry.layout.folder = "EMNIST";
  entry.layout.in_gzip_folder = true;
  entry.layout.file_prefix = absl::StrCat("emnist-", split, "-");
  entry.layout.transposed = true;
  entry.layout.first_label = first_label;
  entry.layout.page =
      "https://www.nist.gov/itl/products-and-services/emnist-dataset";
  return entry;
}

}  // namespace

const std::vector<CatalogEntry>& Catalog() {
  static const auto* const catalog = new std::vector<CatalogEntry>{
      Mnist(),
      FashionMnist(),
      Cifar10(),
      Cifar100("cifar100", "CIFAR-100", 100),
      Cifar100("cifar100_coarse", "CIFAR-100 Coarse", 20),
      Kmnist(),
      Emnist("balanced", "Balanced", {{112800, 18800, 47}}, {}),
      Emnist("byclass", "ByClass", {{697932, 116323, 62}}, {}),
      Emnist("bymerge", "ByMerge", {{697932, 116323, 47}}, {}),
      Emnist("digits", "Digits", {{240000, 40000, 10}}, Numbers(10)),
      Emnist("letters", "Letters", {{124800, 20800, 26}, {88800, 14800, 26}},
             Letters(), /*first_label=*/1),
      Emnist("mnist", "MNIST", {{60000, 10000, 10}}, Numbers(10)),
  };
  return *catalog;
}

const CatalogEntry* FindInCatalog(const std::string& word) {
  for (const CatalogEntry& entry : Catalog()) {
    if (entry.word == word) return &entry;
  }
  return nullptr;
}

void IdentifyDataset(const std::string& stated, Dataset* dataset) {
  const auto has_content = [dataset](const CatalogEntry::Checksums& one) {
    return one.split == dataset->split &&
           one.images_crc32 == dataset->images_crc32 &&
           one.labels_crc32 == dataset->labels_crc32;
  };
  const CatalogEntry* entry = nullptr;
  for (const CatalogEntry& one : Catalog()) {
    if (std::any_of(one.checksums.begin(), one.checksums.end(), has_content)) {
      entry = &one;
      dataset->name = one.name;
    }
  }
  if (entry == nullptr) {
    const std::string content = absl::StrCat(
        "images crc32 ", absl::Hex(dataset->images_crc32, absl::kZeroPad8));
    const std::string called =
        dataset->called.empty() ? "unknown" : dataset->called;
    dataset->name = stated.empty()
                        ? absl::StrCat(called, " (", content, ")")
                        : absl::StrCat(stated, " (by name; ", content, ")");
    for (const CatalogEntry& one : Catalog()) {
      if (one.name == stated) entry = &one;
    }
  }
  if (entry == nullptr) return;
  if (entry->normalization) dataset->normalization = entry->normalization;
  if (entry->class_names.empty()) return;
  dataset->class_names = entry->class_names;
  dataset->class_names.resize(
      std::min<size_t>(dataset->class_names.size(), dataset->classes));
  dataset->class_names = ClassNames(*dataset);
}

}  // namespace distill
