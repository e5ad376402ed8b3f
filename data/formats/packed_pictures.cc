#include "data/formats/packed_pictures.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/random.h"
#include "base/status.h"
#include "base/text.h"
#include "data/image.h"
#include "data/pixel_counts.h"
#include "data/safetensors.h"
#include "nlohmann/json.hpp"

namespace distill {
namespace {

constexpr absl::string_view kEnd = "DISTILL1";
constexpr size_t kLengthBytes = 8;
constexpr Split kSplits[] = {Split::kTrain, Split::kTest, Split::kValidation};
// Pixels up to which a file's checksum is compared when it is opened.
constexpr int64_t kMostChecked = int64_t{1} << 30;
// Pictures that are decoded between two writes, and the bytes that these take
// at most.
constexpr int64_t kBlock = 4096, kBlockBytes = int64_t{1} << 26;
// A picture's file with more than two bytes for each pixel that is allowed.
constexpr int64_t kMostFileBytes = int64_t{1} << 28;

// Two numbers of 64 bits that other names, sizes, times or options change.
std::string KeyOf(const PictureSet& set, const PictureOptions& options) {
  std::string text = absl::StrCat(
      kEnd, "|", set.root, "|", AbslUnparseFlag(options.image_size), "|",
      options.channels, "|", static_cast<int>(options.resize), "|",
      options.skip_unreadable, "|");
  for (const std::string& name : set.class_names) {
    absl::StrAppend(&text, name.size(), " ", name, "|");
  }
  uint64_t a = internal::Fnv1a64(text), b = ~a;
  for (const auto& split : set.splits) {
    text = absl::StrCat(split.size());
    a ^= internal::SplitMix64(b);
    for (const PictureFile& file : split) {
      absl::StrAppend(&text, "|", file.label, " ", file.size, " ", file.time,
                      " ", file.path);
      // SplitMix64 moves its state, and returns a hash of it.
      b ^= internal::Fnv1a64(text);
      a = (a << 1 | a >> 63) ^ internal::SplitMix64(b);
      text.clear();
    }
  }
  return absl::StrFormat("%016x%016x", a, b);
}

// ---- Decoding.

// What of a picture goes into the file.
struct Packed {
  absl::Status status;
  std::vector<uint8_t> pixels;
  uint64_t hash = 0;  // Of the pixels.
};

absl::StatusOr<Picture> ReadPicture(const std::string& root,
                                    const PictureFile& file, int64_t channels) {
  const std::string path = absl::StrCat(root, "/", file.path);
  if (file.size > kMostFileBytes) {
    return Unexpected(absl::StatusCode::kInvalidArgument, path,
                      absl::StrCat("a file of ", file.size, " bytes"),
                      absl::StrCat("a picture of at most ", kMostFileBytes),
                      "Make the picture smaller.");
  }
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  auto picture = DecodeImage(bytes, path, channels);
  PictureFile now = file;
  LookAt(root, &now);
  if (now.size != file.size || now.time != file.time) {
    return Unexpected(absl::StatusCode::kFailedPrecondition, path,
                      "another file than when the folder was listed",
                      "pictures that stay as they are while they are read",
                      "Wait until nothing writes to the folder, and start "
                      "again.");
  }
  return picture;
}

class Packer {
 public:
  Packer(const PictureSet& set, const PictureOptions& options,
         Observer& observer)
      : set_(set), options_(options), observer_(observer) {}

  absl::Status Run(const std::string& path) {
    RETURN_IF_ERROR(ChooseImage());
    int64_t all = 0;
    for (const auto& split : set_.splits) {
      all += static_cast<int64_t>(split.size());
    }
    const int64_t bytes = all * image_.size();
    observer_.OnLine(absl::StrCat("packing: ", Count(all, "picture"), " of ",
                                  set_.root, " as ", image_.Describe(),
                                  " into ", path, " (", MegaBytes(bytes), ")"));
    ASSIGN_OR_RETURN(NewFile file, NewFile::Begin(path, bytes));
    observer_.OnBegin("packing pictures", all);
    const absl::Status packed = PackAll(&file);
    observer_.OnEnd();
    RETURN_IF_ERROR(packed);
    ASSIGN_OR_RETURN(const std::string rest, Rest());
    RETURN_IF_ERROR(file.Append(rest));
    return file.Finish();
  }

 private:
  static std::string MegaBytes(int64_t bytes) {
    return absl::StrFormat("%.1f MB", static_cast<double>(bytes) / 1e6);
  }

  // The images' channels, and their size where nobody has said it, by the first
  // picture of each class that can be read.
  absl::Status ChooseImage() {
    image_ = {options_.channels, options_.image_size.height,
              options_.image_size.width};
    if (image_.channels != 0 && image_.height != 0) return absl::OkStatus();
    std::vector<bool> seen(set_.class_names.size() + 1);
    int64_t channels = 0;
    absl::Status first_error;
    for (const auto& split : set_.splits) {
      for (const PictureFile& file : split) {
        auto is_seen = seen[file.label < 0 ? set_.class_names.size()
                                           : static_cast<size_t>(file.label)];
        if (is_seen) continue;
        const auto picture = ReadPicture(set_.root, file, 0);
        if (!picture.ok()) {
          if (!options_.skip_unreadable) return picture.status();
          first_error.Update(picture.status());
          continue;
        }
        is_seen = true;
        channels = std::max(channels, picture->channels);
        if (image_.height != 0) continue;
        image_.height = picture->height;
        image_.width = picture->width;
      }
    }
    if (channels == 0) return first_error;
    if (image_.channels == 0) image_.channels = channels;
    return absl::OkStatus();
  }

  Packed PackOne(const PictureFile& file) const {
    Packed packed;
    auto picture = ReadPicture(set_.root, file, options_.channels);
    packed.status = picture.status();
    const std::string path = absl::StrCat(set_.root, "/", file.path);
    if (packed.status.ok() && options_.image_size.height == 0 &&
        (picture->height != image_.height || picture->width != image_.width)) {
      packed.status = Unexpected(
          absl::StatusCode::kInvalidArgument, path,
          absl::StrCat("a picture of ", picture->height, " x ", picture->width),
          absl::StrCat(image_.height, " x ", image_.width,
                       ", as the first one has"),
          "Pass --image_size, and all are scaled to it.");
    }
    if (packed.status.ok() && picture->channels > image_.channels) {
      packed.status = Unexpected(
          absl::StatusCode::kInvalidArgument, path, "a picture with colours",
          "grey, as the first one of each class is",
          "Pass --channels=3 or --channels=1, and all are made so.");
    }
    if (!packed.status.ok()) return packed;
    packed.pixels = Prepare(*picture, image_, options_.resize);
    packed.hash =
        internal::Fnv1a64({packed.pixels.begin(), packed.pixels.end()});
    return packed;
  }

  absl::Status PackAll(NewFile* file) {
    PixelCounts counts(image_);
    int64_t done = 0;
    for (const Split split : kSplits) {
      const auto& files = set_.splits[static_cast<size_t>(split)];
      OneSplit& to = splits_[static_cast<size_t>(split)];
      const auto all = static_cast<int64_t>(files.size());
      const int64_t block =
          std::clamp<int64_t>(kBlockBytes / image_.size(), 1, kBlock);
      for (int64_t first = 0; first < all; first += block) {
        const int64_t count = std::min(block, all - first);
        const std::vector<Packed> pictures =
            PackBlock(&files[first], count, done);
        if (InterruptSignal() != 0) {
          return absl::CancelledError(
              absl::StrCat("stopped while packing the pictures of ", set_.root,
                           "; nothing of it is left. Start again."));
        }
        for (int64_t i = 0; i < count; ++i) {
          RETURN_IF_ERROR(
              Add(pictures[i], files[first + i], split, &to, &counts, file));
        }
        done += count;
      }
      if (!files.empty() && to.labels.empty()) {
        return absl::FailedPreconditionError(absl::StrCat(
            set_.root, ": found no ", SplitName(split),
            " picture that can be read; expected some. The first: ",
            skipped_.empty() ? "" : skipped_.front()));
      }
    }
    normalization_ = counts.Measured();
    return absl::OkStatus();
  }

  // Decoded by as many threads as there are cores.
  std::vector<Packed> PackBlock(const PictureFile* files, int64_t count,
                                int64_t done) {
    std::vector<Packed> pictures(count);
    std::atomic<int64_t> next = 0, finished = 0;
    const auto work = [&] {
      for (int64_t i = next++; i < count && InterruptSignal() == 0;
           i = next++) {
        try {
          pictures[i] = PackOne(files[i]);
        } catch (const std::bad_alloc&) {
          pictures[i].status =
              Unexpected(absl::StatusCode::kResourceExhausted,
                         absl::StrCat(set_.root, "/", files[i].path),
                         "a picture that does not fit in memory",
                         "one that fits", "Free memory, or make it smaller.");
        }
        ++finished;
      }
    };
    std::vector<std::thread> others;
    const unsigned threads = std::max(1u, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < threads; ++i) others.emplace_back(work);
    while (finished < count && InterruptSignal() == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      observer_.OnProgress(done + finished, std::nan(""));
    }
    for (std::thread& thread : others) thread.join();
    return pictures;
  }

  struct OneSplit {
    std::vector<int32_t> labels;
    uint32_t crc = 0;  // Of the pixels alone.
    std::unordered_set<uint64_t> hashes;
  };

  absl::Status Add(const Packed& picture, const PictureFile& from, Split split,
                   OneSplit* to, PixelCounts* counts, NewFile* file) {
    if (!picture.status.ok()) {
      if (!options_.skip_unreadable) return picture.status;
      skipped_.emplace_back(picture.status.message());
      return absl::OkStatus();
    }
    const std::vector<uint8_t>& pixels = picture.pixels;
    to->labels.push_back(from.label);
    to->crc =
        static_cast<uint32_t>(crc32_z(to->crc, pixels.data(), pixels.size()));
    if (split == Split::kTrain) {
      counts->Add(pixels.data());
      to->hashes.insert(picture.hash);
    } else if (split == Split::kTest) {
      shared_ += splits_[0].hashes.count(picture.hash) > 0 ? 1 : 0;
    }
    return file->Append(
        {reinterpret_cast<const char*>(pixels.data()), pixels.size()});
  }

  // All that comes after the pixels.
  absl::StatusOr<std::string> Rest() const {
    SafeTensors rest;
    for (const Split split : kSplits) {
      const OneSplit& one = splits_[static_cast<size_t>(split)];
      rest.tensors.push_back({absl::StrCat(SplitName(split), ".labels"),
                              "I32",
                              {static_cast<int64_t>(one.labels.size())},
                              {reinterpret_cast<const char*>(one.labels.data()),
                               one.labels.size() * sizeof(one.labels[0])}});
      rest.metadata[absl::StrCat(SplitName(split), ".crc32")] =
          absl::StrCat(one.crc);
    }
    std::vector<float> numbers = normalization_.mean;
    numbers.insert(numbers.end(), normalization_.std.begin(),
                   normalization_.std.end());
    rest.tensors.push_back({"normalization",
                            "F32",
                            {2, image_.channels},
                            {reinterpret_cast<const char*>(numbers.data()),
                             numbers.size() * sizeof(numbers[0])}});
    rest.metadata["image"] =
        absl::StrCat(image_.channels, " ", image_.height, " ", image_.width);
    rest.metadata["classes"] = JsonText(Json(set_.class_names));
    rest.metadata["shared"] = absl::StrCat(shared_);
    rest.metadata["skipped"] = JsonText(Json(skipped_));
    ASSIGN_OR_RETURN(std::string bytes, SerializeSafeTensors(rest));
    const uint64_t length = bytes.size();
    for (size_t i = 0; i < kLengthBytes; ++i) {
      bytes.push_back(static_cast<char>(length >> (8 * i)));
    }
    return absl::StrCat(bytes, kEnd);
  }

  const PictureSet& set_;
  const PictureOptions& options_;
  Observer& observer_;
  ImageSpec image_;
  std::array<OneSplit, 3> splits_;
  Normalization normalization_;
  int64_t shared_ = 0;
  std::vector<std::string> skipped_;
};

// Removes what a process has left that was killed while it packed: nobody else
// has the folder's lock.
void RemoveParts(const std::string& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end;
       !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (WithoutPart(name) != name) unlink(at->path().c_str());
  }
}

// ---- Reading again.

absl::Status Damaged(const std::string& name, const std::string& found) {
  return Unexpected(absl::StatusCode::kDataLoss, name, found,
                    "a whole file of packed pictures",
                    "Remove it, and it is made again.");
}

// The numbers of a tensor; false if there is none of that dtype.
template <typename T>
bool Numbers(const SafeTensors& file, const std::string& name,
             const char* dtype, std::vector<T>* numbers) {
  const SafeTensor* tensor = file.Find(name);
  if (tensor == nullptr || tensor->dtype != dtype) return false;
  numbers->resize(tensor->bytes.size() / sizeof(T));
  if (!numbers->empty()) {
    std::memcpy(numbers->data(), tensor->bytes.data(),
                numbers->size() * sizeof(T));
  }
  return true;
}

bool Number(const SafeTensors& file, const std::string& name, int64_t* number) {
  const auto at = file.metadata.find(name);
  return at != file.metadata.end() && absl::SimpleAtoi(at->second, number);
}

bool Texts(const SafeTensors& file, const std::string& name,
           std::vector<std::string>* texts) {
  const auto at = file.metadata.find(name);
  auto found = at == file.metadata.end() ? std::nullopt : TextsOf(at->second);
  if (!found) return false;
  *texts = *std::move(found);
  return true;
}

bool Image(const SafeTensors& file, ImageSpec* image) {
  const auto at = file.metadata.find("image");
  if (at == file.metadata.end()) return false;
  const std::vector<std::string> parts = absl::StrSplit(at->second, ' ');
  constexpr int64_t kMostSide = 1 << 14;
  return parts.size() == 3 && absl::SimpleAtoi(parts[0], &image->channels) &&
         absl::SimpleAtoi(parts[1], &image->height) &&
         absl::SimpleAtoi(parts[2], &image->width) &&
         (image->channels == 1 || image->channels == 3) && image->height > 0 &&
         image->width > 0 && image->height <= kMostSide &&
         image->width <= kMostSide;
}

}  // namespace

void LookAt(const std::string& root, PictureFile* file) {
  struct stat info = {};
  const bool is_file =
      stat(absl::StrCat(root, "/", file->path).c_str(), &info) == 0 &&
      S_ISREG(info.st_mode);
  file->size = is_file ? info.st_size : -1;
  file->time = is_file ? int64_t{info.st_mtim.tv_sec} * 1'000'000'000 +
                             info.st_mtim.tv_nsec
                       : -1;
}

std::string DefaultCacheFolder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') return absl::StrCat(cache, "/distill");
  const char* home = std::getenv("HOME");
  return home == nullptr || *home == '\0'
             ? ""
             : absl::StrCat(home, "/.cache/distill");
}

absl::StatusOr<PackedPictures> ParsePacked(
    const std::shared_ptr<const void>& owner, absl::string_view bytes,
    const std::string& name) {
  constexpr size_t kTail = kLengthBytes + kEnd.size();
  if (bytes.size() < kTail ||
      bytes.substr(bytes.size() - kEnd.size()) != kEnd) {
    return Damaged(name, "no end of this version");
  }
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    length |=
        uint64_t{static_cast<unsigned char>(bytes[bytes.size() - kTail + i])}
        << (8 * i);
  }
  if (length > bytes.size() - kTail) return Damaged(name, "a wrong length");
  const absl::string_view pixels =
      bytes.substr(0, bytes.size() - kTail - length);
  ASSIGN_OR_RETURN(const SafeTensors rest,
                   ParseSafeTensors(bytes.substr(pixels.size(), length), name));
  PackedPictures packed;
  std::vector<float> normalization;
  if (!Image(rest, &packed.image) ||
      !Texts(rest, "classes", &packed.class_names) ||
      !Texts(rest, "skipped", &packed.skipped) ||
      !Number(rest, "shared", &packed.shared_images) ||
      !Numbers(rest, "normalization", "F32", &normalization) ||
      static_cast<int64_t>(normalization.size()) != 2 * packed.image.channels) {
    return Damaged(name, "a header that lacks something");
  }
  const auto middle = normalization.begin() + packed.image.channels;
  packed.normalization = {{normalization.begin(), middle},
                          {middle, normalization.end()}};
  const auto classes = static_cast<int64_t>(packed.class_names.size());
  const int64_t size = packed.image.size();
  int64_t at = 0;
  for (const Split split : kSplits) {
    PackedPictures::OneSplit& one = packed.splits[static_cast<size_t>(split)];
    int64_t crc = 0;
    if (!Numbers(rest, absl::StrCat(SplitName(split), ".labels"), "I32",
                 &one.labels) ||
        !Number(rest, absl::StrCat(SplitName(split), ".crc32"), &crc)) {
      return Damaged(name, absl::StrCat("no ", SplitName(split), " labels"));
    }
    const auto count = static_cast<int64_t>(one.labels.size());
    if (count > (static_cast<int64_t>(pixels.size()) - at) / size) {
      return Damaged(name, absl::StrCat(pixels.size(), " bytes of pixels"));
    }
    for (const int32_t label : one.labels) {
      if (label != kNoLabel && (label < 0 || label >= classes)) {
        return Damaged(name, absl::StrCat("the label ", label));
      }
    }
    const auto* first = reinterpret_cast<const uint8_t*>(pixels.data()) + at;
    one.images = Pixels(owner, first, count, size, /*mapped=*/true);
    at += count * size;
    if (static_cast<int64_t>(pixels.size()) <= kMostChecked &&
        static_cast<int64_t>(crc32_z(0, first, count * size)) != crc) {
      return Damaged(name, "pixels that are not those that were packed");
    }
    one.images_crc32 = static_cast<uint32_t>(
        crc32_combine(Crc32(ImagesHeader(count, packed.image)),
                      static_cast<uLong>(crc), count * size));
  }
  if (at != static_cast<int64_t>(pixels.size())) {
    return Damaged(name, absl::StrCat(pixels.size(), " bytes of pixels"));
  }
  return packed;
}

absl::StatusOr<std::shared_ptr<const PackedPictures>> Pack(
    const PictureSet& set, const PictureOptions& options, Observer& observer) {
  const std::string cache =
      options.cache_dir.empty() ? DefaultCacheFolder() : options.cache_dir;
  if (cache.empty()) {
    return absl::FailedPreconditionError(
        "no folder to pack pictures into: found neither $XDG_CACHE_HOME nor "
        "$HOME. Pass --cache_dir");
  }
  if (absl::StartsWith(AbsolutePath(cache) + "/", set.root + "/")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--cache_dir is ", AbsolutePath(cache), ", which is in the folder ",
        set.root, " of the pictures; pass a folder outside of it"));
  }
  const std::string folder =
      absl::StrCat(AbsolutePath(cache), "/", KeyOf(set, options));
  const std::string path = absl::StrCat(folder, "/pictures");
  const auto open =
      [&]() -> absl::StatusOr<std::shared_ptr<const PackedPictures>> {
    ASSIGN_OR_RETURN(const auto file, MappedFile::Map(path));
    ASSIGN_OR_RETURN(auto packed, ParsePacked(file, file->bytes(), path));
    file->WillReadAtRandom();
    return std::make_shared<const PackedPictures>(std::move(packed));
  };
  auto packed = open();
  if (packed.ok()) return packed;
  if (IsThere(path)) {
    observer.OnLine(absl::StrCat("note: ", packed.status().message(),
                                 " It is packed anew."));
  }
  const absl::Status made = MakeFolder(folder);
  if (!made.ok()) {
    return absl::Status(
        made.code(),
        absl::StrCat("the cache of decoded pictures: ", made.message(),
                     " --cache_dir names another."));
  }
  auto lock = FolderLock::Take(folder);
  if (absl::IsFailedPrecondition(lock.status())) {
    observer.OnLine(
        absl::StrCat("packing: another run packs into ", path, "; waiting"));
    while (absl::IsFailedPrecondition(lock.status()) &&
           InterruptSignal() == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      lock = FolderLock::Take(folder);
    }
  }
  RETURN_IF_ERROR(lock.status());
  packed = open();  // By a run that was there before this one had the lock.
  if (packed.ok()) return packed;
  RemoveParts(folder);
  RETURN_IF_ERROR(Packer(set, options, observer).Run(path));
  return open();
}

}  // namespace distill
