#include "data/pixels.h"

#include <cstdint>
#include <memory>
#include <vector>

#include "data/dataset.h"
#include "gtest/gtest.h"

namespace distill {
namespace {

TEST(PixelsTest, ImagesLieOneAfterTheOther) {
  const Pixels pixels({1, 2, 3, 4, 5, 6}, 2);
  EXPECT_EQ(pixels.count(), 3);
  EXPECT_EQ(pixels.size(), 2);
  EXPECT_EQ(pixels[2][1], 6);
  EXPECT_EQ(pixels.block(), pixels[0]);
  EXPECT_EQ(pixels.Bytes(), (std::vector<uint8_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(Pixels({1, 2, 3}, 2).count(), 0) << "a rest";
  EXPECT_EQ(Pixels().block(), nullptr);
}

TEST(PixelsTest, SelectedAndAppendedOnesAreTheSameBytes) {
  const Pixels pixels({1, 2, 3, 4, 5, 6}, 2), others({7, 8}, 2);
  const Pixels some = pixels.Select({2, 0, 2});
  EXPECT_EQ(some.Bytes(), (std::vector<uint8_t>{5, 6, 1, 2, 5, 6}));
  EXPECT_NE(some.block(), nullptr) << "few are copied to one place";
  const Pixels both = pixels.Append(others);
  EXPECT_EQ(both.Bytes(), (std::vector<uint8_t>{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(both[3], others[0]) << "nothing is copied";
  EXPECT_TRUE(both == Pixels({1, 2, 3, 4, 5, 6, 7, 8}, 2));
  EXPECT_FALSE(both == Pixels({1, 2, 3, 4, 5, 6, 7, 9}, 2));
  EXPECT_FALSE(pixels == Pixels({1, 2, 3, 4, 5, 6}, 3));
}

TEST(PixelsTest, BytesLiveAsLongAsAnyViewOfThem) {
  Pixels part;
  {
    auto owner = std::make_shared<std::vector<uint8_t>>(
        std::vector<uint8_t>{1, 2, 3, 4});
    const std::weak_ptr<std::vector<uint8_t>> watch = owner;
    const uint8_t* first = owner->data();
    part = Pixels(std::move(owner), first, 2, 2).Append(Pixels());
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_EQ(part[1][1], 4);
}

// What would take more than a quarter of a gigabyte stays where it is.
TEST(PixelsTest, ManyBytesAreNotCopied) {
  constexpr int64_t kSize = int64_t{1} << 20;
  std::vector<uint8_t> bytes(2 * kSize, 1);
  bytes[kSize] = 2;
  Dataset dataset;
  dataset.name = "large";
  dataset.count = 2;
  dataset.image = {1, 1024, 1024};
  dataset.classes = 2;
  dataset.labels = {0, 1};
  dataset.images = Pixels(std::move(bytes), kSize);
  SetChecksums(&dataset);
  std::vector<int64_t> indices(257, 1);
  indices[0] = 0;
  const auto large = Select(dataset, indices);
  ASSERT_TRUE(large.ok()) << large.status();
  EXPECT_EQ(large->images[256], dataset.images[1]);
  EXPECT_EQ(large->images[0], dataset.images[0]);
  EXPECT_EQ(large->images.block(), nullptr);
  indices[1] = 0;
  EXPECT_NE(Select(dataset, indices)->images_crc32, large->images_crc32)
      << "other samples have another checksum";
}

}  // namespace
}  // namespace distill
