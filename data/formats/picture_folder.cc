#include "data/formats/picture_folder.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/paths.h"
#include "base/random.h"
#include "base/status.h"
#include "base/text.h"
#include "data/formats/packed_pictures.h"

namespace distill {
namespace {

// Endings of pictures; those of the second list cannot be read.
constexpr const char* kRead[] = {".png",   ".jpg", ".jpeg", ".jpe", ".jfif",
                                 ".pjpeg", ".pjp", ".pgm",  ".ppm"};
constexpr const char* kNotRead[] = {
    ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif",
    ".jp2",  ".jxl", ".tga", ".pbm", ".pnm",  ".ico",  ".psd",  ".svg",
    ".dng",  ".cr2", ".nef", ".arw", ".apng", ".dcm"};

template <size_t n>
bool EndsWithOneOf(const std::string& name, const char* const (&endings)[n]) {
  return std::any_of(endings, endings + n, [&](const char* ending) {
    return absl::EndsWithIgnoreCase(name, ending);
  });
}

bool IsFolder(const std::string& path, struct stat* info) {
  return stat(path.c_str(), info) == 0 && S_ISDIR(info->st_mode);
}

// The names in a folder, sorted: of folders, and of all else.
struct Names {
  std::vector<std::string> folders, files;
};

absl::StatusOr<Names> NamesIn(const std::string& folder) {
  DIR* const open = opendir(folder.c_str());
  if (open == nullptr) {
    return Unexpected(absl::ErrnoToStatusCode(errno), folder,
                      absl::StrCat("\"", std::generic_category().message(errno),
                                   "\" when listing it"),
                      "a folder that can be listed",
                      "Let this user read it (chmod a+rx).");
  }
  Names names;
  while (const dirent* entry = readdir(open)) {
    std::string name = entry->d_name;
    if (name[0] == '.')
      continue;  // The folder, the one above, and hidden ones.
    struct stat info;
    const bool is_folder =
        entry->d_type == DT_DIR ||
        ((entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN) &&
         IsFolder(absl::StrCat(folder, "/", name), &info));
    (is_folder ? names.folders : names.files).push_back(std::move(name));
  }
  closedir(open);
  std::sort(names.folders.begin(), names.folders.end());
  std::sort(names.files.begin(), names.files.end());
  return names;
}

// `name` with the bytes that are no UTF-8 as "\xHH".
std::string ValidUtf8(const std::string& name) {
  std::string valid;
  for (size_t i = 0; i < name.size();) {
    const auto byte = static_cast<unsigned char>(name[i]);
    size_t length = byte < 0x80                   ? 1
                    : byte >= 0xC2 && byte < 0xE0 ? 2
                    : byte >= 0xE0 && byte < 0xF0 ? 3
                    : byte >= 0xF0 && byte < 0xF5 ? 4
                                                  : 0;
    for (size_t j = 1; j < length; ++j) {
      if (i + j >= name.size() || (name[i + j] & 0xC0) != 0x80) length = 0;
    }
    if (length == 0) {
      absl::StrAppend(&valid, "\\x", absl::Hex(byte, absl::kZeroPad2));
      length = 1;
    } else {
      valid.append(name, i, length);
    }
    i += length;
  }
  return valid;
}

// Adds the pictures in the folder `root`/`inner`, and in those in it, in the
// order of their folders' paths. A link to a folder that was seen leads
// nowhere.
absl::Status AddPictures(const std::string& root, const std::string& inner,
                         int32_t label, bool skips,
                         std::vector<PictureFile>* pictures) {
  std::map<std::string, std::vector<std::string>> by_folder;
  std::set<std::pair<dev_t, ino_t>> seen;
  // Those above it lead to other classes' pictures.
  for (std::string above = inner; !above.empty();) {
    const size_t slash = above.rfind('/');
    above = slash == std::string::npos ? "" : above.substr(0, slash);
    struct stat info = {};
    if (IsFolder(absl::StrCat(root, "/", above), &info)) {
      seen.insert({info.st_dev, info.st_ino});
    }
  }
  std::vector<std::string> left = {inner};
  while (!left.empty()) {
    const std::string folder = std::move(left.back());
    left.pop_back();
    const std::string path = absl::StrCat(root, "/", folder);
    struct stat info = {};
    if (!IsFolder(path, &info) ||
        !seen.insert({info.st_dev, info.st_ino}).second) {
      continue;
    }
    ASSIGN_OR_RETURN(Names names, NamesIn(path));
    for (const std::string& name : names.folders) {
      left.push_back(absl::StrCat(folder, folder.empty() ? "" : "/", name));
    }
    by_folder[folder] = std::move(names.files);
  }
  for (const auto& [folder, names] : by_folder) {
    for (const std::string& name : names) {
      const std::string path =
          absl::StrCat(folder, folder.empty() ? "" : "/", name);
      const bool is_read = EndsWithOneOf(name, kRead);
      if (!is_read && !EndsWithOneOf(name, kNotRead)) continue;
      // (One that is skipped is found to be unreadable when it is packed, and
      // counted there.)
      if (!is_read && !skips) {
        return Unexpected(
            absl::StatusCode::kInvalidArgument, absl::StrCat(root, "/", path),
            "a picture of a kind that is not read",
            absl::StrCat("pictures that end in ", absl::StrJoin(kRead, ", ")),
            "Convert it, or pass --skip_unreadable.");
      }
      PictureFile picture;
      picture.path = path;
      picture.label = label;
      LookAt(root, &picture);
      pictures->push_back(std::move(picture));
    }
  }
  return absl::OkStatus();
}

const std::vector<const char*>& TrainNames() {
  static const std::vector<const char*> names = {"train", "training"};
  return names;
}
const std::vector<const char*>& TestNames() {
  static const std::vector<const char*> names = {"test", "testing"};
  return names;
}

// The folders of `there` that are called so but for capitals, in the order of
// `wanted`; of one name first the one that is written so.
std::vector<std::string> Called(const Names& there,
                                const std::vector<const char*>& wanted) {
  std::vector<std::string> found;
  for (const char* name : wanted) {
    for (const bool exactly : {true, false}) {
      for (const std::string& folder : there.folders) {
        if (absl::EqualsIgnoreCase(folder, name) &&
            (folder == name) == exactly) {
          found.push_back(folder);
        }
      }
    }
  }
  return found;
}

// The folder of `split` in `root`; empty if there is none.
std::string FolderOf(Split split, const std::string& root) {
  const auto there = NamesIn(root);
  if (!there.ok()) return "";
  const auto first = [&](const std::vector<const char*>& wanted) {
    const std::vector<std::string> found = Called(*there, wanted);
    return found.empty() ? std::string() : found[0];
  };
  const std::string validation = first({"val", "valid", "validation"});
  const std::string test = first(TestNames());
  switch (split) {
    case Split::kTrain:
      return first(TrainNames());
    case Split::kTest:
      return test.empty() ? validation : test;
    case Split::kValidation:
      return test.empty() ? "" : validation;
  }
  return "";
}

// Moves a share of each class to the test split.
absl::Status DivideClasses(const std::string& root, double share,
                           PictureSet* set) {
  std::vector<std::vector<PictureFile>> classes(set->class_names.size());
  for (PictureFile& picture : set->splits[0]) {
    classes[picture.label].push_back(std::move(picture));
  }
  auto& train = set->splits[static_cast<size_t>(Split::kTrain)];
  auto& test = set->splits[static_cast<size_t>(Split::kTest)];
  train.clear();
  for (size_t c = 0; c < classes.size(); ++c) {
    const auto all = static_cast<int64_t>(classes[c].size());
    const int64_t tests =
        std::max<int64_t>(1, std::llround(share * static_cast<double>(all)));
    if (tests >= all) {
      return Unexpected(
          absl::StatusCode::kInvalidArgument,
          absl::StrCat(root, "/", set->class_names[c]), Count(all, "picture"),
          absl::StrCat("at least one for training besides the ", tests,
                       " that --test_share=", share, " keeps for testing"),
          "Add pictures, or take this class away.");
    }
    // The same for every seed: results of several are of one test split.
    Random random(0, "test pictures", static_cast<int64_t>(c));
    const std::vector<int64_t> order = random.Permutation(all);
    std::vector<bool> is_test(all);
    for (int64_t i = 0; i < tests; ++i) is_test[order[i]] = true;
    for (int64_t i = 0; i < all; ++i) {
      (is_test[i] ? test : train).push_back(std::move(classes[c][i]));
    }
  }
  return absl::OkStatus();
}

// Adds the pictures of the classes in the folder `inner`, which are to be those
// of the set if it has some.
absl::Status AddClasses(const std::string& inner, Split split, bool skips,
                        PictureSet* set) {
  const std::string path =
      absl::StrCat(set->root, inner.empty() ? "" : "/", inner);
  ASSIGN_OR_RETURN(const Names names, NamesIn(path));
  if (split == Split::kTrain) {
    for (const std::string& name : names.folders) {
      set->class_names.push_back(ValidUtf8(name));
    }
  }
  for (const std::string& name : names.folders) {
    const auto known = std::find(set->class_names.begin(),
                                 set->class_names.end(), ValidUtf8(name));
    if (known == set->class_names.end()) {
      return Unexpected(
          absl::StatusCode::kInvalidArgument, absl::StrCat(path, "/", name),
          absl::StrCat("a class that no ", SplitName(Split::kTrain),
                       " picture is of"),
          absl::StrCat("the classes of the training split: ",
                       absl::StrJoin(set->class_names, ", ")),
          "Give the folders of a class one name in every split.");
    }
    auto& pictures = set->splits[static_cast<size_t>(split)];
    const size_t before = pictures.size();
    RETURN_IF_ERROR(AddPictures(
        set->root, absl::StrCat(inner, inner.empty() ? "" : "/", name),
        static_cast<int32_t>(known - set->class_names.begin()), skips,
        &pictures));
    if (pictures.size() == before) {
      return Unexpected(
          absl::StatusCode::kInvalidArgument, absl::StrCat(path, "/", name),
          "no picture",
          absl::StrCat("files that end in ", absl::StrJoin(kRead, ", ")),
          "Add pictures of this class, or remove the folder.");
    }
  }
  return absl::OkStatus();
}

// Refuses two folders of one split that differ in capitals alone or are
// synonyms.
absl::Status CheckSplits(const std::string& root) {
  ASSIGN_OR_RETURN(const Names names, NamesIn(root));
  for (const auto& wanted : {TrainNames(), TestNames()}) {
    const std::vector<std::string> found = Called(names, wanted);
    if (found.size() > 1) {
      return Unexpected(
          absl::StatusCode::kInvalidArgument, root,
          absl::StrCat("the folders ", absl::StrJoin(found, ", ")),
          "one of them", "Put all pictures of a split into one folder.");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<PictureSet> ListClasses(const std::string& root,
                                       const PictureOptions& options) {
  PictureSet set;
  set.root = root;
  if (!FolderOf(Split::kTrain, root).empty()) {
    RETURN_IF_ERROR(CheckSplits(root));
  }
  const std::string train = FolderOf(Split::kTrain, root);
  if (!train.empty() && options.test_share != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--test_share is ", options.test_share, ", and ", root,
                     " has a folder \"", train,
                     "\"; it is for pictures that are in none. Leave "
                     "it out"));
  }
  RETURN_IF_ERROR(
      AddClasses(train, Split::kTrain, options.skip_unreadable, &set));
  if (set.class_names.size() < 2) {
    return Unexpected(
        absl::StatusCode::kFailedPrecondition, absl::StrCat(root, "/", train),
        absl::StrCat("folders of ", set.class_names.size(), " class"),
        "two classes or more, each a folder of pictures",
        "Put the pictures of each class in a folder of its own.");
  }
  if (train.empty()) {
    if (options.test_share == 0) {
      return Unexpected(
          absl::StatusCode::kFailedPrecondition, root,
          "folders of classes and no split",
          "a folder \"train\" with them, and \"test\" or \"val\"",
          "Pass --test_share=0.2, and a fifth of each class is kept for "
          "testing.");
    }
    RETURN_IF_ERROR(DivideClasses(root, options.test_share, &set));
    return set;
  }
  for (const Split split : {Split::kTest, Split::kValidation}) {
    const std::string folder = FolderOf(split, root);
    if (!folder.empty()) {
      RETURN_IF_ERROR(AddClasses(folder, split, options.skip_unreadable, &set));
    } else if (split == Split::kTest) {
      return Unexpected(absl::StatusCode::kFailedPrecondition, root,
                        "a folder \"train\" and no \"test\" or \"val\"",
                        "pictures to test on",
                        "Add them, or pass the folder train itself with "
                        "--test_share=0.2.");
    }
  }
  return set;
}

bool HasPictures(const std::string& folder) {
  const auto names = NamesIn(folder);
  return names.ok() && std::any_of(names->files.begin(), names->files.end(),
                                   [](const std::string& name) {
                                     return EndsWithOneOf(name, kRead) ||
                                            EndsWithOneOf(name, kNotRead);
                                   });
}

absl::Status CheckChannels(int64_t channels) {
  if (channels != 2) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "--channels is 2; it must be 1 (grey) or 3 (red, green, blue)");
}

Dataset DatasetOf(const PackedPictures& packed, const std::string& root,
                  Split split) {
  const PackedPictures::OneSplit& one =
      packed.splits[static_cast<size_t>(split)];
  Dataset dataset;
  dataset.called = ValidUtf8(std::filesystem::path(root).filename().string());
  dataset.folder = root;
  dataset.files = {root};
  dataset.split = split;
  dataset.count = one.images.count();
  dataset.image = packed.image;
  dataset.classes = static_cast<int>(packed.class_names.size());
  dataset.class_names = packed.class_names;
  dataset.normalization = packed.normalization;
  dataset.images = one.images;
  dataset.labels = one.labels;
  dataset.images_crc32 = one.images_crc32;
  dataset.labels_crc32 = LabelsCrc32(dataset);
  return dataset;
}

Observer& Nobody() {
  static auto* const nobody = new Observer;
  return *nobody;
}

}  // namespace

bool IsPictureFolder(const std::string& path) {
  if (path.empty()) return false;  // And not the root.
  for (const std::string& inner :
       {"/" + FolderOf(Split::kTrain, path), std::string()}) {
    const auto names = NamesIn(path + inner);
    if (!names.ok()) continue;
    for (const std::string& name : names->folders) {
      if (HasPictures(absl::StrCat(path, inner, "/", name))) return true;
    }
  }
  return false;
}

std::string PictureFolderIn(const std::string& path, int depth) {
  auto names = NamesIn(path);
  if (!names.ok() || depth == 0) return "";
  std::stable_partition(names->folders.begin(), names->folders.end(),
                        [](const std::string& name) {
                          return absl::StrContains(absl::AsciiStrToLower(name),
                                                   "train");
                        });
  for (const std::string& name : names->folders) {
    const std::string inner = absl::StrCat(path, "/", name);
    if (IsPictureFolder(inner)) return inner;
    const std::string deeper = PictureFolderIn(inner, depth - 1);
    if (!deeper.empty()) return deeper;
  }
  return "";
}

absl::StatusOr<DatasetReader> OpenPictureFolder(const std::string& path,
                                                const DatasetOptions& options) {
  RETURN_IF_ERROR(CheckChannels(options.pictures.channels));
  const std::string root = AbsolutePath(path);
  ASSIGN_OR_RETURN(const PictureSet set, ListClasses(root, options.pictures));
  Observer& observer =
      options.observer == nullptr ? Nobody() : *options.observer;
  ASSIGN_OR_RETURN(const auto packed, Pack(set, options.pictures, observer));
  const Fit fit = options.pictures.resize;
  return
      [packed, root, fit](Split split, int classes) -> absl::StatusOr<Dataset> {
        if (packed->splits[static_cast<size_t>(split)].labels.empty()) {
          return absl::NotFoundError(
              absl::StrCat(root, ": no ", SplitName(split), " pictures"));
        }
        Dataset dataset = DatasetOf(*packed, root, split);
        if (classes != 0 && classes != dataset.classes) {
          return absl::InvalidArgumentError(absl::StrCat(
              "classes: found ", classes, "; expected ", dataset.classes,
              ", the folders of ", root, ". Leave it out."));
        }
        if (split == Split::kTest) dataset.known_shared = packed->shared_images;
        dataset.fit = fit;
        dataset.skipped = packed->skipped;
        return dataset;
      };
}

absl::StatusOr<Dataset> LoadUnlabelled(const std::string& path,
                                       const ImageSpec& image,
                                       const DatasetOptions& options) {
  PictureSet set;
  set.root = AbsolutePath(path);
  PictureOptions pictures = options.pictures;
  pictures.image_size = {image.height, image.width};
  pictures.channels = image.channels;
  RETURN_IF_ERROR(AddPictures(set.root, "", static_cast<int32_t>(kNoLabel),
                              pictures.skip_unreadable, &set.splits[0]));
  if (set.splits[0].empty()) {
    return Unexpected(
        absl::StatusCode::kInvalidArgument, set.root, "no picture",
        absl::StrCat("files that end in ", absl::StrJoin(kRead, ", ")),
        "Name a folder with pictures.");
  }
  Observer& observer =
      options.observer == nullptr ? Nobody() : *options.observer;
  ASSIGN_OR_RETURN(const auto packed, Pack(set, pictures, observer));
  Dataset dataset = DatasetOf(*packed, set.root, Split::kTrain);
  dataset.skipped = packed->skipped;
  return dataset;
}

}  // namespace distill
