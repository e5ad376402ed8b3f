#include "data/formats/npz_dataset.h"

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "data/load.h"
#include "gtest/gtest.h"
#include "tests/testing/datasets.h"
#include "tests/testing/files.h"
#include "tests/testing/npz.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using absl::StatusCode;
using testing::FailsOnFile;
using testing::FailsWith;
using testing::NpyFile;

// 0, 1, 2 and so on.
std::string Counting(int64_t count) {
  std::string bytes;
  for (int64_t i = 0; i < count; ++i) bytes += static_cast<char>(i);
  return bytes;
}

class NpzDatasetTest : public ::testing::Test {
 protected:
  // Two images of 2 x 3 and their labels unless another test says otherwise.
  absl::StatusOr<Dataset> Load(
      const std::string& images = NpyFile("|u1", {2, 2, 3}, Counting(12)),
      const std::string& labels = NpyFile("|u1", {2, 1}, {"\3\1", 2})) {
    Write({{"train_images", images}, {"train_labels", labels}});
    return LoadDataset(path_, Split::kTrain);
  }
  void Write(const std::vector<std::pair<std::string, std::string>>& arrays) {
    std::vector<testing::ZipEntry> entries;
    entries.reserve(arrays.size());
    for (const auto& [name, npy] : arrays) {
      entries.push_back({name + ".npy", npy});
    }
    testing::WriteFile(path_, testing::ZipArchive(entries));
  }

  testing::TempFolder folder_;
  const std::string path_ = folder_.File("set.npz");
};

TEST_F(NpzDatasetTest, GreyImagesWithAndWithoutAnAxisOfChannels) {
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{2, 2, 3}, {2, 2, 3, 1}}) {
    const auto dataset = Load(NpyFile("|u1", shape, Counting(12)));
    ASSERT_TRUE(dataset.ok()) << dataset.status();
    EXPECT_EQ(dataset->image, (ImageSpec{1, 2, 3}));
    EXPECT_EQ(dataset->count, 2);
    EXPECT_EQ(dataset->labels, (std::vector<int32_t>{3, 1}));
    EXPECT_EQ(dataset->classes, 4);
    EXPECT_EQ(dataset->images.Bytes(),
              (std::vector<uint8_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
    EXPECT_EQ(dataset->folder, folder_.path());
    EXPECT_EQ(dataset->files, std::vector<std::string>{path_});
    EXPECT_TRUE(dataset->class_names.empty());
  }
}

TEST_F(NpzDatasetTest, ColoursBecomePlanes) {
  const auto dataset = Load(NpyFile("|u1", {2, 1, 2, 3}, Counting(12)));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->image, (ImageSpec{3, 1, 2}));
  EXPECT_EQ(dataset->images.Bytes(),
            (std::vector<uint8_t>{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11}));
}

TEST_F(NpzDatasetTest, LabelsOfAnyKindOfIntegers) {
  for (const auto& [kind, width] : std::vector<std::pair<std::string, int>>{
           {"|u1", 1}, {"<i4", 4}, {">u2", 2}, {"<i8", 8}}) {
    std::string one(width, '\0'), none(width, '\0');
    one[kind[0] == '>' ? width - 1 : 0] = '\1';
    for (const std::vector<int64_t>& shape :
         std::vector<std::vector<int64_t>>{{2}, {2, 1}}) {
      const auto dataset = Load(NpyFile("|u1", {2, 1, 1}, "ab"),
                                NpyFile(kind, shape, one + none));
      ASSERT_TRUE(dataset.ok()) << dataset.status();
      EXPECT_EQ(dataset->labels, (std::vector<int32_t>{1, 0})) << kind;
    }
  }
}

TEST_F(NpzDatasetTest, SplitsByTheNamesOfMedMnistAndOfKeras) {
  const auto images = [](char c) {
    return NpyFile("|u1", {1, 1, 1}, std::string(1, c));
  };
  const std::string labels = NpyFile("|u1", {1}, {"\0", 1});
  Write({{"train_images", images('a')},
         {"train_labels", labels},
         {"val_images", images('b')},
         {"val_labels", labels},
         {"test_images", images('c')},
         {"test_labels", labels}});
  EXPECT_EQ(LoadDataset(path_, Split::kTrain)->images[0][0], 'a');
  EXPECT_EQ(LoadDataset(path_, Split::kTest)->images[0][0], 'c');
  const auto validation = LoadDataset(path_, Split::kValidation);
  ASSERT_TRUE(validation.ok()) << validation.status();
  EXPECT_EQ(validation->images[0][0], 'b');
  EXPECT_EQ(validation->split, Split::kValidation);

  Write({{"x_train", images('d')},
         {"y_train", labels},
         {"x_test", images('e')},
         {"y_test", labels}});
  EXPECT_EQ(LoadDataset(path_, Split::kTrain)->images[0][0], 'd');
  EXPECT_EQ(LoadDataset(path_, Split::kTest)->images[0][0], 'e');
  EXPECT_TRUE(FailsOnFile(LoadDataset(path_, Split::kValidation).status(),
                          StatusCode::kNotFound, path_,
                          "no images of the validation split",
                          "val_images and val_labels, or x_val and y_val"));
}

TEST_F(NpzDatasetTest, IsFoundInAFolderUnlessOtherFilesAreThere) {
  ASSERT_TRUE(Load().ok());
  testing::WriteFile(folder_.File("notes.txt"), "x");
  const auto dataset = LoadDataset(folder_.path(), Split::kTrain);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->files, std::vector<std::string>{path_});

  const std::string other =
      testing::WriteFile(folder_.File("train-labels-idx1-ubyte"), "x");
  EXPECT_FALSE(IsNpz(folder_.path()));
  EXPECT_TRUE(IsNpz(path_));
  std::remove(other.c_str());
  EXPECT_TRUE(IsNpz(folder_.path()));
  testing::WriteFile(folder_.File("second.NPZ"), "x");
  EXPECT_FALSE(IsNpz(folder_.path()));
  EXPECT_TRUE(IsNpz(folder_.File("second.NPZ")));
  testing::WriteFile(folder_.File("inner.npz/file"), "x");
  EXPECT_FALSE(IsNpz(folder_.File("inner.npz")));
  EXPECT_FALSE(IsNpz(folder_.File("none.npz")));
  EXPECT_FALSE(IsNpz(folder_.File("notes.txt")));
}

// So that the catalog knows a set whatever format it is in.
TEST_F(NpzDatasetTest, HasTheChecksumsOfTheSameSamplesInIdxFiles) {
  const std::shared_ptr<const Dataset> toy =
      testing::ToyDataset({/*count=*/20, {1, 4, 5}});
  const std::vector<uint8_t> pixels = toy->images.Bytes();
  const auto dataset = Load(
      NpyFile("|u1", {20, 4, 5}, std::string(pixels.begin(), pixels.end())),
      NpyFile("|u1", {20},
              std::string(toy->labels.begin(), toy->labels.end())));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->images_crc32, toy->images_crc32);
  EXPECT_EQ(dataset->labels_crc32, toy->labels_crc32);
}

TEST_F(NpzDatasetTest, ImagesOfOtherKinds) {
  const std::string data(64, '\0');
  struct Case {
    std::string kind;
    std::vector<int64_t> shape;
    std::string found, expected, advice;
  };
  for (const Case& one :
       std::vector<Case>{{"<f4",
                          {2, 2, 4},
                          "train_images of float32 [2, 2, 4]",
                          "0 to 255",
                          "train_images=(x * 255).round().astype('uint8')"},
                         {"<i8",
                          {2, 2, 2},
                          "train_images of int64 [2, 2, 2]",
                          "0 to 255",
                          "train_images=x.astype('uint8')"},
                         {"|b1",
                          {2, 4, 8},
                          "train_images of bool [2, 4, 8]",
                          "0 to 255",
                          "train_images=x.astype('uint8')"},
                         {"|u1",
                          {1, 1, 8, 8},
                          "uint8 [1, 1, 8, 8]",
                          "channels after them",
                          "train_images=numpy.moveaxis(x, 1, -1)"},
                         {"|u1",
                          {2, 2, 4, 4},
                          "uint8 [2, 2, 4, 4]",
                          "channels after them",
                          "Only grey images"},
                         {"|u1",
                          {2, 32},
                          "uint8 [2, 32]",
                          "[count, height, width]",
                          "Only grey images"},
                         {"|u1",
                          {1, 4, 4, 4, 1},
                          "uint8 [1, 4, 4, 4, 1]",
                          "[count, height, width]",
                          "Only grey images"}}) {
    const absl::Status status =
        Load(NpyFile(one.kind, one.shape, data)).status();
    EXPECT_TRUE(FailsOnFile(status, StatusCode::kInvalidArgument, path_,
                            one.found, one.expected));
    EXPECT_TRUE(FailsWith(status, StatusCode::kInvalidArgument, {one.advice}));
  }
}

TEST_F(NpzDatasetTest, LabelsOfOtherKinds) {
  const std::string images = NpyFile("|u1", {2, 2, 3}, Counting(12));
  struct Case {
    std::string labels, found, expected;
  };
  for (const Case& one : std::vector<Case>{
           {NpyFile("|u1", {2, 3}, "123456"), "train_labels of uint8 [2, 3]",
            "Multi-label sets (each image in several classes) are not read"},
           {NpyFile("|u1", {2, 1, 1}, "12"), "train_labels of uint8 [2, 1, 1]",
            "[count, 1]"},
           {NpyFile("|u1", {}, "1"), "train_labels of uint8 []", "[count]"},
           {NpyFile("|u1", {3}, "123"), "train_labels of 3 images",
            "2, as many as train_images has"},
           {NpyFile("<f4", {2}, "12345678"), "float32 [2]", "integers or bool"},
           {NpyFile("<u4", {2}, std::string(8, '\xff')),
            "train_labels with the value 4294967295", "below 2^31"},
           {NpyFile("|i1", {2}, {"\0\xff", 2}), "label -1 at index 1",
            "labels from 0"}}) {
    EXPECT_TRUE(FailsWith(Load(images, one.labels).status(),
                          StatusCode::kInvalidArgument,
                          {path_, one.found, one.expected}));
  }
}

TEST_F(NpzDatasetTest, AFileThatLacksSomethingOrIsCut) {
  Write({{"train_images", NpyFile("|u1", {1, 1, 1}, "a")}});
  EXPECT_TRUE(FailsOnFile(
      LoadDataset(path_, Split::kTrain).status(), StatusCode::kInvalidArgument,
      path_, "only one of the arrays train_images and train_labels", "both"));
  EXPECT_TRUE(FailsOnFile(
      LoadDataset(path_, Split::kTest).status(), StatusCode::kNotFound, path_,
      "no images of the test split (it has: train_images)", "test_images"));
  ASSERT_TRUE(Load().ok());
  const std::string whole = testing::ReadFile(path_);
  testing::WriteFile(path_, whole.substr(0, whole.size() - 1));
  EXPECT_TRUE(FailsOnFile(LoadDataset(path_, Split::kTrain).status(),
                          StatusCode::kDataLoss, path_, "without a zip's end",
                          "a whole zip archive"));
}

}  // namespace
}  // namespace distill
