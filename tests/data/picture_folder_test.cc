#include "data/formats/picture_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/observer.h"
#include "data/batches.h"
#include "data/formats/packed_pictures.h"
#include "data/load.h"
#include "gtest/gtest.h"
#include "tests/testing/files.h"
#include "tests/testing/images.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

namespace fs = std::filesystem;

using absl::StatusCode;
using testing::FailsWith;

class Lines : public Observer {
 public:
  void OnLine(const std::string& line) override { all += line + "\n"; }
  bool Has(const std::string& text) const {
    return absl::StrContains(all, text);
  }
  std::string all;
};

// A PNG of one colour, or of one grey.
std::string Png(const std::vector<uint8_t>& color, int64_t height = 2,
                int64_t width = 3) {
  Picture picture = {static_cast<int64_t>(color.size()), height, width, {}};
  for (int64_t i = 0; i < height * width; ++i) {
    picture.pixels.insert(picture.pixels.end(), color.begin(), color.end());
  }
  if (picture.channels == 1) return testing::PngFile(picture);
  testing::PngKind kind;
  kind.color_type = 2;
  return testing::PngFile(height, width, kind, picture.pixels);
}

class PictureFolderTest : public ::testing::Test {
 protected:
  PictureFolderTest() {
    options_.pictures.cache_dir = folder_.File("cache");
    options_.observer = &lines_;
  }
  void Write(const std::string& name, const std::string& content) const {
    testing::WriteFile(folder_.File("data/" + name), content);
  }
  // Two classes, in train and test.
  void WriteGood() const {
    Write("train/cat/2.png", Png({2, 20, 200}));
    Write("train/cat/10.PNG", Png({3, 30, 130}));
    Write("train/dog/a.png", Png({4, 40, 140}));
    Write("train/dog/notes.txt", "no picture");
    Write("test/cat/x.png", Png({5, 50, 150}));
    Write("test/dog/y.png", Png({6, 60, 160}));
  }
  absl::StatusOr<Dataset> Load(Split split = Split::kTrain) const {
    return LoadDataset(folder_.File("data"), split, options_);
  }
  // The one packed file.
  std::string Packed() const {
    for (const auto& one : fs::directory_iterator(folder_.File("cache"))) {
      return (one.path() / "pictures").string();
    }
    return "";
  }
  int64_t FilesInCache() const {
    int64_t count = 0;
    if (!fs::exists(folder_.File("cache"))) return 0;
    for (const auto& one :
         fs::recursive_directory_iterator(folder_.File("cache"))) {
      count += one.is_regular_file() ? 1 : 0;
    }
    return count;
  }

  testing::TempFolder folder_;
  mutable Lines lines_;
  DatasetOptions options_;
};

TEST_F(PictureFolderTest, ClassesAndPicturesAreSortedByTheirBytes) {
  WriteGood();
  const auto train = Load();
  ASSERT_TRUE(train.ok()) << train.status();
  EXPECT_EQ(train->class_names, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(train->name.find("data (images crc32 "), 0u) << train->name;
  EXPECT_EQ(train->labels, (std::vector<int32_t>{0, 0, 1}));
  EXPECT_EQ(train->image, (ImageSpec{3, 2, 3}));
  // "10.PNG" is before "2.png"; planes, not pixels.
  EXPECT_EQ(
      train->images.Bytes(),
      (std::vector<uint8_t>{
          3,   3,   3,   3,   3,   3,   30,  30,  30,  30,  30,  30, 130, 130,
          130, 130, 130, 130, 2,   2,   2,   2,   2,   2,   20,  20, 20,  20,
          20,  20,  200, 200, 200, 200, 200, 200, 4,   4,   4,   4,  4,   4,
          40,  40,  40,  40,  40,  40,  140, 140, 140, 140, 140, 140}));
  const auto test = Load(Split::kTest);
  ASSERT_TRUE(test.ok()) << test.status();
  EXPECT_EQ(test->labels, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(test->known_shared, 0);
  EXPECT_EQ(Load(Split::kValidation).status().code(), StatusCode::kNotFound);
}

TEST_F(PictureFolderTest, ChecksumsAndNumbersAreThoseOfTheSamples) {
  WriteGood();
  Dataset train = *Load();
  const Normalization measured = *train.normalization;
  const uint32_t images = train.images_crc32, labels = train.labels_crc32;
  SetChecksums(&train);
  EXPECT_EQ(train.images_crc32, images);
  EXPECT_EQ(train.labels_crc32, labels);
  train.normalization.reset();
  EXPECT_EQ(NormalizationOf(train), measured);
}

TEST_F(PictureFolderTest, IsPackedOnceUntilSomethingChanges) {
  WriteGood();
  ASSERT_TRUE(Load().ok());
  EXPECT_TRUE(lines_.Has("packing: 5 pictures")) << lines_.all;
  lines_.all.clear();
  ASSERT_TRUE(Load().ok());
  EXPECT_EQ(lines_.all, "");
  EXPECT_EQ(FilesInCache(), 1);
  Write("train/dog/b.png", Png({4, 40, 140}));
  EXPECT_EQ(Load()->count, 4);
  options_.pictures.image_size = {1, 1};
  EXPECT_EQ(Load()->image, (ImageSpec{3, 1, 1}));
  EXPECT_TRUE(lines_.Has("packing: 6 pictures")) << lines_.all;
}

TEST_F(PictureFolderTest, FoldersInAClassAndLinksAreFollowedAndLoopsAreNot) {
  WriteGood();
  Write("train/cat/b/1.png", Png({7, 7, 7}));
  Write("train/cat/b-c/1.png", Png({8, 8, 8}));
  fs::create_symlink("../cat", folder_.File("data/train/cat/loop"));
  testing::WriteFile(folder_.File("else/z.png"), Png({9, 9, 9}));
  fs::create_symlink(folder_.File("else"), folder_.File("data/train/cat/else"));
  const auto train = Load();
  ASSERT_TRUE(train.ok()) << train.status();
  // As torchvision sorts: "", "b", "b-c", "else" as paths.
  std::vector<int> first;
  for (int64_t i = 0; i < train->count; ++i)
    first.push_back(train->images[i][0]);
  EXPECT_EQ(first, (std::vector<int>{3, 2, 7, 8, 9, 4}));
}

TEST_F(PictureFolderTest, AClassThatIsALinkToTheFolderAboveHasNoPictures) {
  WriteGood();
  fs::create_symlink(".", folder_.File("data/train/loop"));
  EXPECT_TRUE(FailsWith(Load().status(), StatusCode::kInvalidArgument,
                        {"data/train/loop", "no picture"}));
}

TEST_F(PictureFolderTest, TheCacheMustNotBeAmongThePictures) {
  WriteGood();
  options_.pictures.cache_dir = folder_.File("data/train");
  EXPECT_TRUE(FailsWith(Load().status(), StatusCode::kInvalidArgument,
                        {"--cache_dir is", "data/train"}));
}

TEST_F(PictureFolderTest, AShareOfEachClassIsKeptForTesting) {
  for (int i = 0; i < 10; ++i) {
    const auto value = static_cast<uint8_t>(i);
    Write(absl::StrCat("a/", i, ".png"), Png({value}));
    Write(absl::StrCat("b/", i, ".png"), Png({static_cast<uint8_t>(100 + i)}));
  }
  EXPECT_TRUE(FailsWith(Load().status(), StatusCode::kFailedPrecondition,
                        {"no split", "--test_share=0.2"}));
  options_.pictures.test_share = 0.2;
  const auto train = Load(), test = Load(Split::kTest);
  ASSERT_TRUE(train.ok()) << train.status();
  EXPECT_EQ(train->count, 16);
  EXPECT_EQ(test->count, 4);
  EXPECT_EQ(test->labels, (std::vector<int32_t>{0, 0, 1, 1}));
  EXPECT_EQ(train->image.channels, 1) << "they are all grey";
  std::vector<uint8_t> all = train->images.Bytes(),
                       tests = test->images.Bytes();
  all.insert(all.end(), tests.begin(), tests.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  EXPECT_EQ(all.size(), 20u) << "each picture is in one split";
}

TEST_F(PictureFolderTest, ValIsTheTestSplitUnlessThereIsOne) {
  WriteGood();
  Write("val/cat/v.png", Png({9, 90, 190}));
  const auto validation = Load(Split::kValidation);
  ASSERT_TRUE(validation.ok()) << validation.status();
  EXPECT_EQ(validation->images[0][0], 9);
  fs::remove_all(folder_.File("data/test"));
  EXPECT_EQ(Load(Split::kTest)->images[0][0], 9);
  EXPECT_EQ(Load(Split::kValidation).status().code(), StatusCode::kNotFound);
}

TEST_F(PictureFolderTest, GreyAndColouredBecomeWhatIsAskedFor) {
  WriteGood();
  Write("train/dog/grey.png", Png({77}));
  EXPECT_EQ(Load()->image.channels, 3) << "the first ones have colours";
  options_.pictures.channels = 1;
  const auto grey = Load();
  ASSERT_TRUE(grey.ok()) << grey.status();
  EXPECT_EQ(grey->image.channels, 1);
  EXPECT_EQ(grey->images[3][0], 77);
  options_.pictures.channels = 2;
  EXPECT_TRUE(FailsWith(Load().status(), StatusCode::kInvalidArgument,
                        {"--channels is 2"}));
}

TEST_F(PictureFolderTest, AColourAmongGreyPicturesIsNotMadeGreyInSilence) {
  for (const char* name : {"train/a/1.png", "train/b/1.png", "test/a/1.png"}) {
    Write(name, Png({1}));
  }
  Write("train/b/2.png", Png({1, 2, 3}));
  EXPECT_TRUE(FailsWith(Load().status(), StatusCode::kInvalidArgument,
                        {"train/b/2.png", "colours", "--channels=3"}));
}

TEST_F(PictureFolderTest, AnotherSizeIsRefusedUnlessOneIsAskedFor) {
  WriteGood();
  Write("train/dog/z.png", Png({1, 2, 3}, 4, 4));
  EXPECT_TRUE(FailsWith(Load().status(), StatusCode::kInvalidArgument,
                        {"train/dog/z.png", "4 x 4", "2 x 3", "--image_size"}));
  options_.pictures.image_size = {2, 2};
  const auto train = Load();
  ASSERT_TRUE(train.ok()) << train.status();
  EXPECT_EQ(train->image, (ImageSpec{3, 2, 2}));
  EXPECT_EQ(train->fit, Fit::kCrop);
}

TEST_F(PictureFolderTest, FoldersThatAreNoDataSetAreNamed) {
  WriteGood();
  fs::create_directories(folder_.File("data/train/empty"));
  EXPECT_TRUE(FailsWith(Load().status(), StatusCode::kInvalidArgument,
                        {"data/train/empty", "no picture"}));
  fs::remove(folder_.File("data/train/empty"));
  Write("test/mouse/1.png", Png({1, 2, 3}));
  EXPECT_TRUE(FailsWith(Load().status(), StatusCode::kInvalidArgument,
                        {"data/test/mouse", "cat, dog"}));
  fs::remove_all(folder_.File("data/test"));
  EXPECT_TRUE(FailsWith(Load().status(), StatusCode::kFailedPrecondition,
                        {"no \"test\" or \"val\""}));
  fs::remove_all(folder_.File("data/train/dog"));
  EXPECT_TRUE(FailsWith(Load().status(), StatusCode::kFailedPrecondition,
                        {"folders of 1 class"}));
}

TEST_F(PictureFolderTest, JpegsOfAnyEndingAreRead) {
  WriteGood();
  const std::string jpeg =
      testing::JpegFile(2, 3, 3, std::vector<uint8_t>(18, 90), 90);
  for (const char* name : {"a.jfif", "b.JPE", "c.pjpeg", "d.pjp"}) {
    Write(absl::StrCat("train/cat/", name), jpeg);
  }
  const auto train = Load();
  ASSERT_TRUE(train.ok()) << train.status();
  EXPECT_EQ(train->count, 7);
  Write("train/cat/e.jxl", "x");
  EXPECT_TRUE(FailsWith(Load().status(), StatusCode::kInvalidArgument,
                        {"e.jxl", "a kind that is not read"}));
}

TEST_F(PictureFolderTest, SplitsMayHaveCapitalsOrBeCalledTraining) {
  Write("Training/cat/1.png", Png({1}));
  Write("Training/dog/1.png", Png({2}));
  Write("TEST/cat/1.png", Png({3}));
  Write("Val/dog/1.png", Png({4}));
  EXPECT_EQ(Load()->count, 2);
  EXPECT_EQ(Load(Split::kTest)->labels, (std::vector<int32_t>{0}));
  EXPECT_EQ(Load(Split::kValidation)->labels, (std::vector<int32_t>{1}));
  Write("training/cat/1.png", Png({1}));
  EXPECT_TRUE(FailsWith(Load().status(), StatusCode::kInvalidArgument,
                        {"training, Training", "one of them"}));
}

TEST_F(PictureFolderTest, OneThatIsTooHighIsToldWhereThePicturesAre) {
  Write("archive/set/train/cat/1.png", Png({1}));
  Write("archive/set/train/dog/1.png", Png({2}));
  EXPECT_TRUE(
      FailsWith(Load().status(), StatusCode::kNotFound,
                {"no data set", "Pass " + folder_.File("data/archive/set")}));
}

TEST_F(PictureFolderTest, WhatOtherSystemsLeaveBehindIsNoClassAndNoPicture) {
  WriteGood();
  const auto clean = Load();
  for (const char* name :
       {".DS_Store", "train/.DS_Store", "train/cat/._2.png",
        "train/cat/Thumbs.db", "train/dog/desktop.ini",
        "train/.ipynb_checkpoints/1.png", "__MACOSX/train/cat/._2.png"}) {
    Write(name, Png({9}));
  }
  const auto train = Load();
  ASSERT_TRUE(train.ok()) << train.status();
  EXPECT_EQ(train->class_names, clean->class_names);
  EXPECT_EQ(train->images_crc32, clean->images_crc32);
}

TEST_F(PictureFolderTest, ACacheThatCannotBeMadeIsCalledThat) {
  WriteGood();
  options_.pictures.cache_dir = "/proc/cache";
  EXPECT_TRUE(FailsWith(Load().status(), StatusCode::kNotFound,
                        {"the cache of decoded pictures", "/proc/cache",
                         "--cache_dir names another"}));
}

TEST_F(PictureFolderTest, OnePictureOfAClassCannotBeShared) {
  Write("a/1.png", Png({1}));
  Write("b/1.png", Png({1}));
  Write("b/2.png", Png({1}));
  options_.pictures.test_share = 0.2;
  EXPECT_TRUE(FailsWith(Load().status(), StatusCode::kInvalidArgument,
                        {"data/a", "1 picture", "--test_share=0.2"}));
}

TEST_F(PictureFolderTest, NamesInAnyEncodingAndOfTwoCasesAreClassesEach) {
  Write("train/Cat/1.png", Png({1}));
  Write("train/cat/1.png", Png({2}));
  Write("train/caf\xE9/1.png", Png({3}));
  Write("train/\xC3\xA9/\xFF\xFE.png", Png({4}));
  Write("test/cat/1.png", Png({5}));
  const auto train = Load();
  ASSERT_TRUE(train.ok()) << train.status();
  EXPECT_EQ(train->class_names,
            (std::vector<std::string>{"Cat", "caf\\xe9", "cat", "\xC3\xA9"}));
}

TEST_F(PictureFolderTest, WhatIsNoPictureStopsItOrIsCounted) {
  WriteGood();
  const std::string fifo = folder_.File("data/train/cat/fifo.png");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_TRUE(FailsWith(Load().status(), StatusCode::kFailedPrecondition,
                        {fifo, "pipe"}));
  fs::remove(fifo);
  struct Case {
    std::string name, content;
    std::vector<std::string> parts;
  };
  std::string bomb = Png({1, 2, 3});
  // Width and height, in the header's chunk; its checksum is wrong then.
  bomb.replace(16, 8, std::string("\0\0\xFF\xFF\0\0\xFF\xFF", 8));
  const std::string jpeg =
      testing::JpegFile(8, 8, 3, std::vector<uint8_t>(192, 9), 90);
  const std::vector<Case> cases = {
      {"train/dog/b.jpg", "no JPEG", {"b.jpg"}},
      {"train/dog/c.png", bomb, {"c.png"}},
      {"train/dog/d.jpeg", jpeg.substr(0, jpeg.size() / 2), {"d.jpeg"}},
      {"train/dog/e.webp", "RIFF", {"e.webp", "kind that is not read"}},
      {"test/dog/f.ppm", "", {"f.ppm"}}};
  for (const Case& one : cases) {
    Write(one.name, one.content);
    const absl::Status status = Load().status();
    EXPECT_FALSE(status.ok());
    for (const std::string& part : one.parts) {
      EXPECT_TRUE(absl::StrContains(status.message(), part)) << status;
    }
    EXPECT_EQ(FilesInCache(), 0) << "something was left";
    fs::remove(folder_.File("data/" + one.name));
  }
  for (const Case& one : cases) Write(one.name, one.content);
  fs::create_symlink("nothing", folder_.File("data/train/cat/gone.png"));
  options_.pictures.skip_unreadable = true;
  const auto train = Load();
  ASSERT_TRUE(train.ok()) << train.status();
  EXPECT_EQ(train->count, 3);
  EXPECT_EQ(train->skipped.size(), 6u)
      << "those of kinds that are not read, too";
}

TEST_F(PictureFolderTest, APictureThatChangesWhileItIsReadIsNotTaken) {
  WriteGood();
  PictureSet set;
  set.root = folder_.File("data");
  set.class_names = {"cat"};
  PictureFile file;
  file.path = "train/cat/2.png";
  file.label = 0;
  LookAt(set.root, &file);
  file.time -= 1;
  set.splits[0] = {file};
  EXPECT_TRUE(FailsWith(Pack(set, options_.pictures, lines_).status(),
                        StatusCode::kFailedPrecondition,
                        {"train/cat/2.png", "another file"}));
}

TEST_F(PictureFolderTest, ADamagedOrOtherFileIsPackedAnew) {
  WriteGood();
  const std::vector<uint8_t> pixels = Load()->images.Bytes();
  const std::string whole = testing::ReadFile(Packed());
  std::string turned = whole, older = whole, longer = whole;
  turned[5] ^= 1;
  older[older.size() - 1] = '0';
  longer.insert(10, 1, 'x');
  for (const std::string& content :
       {turned, older, longer, whole.substr(0, whole.size() / 2),
        whole.substr(1), std::string(1, '\0'), std::string()}) {
    testing::WriteFile(Packed(), content);
    lines_.all.clear();
    const auto again = Load();
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->images.Bytes(), pixels);
    EXPECT_TRUE(lines_.Has("It is packed anew")) << lines_.all;
    EXPECT_EQ(testing::ReadFile(Packed()), whole);
  }
}

TEST_F(PictureFolderTest, WhatAKilledRunHasLeftIsRemoved) {
  WriteGood();
  ASSERT_TRUE(Load().ok());
  testing::WriteFile(Packed() + ".part123", "half of it");
  ASSERT_TRUE(Load().ok());
  EXPECT_EQ(FilesInCache(), 2) << "nothing was packed";
  fs::remove(Packed());
  ASSERT_TRUE(Load().ok());
  EXPECT_EQ(FilesInCache(), 1);
}

TEST_F(PictureFolderTest, OfTwoThatPackOneWaitsForTheOther) {
  WriteGood();
  for (int i = 0; i < 200; ++i) {
    Write(absl::StrCat("train/cat/more", i, ".png"), Png({1, 2, 3}));
  }
  Lines lines[4];
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::vector<absl::Status> results(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      DatasetOptions options = options_;
      options.observer = &lines[i];
      results[i] =
          LoadDataset(folder_.File("data"), Split::kTrain, options).status();
    });
  }
  for (std::thread& thread : threads) thread.join();
  int64_t packed = 0;
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(results[i].ok()) << results[i];
    packed += lines[i].Has("packing: 205 pictures") ? 1 : 0;
  }
  EXPECT_EQ(packed, 1);
}

TEST_F(PictureFolderTest, AFullDiskIsFoundBeforeAnythingIsDecoded) {
  const auto file = NewFile::Begin(folder_.File("big"), int64_t{1} << 60);
  ASSERT_FALSE(file.ok());
  EXPECT_TRUE(absl::StrContains(file.status().message(), "making room for"))
      << file.status();
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(PictureFolderTest, AnInterruptStopsItAndLeavesNothing) {
  WriteGood();
  SetInterruptSignal(15);
  const absl::Status status = Load().status();
  SetInterruptSignal(0);
  EXPECT_EQ(status.code(), StatusCode::kCancelled) << status;
  EXPECT_EQ(FilesInCache(), 0);
}

TEST_F(PictureFolderTest, UnlabelledPicturesAreOfAnyFolder) {
  testing::WriteFile(folder_.File("more/a.png"), Png({1, 2, 3}, 9, 9));
  testing::WriteFile(folder_.File("more/deep/b.png"), Png({7}));
  const auto more = LoadUnlabelled(folder_.File("more"), {3, 2, 2}, options_);
  ASSERT_TRUE(more.ok()) << more.status();
  EXPECT_EQ(more->count, 2);
  EXPECT_EQ(more->labels, std::vector<int32_t>(2, kNoLabel));
  EXPECT_EQ(more->images.Bytes(),
            (std::vector<uint8_t>{1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3,
                                  7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7}));
  EXPECT_TRUE(FailsWith(
      LoadUnlabelled(folder_.File("none"), {3, 2, 2}, options_).status(),
      StatusCode::kInvalidArgument, {"none", "no picture"}));
}

TEST_F(PictureFolderTest, OptionsForPicturesAreRefusedWhereThereAreNone) {
  testing::WriteFile(folder_.File("data/train-images-idx3-ubyte"), "");
  options_.pictures.image_size = {32, 32};
  EXPECT_TRUE(FailsWith(Load().status(), StatusCode::kInvalidArgument,
                        {"--image_size is given", "no folder of pictures"}));
}

}  // namespace
}  // namespace distill
