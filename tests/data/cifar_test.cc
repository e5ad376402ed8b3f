#include "data/formats/cifar.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "data/load.h"
#include "gtest/gtest.h"
#include "tests/testing/files.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using absl::StatusCode;
using testing::FailsWith;

// A record: labels, then three planes of one value each.
std::string Record(const std::vector<int>& labels, char value) {
  std::string record(labels.begin(), labels.end());
  for (int plane = 0; plane < 3; ++plane) {
    record += std::string(1024, static_cast<char>(value + plane));
  }
  return record;
}

class CifarTest : public ::testing::Test {
 protected:
  void WriteTen(const std::string& folder) {
    for (int batch = 1; batch <= 5; ++batch) {
      testing::WriteFile(
          folder_.File(folder + "data_batch_" + std::to_string(batch) + ".bin"),
          Record({batch}, static_cast<char>(10 * batch)));
    }
    testing::WriteFile(folder_.File(folder + "test_batch.bin.gz"),
                       testing::Gzip(Record({9}, 1) + Record({0}, 5)));
  }
  absl::StatusOr<Dataset> Load(Split split, bool coarse = false) const {
    DatasetOptions options;
    options.layout.coarse_labels = coarse;
    return LoadDataset(folder_.path(), split, options);
  }
  testing::TempFolder folder_;
};

TEST_F(CifarTest, ReadsTheBatchesInTheirOrderAndTheTestBatchPacked) {
  WriteTen("cifar-10-batches-bin/");
  const auto train = Load(Split::kTrain), test = Load(Split::kTest);
  ASSERT_TRUE(train.ok()) << train.status();
  ASSERT_TRUE(test.ok()) << test.status();
  EXPECT_EQ(train->labels, (std::vector<int32_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(test->labels, (std::vector<int32_t>{9, 0}));
  EXPECT_EQ(train->image, (ImageSpec{3, 32, 32}));
  EXPECT_EQ(train->classes, 10);
  EXPECT_EQ(train->files.size(), 5u);
  EXPECT_EQ(train->images[1][0], 20);
  EXPECT_EQ(train->images[1][1024], 21);
  EXPECT_EQ(train->images[1][2048], 22);
  EXPECT_EQ(Load(Split::kValidation).status().code(), StatusCode::kNotFound);
}

TEST_F(CifarTest, NamesComeFromTheFileBesideThem) {
  WriteTen("");
  testing::WriteFile(folder_.File("batches.meta.txt"),
                     "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  EXPECT_EQ(Load(Split::kTrain)->class_names[9], "j");
  testing::WriteFile(folder_.File("batches.meta.txt"), "a\nb\n");
  EXPECT_TRUE(Load(Split::kTrain)->class_names.empty());
}

TEST_F(CifarTest, OfAHundredClassesTheFineLabelsUnlessTheCoarseAreAskedFor) {
  testing::WriteFile(folder_.File("train.bin"),
                     Record({19, 99}, 1) + Record({3, 0}, 7));
  testing::WriteFile(folder_.File("test.bin"), Record({0, 50}, 1));
  EXPECT_EQ(Load(Split::kTrain)->labels, (std::vector<int32_t>{99, 0}));
  EXPECT_EQ(Load(Split::kTrain)->classes, 100);
  const auto coarse = Load(Split::kTrain, /*coarse=*/true);
  ASSERT_TRUE(coarse.ok()) << coarse.status();
  EXPECT_EQ(coarse->labels, (std::vector<int32_t>{19, 3}));
  EXPECT_EQ(coarse->classes, 20);
  EXPECT_EQ(coarse->images[1][0], 7);
}

TEST_F(CifarTest, BadFilesAreNamed) {
  WriteTen("");
  std::string path = testing::WriteFile(folder_.File("data_batch_3.bin"),
                                        Record({1}, 1) + "cut");
  EXPECT_TRUE(FailsWith(Load(Split::kTrain).status(), StatusCode::kDataLoss,
                        {path, "1 records and 3 bytes", "3073 bytes"}));
  testing::WriteFile(path, Record({10}, 1));
  EXPECT_TRUE(FailsWith(Load(Split::kTrain).status(),
                        StatusCode::kInvalidArgument,
                        {"label 10 at index 2", "from 0 to 9"}));
  std::remove(path.c_str());
  EXPECT_TRUE(FailsWith(Load(Split::kTrain).status(), StatusCode::kNotFound,
                        {folder_.path(), "data_batch_3.bin"}));
}

TEST_F(CifarTest, OtherFormsOfItAreNamedWithWhatToDo) {
  const auto fails = [&](const std::vector<std::string>& parts) {
    DatasetOptions options;
    options.layout.is_cifar = true;
    return FailsWith(
        LoadDataset(folder_.path(), Split::kTrain, options).status(),
        StatusCode::kNotFound, parts);
  };
  EXPECT_TRUE(fails({"no data_batch_1.bin", "binary version", "tar -xzf"}));
  testing::WriteFile(folder_.File("cifar-10-binary.tar.gz"), "x");
  EXPECT_TRUE(fails({"cifar-10-binary.tar.gz, which is packed", "tar -xzf"}));
  testing::WriteFile(folder_.File("data_batch_1"), "x");
  EXPECT_TRUE(FailsWith(
      Load(Split::kTrain).status(), StatusCode::kNotFound,
      {"CIFAR's Python version (data_batch_1)", "binary version", "tar -xzf"}));
}

// The real one, in the folder that a variable names.
TEST(RealCifarTest, IsKnownByItsContent) {
  const char* folder = std::getenv("DISTILL_CIFAR10");
  if (folder == nullptr) {
    GTEST_SKIP() << "DISTILL_CIFAR10 does not name a folder with CIFAR-10";
  }
  const auto train = LoadDataset(folder, Split::kTrain);
  ASSERT_TRUE(train.ok()) << train.status();
  EXPECT_EQ(train->name, "CIFAR-10");
  EXPECT_EQ(train->count, 50000);
  EXPECT_EQ(train->class_names[0], "airplane");
  const auto test = LoadDataset(folder, Split::kTest);
  ASSERT_TRUE(test.ok()) << test.status();
  EXPECT_EQ(test->name, "CIFAR-10");
  // Of the training images another ten times as many; measured, the usual
  // numbers rounded to four digits come out.
  ASSERT_TRUE(train->normalization.has_value());
  EXPECT_EQ(train->normalization->mean[0], 0.4914f);
}

}  // namespace
}  // namespace distill
