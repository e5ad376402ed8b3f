#include "data/batches.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ops/equal.h"
#include "c10/util/Exception.h"
#include "data/load.h"
#include "gtest/gtest.h"
#include "tests/testing/datasets.h"
#include "tests/testing/mnist.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using absl::StatusCode;
using testing::FailsWith;
using testing::ToyDataset;
using testing::ToyOptions;

Batches Make(const std::shared_ptr<const Dataset>& dataset,
             const BatchesOptions& options = {}) {
  absl::StatusOr<Batches> batches = Batches::Create(dataset, options);
  EXPECT_TRUE(batches.ok()) << batches.status();
  return *std::move(batches);
}

// Small images; the width is not a multiple of the four pixels that are copied
// at a time.
std::shared_ptr<const Dataset> SmallSet(int64_t count) {
  ToyOptions options;
  options.count = count;
  options.image.height = 3;
  options.image.width = 5;
  return ToyDataset(options);
}

BatchesOptions Options(int64_t batch_size, uint64_t seed = 1) {
  BatchesOptions options;
  options.batch_size = batch_size;
  options.seed = seed;
  return options;
}

void ExpectEqual(const Batch& a, const Batch& b) {
  EXPECT_TRUE(at::equal(a.images, b.images));
  EXPECT_TRUE(at::equal(a.labels, b.labels));
  EXPECT_TRUE(at::equal(a.indices, b.indices));
}

TEST(BatchesTest, EverySampleComesOnceAnEpoch) {
  const Batches batches = Make(SmallSet(103), Options(10));
  ASSERT_EQ(batches.batch_count(), 11);
  for (const int64_t epoch : {0, 1, 7}) {
    const std::vector<int64_t> order = batches.Order(epoch);
    std::vector<int> seen(103);
    for (int64_t b = 0; b < batches.batch_count(); ++b) {
      const Batch batch = batches.FromOrder(order, b);
      ASSERT_EQ(batch.indices.numel(), b < 10 ? 10 : 3);
      for (int64_t i = 0; i < batch.indices.numel(); ++i) {
        ++seen[batch.indices.const_data_ptr<int64_t>()[i]];
      }
    }
    EXPECT_EQ(seen, std::vector<int>(103, 1));
  }
}

TEST(BatchesTest, LastBatchOfMnistIsKept) {
  ToyOptions toy;
  toy.count = 60000;
  toy.image.height = toy.image.width = 1;
  const Batches batches = Make(ToyDataset(toy));
  EXPECT_EQ(batches.sample_count(), 60000);
  EXPECT_EQ(batches.batch_count(), 938);
  const std::vector<int64_t> order = batches.Order(0);
  EXPECT_EQ(batches.FromOrder(order, 936).labels.numel(), 64);
  EXPECT_EQ(batches.FromOrder(order, 937).labels.numel(), 32);
}

TEST(BatchesTest, BatchCountAtTheEdges) {
  EXPECT_EQ(Make(SmallSet(20), Options(20)).batch_count(), 1);
  EXPECT_EQ(Make(SmallSet(21), Options(20)).batch_count(), 2);
  EXPECT_EQ(Make(SmallSet(19), Options(20)).batch_count(), 1);
  EXPECT_EQ(Make(SmallSet(20), Options(1)).batch_count(), 20);
  const Batches one =
      Make(SmallSet(5), Options(std::numeric_limits<int64_t>::max()));
  EXPECT_EQ(one.batch_count(), 1);
  EXPECT_EQ(one.FromOrder(one.Order(0), 0).labels.numel(), 5);
}

TEST(BatchesTest, OrderDependsOnSeedAndEpochOnly) {
  const Batches batches = Make(SmallSet(100), Options(10, 1));
  const std::vector<int64_t> first = batches.Order(0);
  EXPECT_NE(batches.Order(1), first);
  EXPECT_NE(Make(SmallSet(100), Options(10, 2)).Order(0), first);
  EXPECT_EQ(batches.Order(0), first);
  EXPECT_EQ(Make(SmallSet(100), Options(64, 1)).Order(0), first);
  EXPECT_FALSE(std::is_sorted(first.begin(), first.end()));
}

TEST(BatchesTest, TensorsHaveTheirShapesAndTypes) {
  const Batch batch = Make(SmallSet(20)).Range(0, 7);
  EXPECT_EQ(batch.images.sizes(), at::IntArrayRef({7, 1, 3, 5}));
  EXPECT_EQ(batch.images.scalar_type(), at::kFloat);
  EXPECT_TRUE(batch.images.is_contiguous());
  EXPECT_EQ(batch.labels.sizes(), at::IntArrayRef({7}));
  EXPECT_EQ(batch.labels.scalar_type(), at::kLong);
  EXPECT_EQ(batch.indices.sizes(), at::IntArrayRef({7}));
  EXPECT_EQ(batch.indices.scalar_type(), at::kLong);
}

TEST(BatchesTest, SamplesAreThoseOfTheDataset) {
  const auto dataset = SmallSet(50);
  BatchesOptions options;
  options.normalization.mean[0] = 0.25f;
  options.normalization.std[0] = 0.5f;
  const std::vector<int64_t> indices = {49, 0, 7, 7, 31};
  const Batch batch = Make(dataset, options).Gather(indices);
  for (size_t i = 0; i < indices.size(); ++i) {
    EXPECT_EQ(batch.indices.const_data_ptr<int64_t>()[i], indices[i]);
    EXPECT_EQ(batch.labels.const_data_ptr<int64_t>()[i],
              dataset->labels[indices[i]]);
    for (int64_t p = 0; p < 15; ++p) {
      const double pixel = dataset->images[indices[i]][p];
      const double expected = (pixel / 255 - 0.25) / 0.5;
      // At most 1.5; the nearest float is within half of 2^-23 of it.
      EXPECT_NEAR(batch.images.const_data_ptr<float>()[i * 15 + p], expected,
                  std::ldexp(1.0, -24));
    }
  }
}

TEST(BatchesTest, EachChannelHasItsNormalization) {
  ToyOptions toy;
  toy.count = 7;
  toy.image = {3, 2, 5};
  const auto dataset = ToyDataset(toy);
  BatchesOptions options;
  options.normalization = {{0, 0.25f, 0.5f}, {1, 0.5f, 0.25f}};
  const Batch batch = Make(dataset, options).Range(0, 7);
  EXPECT_EQ(batch.images.sizes(), (at::IntArrayRef{7, 3, 2, 5}));
  for (int64_t i = 0; i < 7 * 3 * 10; ++i) {
    const int64_t channel = i / 10 % 3;
    const double pixel = dataset->images[i];
    const double expected =
        (pixel / 255 - options.normalization.mean[channel]) /
        options.normalization.std[channel];
    // At most 2; the nearest float is within half of 2^-22 of it.
    EXPECT_NEAR(batch.images.const_data_ptr<float>()[i], expected,
                std::ldexp(1.0, -23));
  }
  EXPECT_TRUE(FailsWith(Batches::Create(dataset).status(),
                        StatusCode::kInvalidArgument,
                        {"1 means and 1 deviations", "expected 3"}));
}

TEST(NormalizationOfTest, IsMeasuredWhereNoneIsKnown) {
  Dataset dataset;
  dataset.count = 2;
  dataset.image = {1, 1, 2};
  dataset.images = Pixels({0, 255, 0, 255}, 2);
  EXPECT_FLOAT_EQ(NormalizationOf(dataset).mean[0], 0.5f);
  EXPECT_FLOAT_EQ(NormalizationOf(dataset).std[0], 0.5f);
  dataset.images = Pixels({51, 51, 51, 51}, 2);
  EXPECT_FLOAT_EQ(NormalizationOf(dataset).mean[0], 0.2f);
  EXPECT_EQ(NormalizationOf(dataset).std[0], 1);
  // Each channel by itself.
  dataset.image = {2, 1, 1};
  dataset.images = Pixels({0, 51, 255, 51}, 2);
  EXPECT_EQ(NormalizationOf(dataset).mean, (std::vector<float>{0.5f, 0.2f}));
  EXPECT_EQ(NormalizationOf(dataset).std, (std::vector<float>{0.5f, 1}));
  dataset.normalization = Normalization();
  EXPECT_EQ(NormalizationOf(dataset), Normalization());
}

TEST(BatchesTest, DefaultNormalizationIsTheSpecifications) {
  const Batches batches = Make(SmallSet(5));
  for (int x = 0; x < 256; ++x) {
    // mean and std are floats, within 2^-26 and 2^-25 of the decimals; the
    // result, at most 2.83, changes by less than 5e-7 for both together.
    EXPECT_NEAR(batches.table()[x], (x / 255.0 - 0.1307) / 0.3081, 1e-6) << x;
  }
}

TEST(BatchesTest, RangeAndGatherAgree) {
  const Batches batches = Make(SmallSet(30));
  ExpectEqual(batches.Range(4, 5), batches.Gather({4, 5, 6, 7, 8}));
  ExpectEqual(batches.Range(29, 1), batches.Gather({29}));
  const Batch all = batches.Range(0, 30);
  for (int64_t i = 0; i < 30; ++i) {
    EXPECT_EQ(all.indices.const_data_ptr<int64_t>()[i], i);
  }
}

TEST(BatchesTest, FromOrderGathersItsPartOfTheOrder) {
  const Batches batches = Make(SmallSet(25), Options(10));
  const std::vector<int64_t> order = batches.Order(3);
  ExpectEqual(batches.FromOrder(order, 1),
              batches.Gather(at::IntArrayRef(order).slice(10, 10)));
  ExpectEqual(batches.FromOrder(order, 2),
              batches.Gather(at::IntArrayRef(order).slice(20, 5)));
}

TEST(BatchesTest, BatchesShareNoMemory) {
  const Batches batches = Make(SmallSet(30));
  const Batch kept = batches.Range(0, 10);
  const Batch copy = {kept.images.clone(), kept.labels.clone(),
                      kept.indices.clone()};
  Batch next = batches.Range(10, 10);
  next.images.fill_(-1);
  next.labels.fill_(-1);
  next.indices.fill_(-1);
  ExpectEqual(kept, copy);
  ExpectEqual(batches.Range(0, 10), copy);
}

TEST(BatchesTest, BatchesKeepTheDatasetAlive) {
  Batches batches = Make(SmallSet(30));
  const Batches copy = batches;
  batches = Make(SmallSet(3));
  EXPECT_EQ(copy.sample_count(), 30);
  EXPECT_EQ(copy.Range(29, 1).labels.item<int64_t>(), 9);
}

TEST(BatchesTest, BadOptions) {
  const auto dataset = SmallSet(5);
  for (const int64_t size : {int64_t{0}, int64_t{-64}}) {
    EXPECT_TRUE(FailsWith(
        Batches::Create(dataset, Options(size)).status(),
        StatusCode::kInvalidArgument,
        {"batch_size: found " + std::to_string(size), "expected at least 1"}));
  }
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float std : {0.0f, -1.0f, infinity, std::nanf("")}) {
    BatchesOptions options;
    options.normalization.std[0] = std;
    EXPECT_TRUE(FailsWith(Batches::Create(dataset, options).status(),
                          StatusCode::kInvalidArgument,
                          {"normalization.std: found ", "above 0"}));
  }
  for (const float mean : {-infinity, std::nanf("")}) {
    BatchesOptions options;
    options.normalization.mean[0] = mean;
    EXPECT_TRUE(FailsWith(Batches::Create(dataset, options).status(),
                          StatusCode::kInvalidArgument,
                          {"normalization.mean: found ", "finite"}));
  }
}

TEST(BatchesTest, BadDataset) {
  EXPECT_TRUE(FailsWith(Batches::Create(nullptr).status(),
                        StatusCode::kInvalidArgument, {"found none"}));
  const auto change = [](void (*edit)(Dataset&)) {
    Dataset dataset = *SmallSet(5);
    edit(dataset);
    return Batches::Create(std::make_shared<Dataset>(dataset)).status();
  };
  for (const absl::Status& status :
       {change([](Dataset& d) { d.images = d.images.Select({0, 1, 2, 3}); }),
        change([](Dataset& d) { d.labels.pop_back(); }),
        change([](Dataset& d) { d.count = 6; }),
        change([](Dataset& d) { d.image.height = 0; }),
        change([](Dataset& d) { d.image.width = INT64_MAX; }),
        // 5 * 7 * width is 75, the right number, but for multiples of 2^64.
        change([](Dataset& d) {
          d.image.height = 7;
          d.image.width = 7905747460161236409;
        }),
        change([](Dataset& d) {
          d.count = 0;
          d.images = Pixels();
          d.labels.clear();
        })}) {
    EXPECT_TRUE(FailsWith(status, StatusCode::kInvalidArgument,
                          {"dataset toy: found ", "expected one label"}));
  }
}

TEST(BatchesTest, IndicesThatAreNotThere) {
  const Batches batches = Make(SmallSet(20), Options(10));
  const auto error = [](const auto& call) -> std::string {
    try {
      call();
    } catch (const c10::Error& e) {
      return e.what_without_backtrace();
    }
    return "no error";
  };
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  for (const int64_t index : {-1, 20}) {
    const std::string text = error([&] { batches.Gather({0, index}); });
    EXPECT_TRUE(
        has(text, "found " + std::to_string(index) + "; expected 0 to 19"))
        << text;
  }
  EXPECT_TRUE(has(error([&] { batches.Gather({}); }), "found none"));
  for (const auto& [first, count] : std::vector<std::pair<int64_t, int64_t>>{
           {-1, 2}, {0, 0}, {0, 21}, {20, 1}, {1, INT64_MAX}}) {
    const int64_t f = first, c = count;
    const std::string text = error([&] { batches.Range(f, c); });
    EXPECT_TRUE(has(text, "a first of " + std::to_string(f))) << text;
    EXPECT_TRUE(has(text, "a count of " + std::to_string(c))) << text;
  }
  const std::vector<int64_t> order = batches.Order(0);
  for (const int64_t b : {-1, 2}) {
    const std::string text = error([&] { batches.FromOrder(order, b); });
    EXPECT_TRUE(has(text, "batch: found " + std::to_string(b))) << text;
  }
  const std::string text =
      error([&] { batches.FromOrder(at::IntArrayRef(order).slice(0, 19), 0); });
  EXPECT_TRUE(has(text, "order: found 19 samples; expected all 20")) << text;
}

// What the normalisation is for: over the training split, mean 0 and
// deviation 1.
TEST(BatchesTest, RealMnistIsNormalised) {
  const std::string folder = testing::RealMnistFolder();
  ASSERT_FALSE(folder.empty()) << testing::kNoMnist;
  absl::StatusOr<Dataset> mnist = LoadDataset(folder, Split::kTrain);
  ASSERT_TRUE(mnist.ok()) << mnist.status();
  const Batches batches =
      Make(std::make_shared<const Dataset>(*std::move(mnist)));
  ASSERT_EQ(batches.batch_count(), 938);
  const std::vector<int64_t> order = batches.Order(0);
  double sum = 0, squares = 0, pixels = 0;
  for (int64_t b = 0; b < batches.batch_count(); ++b) {
    const Batch batch = batches.FromOrder(order, b);
    const float* value = batch.images.const_data_ptr<float>();
    for (int64_t i = 0; i < batch.images.numel(); ++i) {
      sum += value[i];
      squares += double{value[i]} * value[i];
    }
    pixels += static_cast<double>(batch.images.numel());
  }
  EXPECT_EQ(pixels, 60000.0 * 28 * 28);
  // 0.1307 and 0.3081 are rounded by at most 0.5e-4, over 0.3081.
  EXPECT_NEAR(sum / pixels, 0, 0.5e-4 / 0.3081);
  EXPECT_NEAR(std::sqrt(squares / pixels), 1, 0.5e-4 / 0.3081);
}

TEST(BatchesTest, EachEpochHasViewsOfItsOwnAndTheSameOnesAgain) {
  BatchesOptions options = Options(5, 3);
  options.augment = *Augment::Parse("shift:2,flip");
  const Batches batches = Make(SmallSet(200), options);
  EXPECT_EQ(batches.ViewsOf(4).size(), 600u);
  EXPECT_EQ(batches.ViewsOf(4), batches.ViewsOf(4));
  EXPECT_NE(batches.ViewsOf(4), batches.ViewsOf(5));
  EXPECT_TRUE(Make(SmallSet(200), Options(5, 3)).ViewsOf(4).empty());
}

TEST(BatchesTest, AViewIsOfItsSampleWhereverThatIsInTheOrder) {
  BatchesOptions options = Options(3, 1);
  options.augment = *Augment::Parse("shift:2");
  const Batches batches = Make(SmallSet(3), options);
  const int64_t height = batches.dataset().image.height;
  const int64_t width = batches.dataset().image.width;
  const std::vector<int64_t> order = {2, 0, 1};
  const Views views = {1, -2, 0, 0, -100, 3};  // Down, right.
  const Batch plain = batches.FromOrder(order, 0);
  const Batch moved = batches.FromOrder(order, 0, views);
  EXPECT_TRUE(at::equal(moved.labels, plain.labels));
  for (int64_t i = 0; i < 3; ++i) {
    const int64_t down = views[2 * order[i]], right = views[2 * order[i] + 1];
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const int64_t from_y = y - down, from_x = x - right;
        const bool inside =
            from_y >= 0 && from_y < height && from_x >= 0 && from_x < width;
        EXPECT_EQ(moved.images[i][0][y][x].item<float>(),
                  inside ? plain.images[i][0][from_y][from_x].item<float>()
                         : batches.table()[0]);
      }
    }
  }
}

TEST(BatchesTest, RefusesViewsOfAnotherNumber) {
  BatchesOptions options = Options(3, 1);
  options.augment = *Augment::Parse("shift:2");
  const Batches batches = Make(SmallSet(3), options);
  EXPECT_THROW(
      batches.FromOrder(std::vector<int64_t>{0, 1, 2}, 0, Views{1, 1, 1, 1}),
      c10::Error);
}

}  // namespace
}  // namespace distill
