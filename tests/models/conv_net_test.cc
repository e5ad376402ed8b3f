#include "models/conv_net.h"

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "data/random.h"
#include "data/uniform_tensor.h"
#include "gtest/gtest.h"
#include "models/zoo.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;

ConvNet Make(const ConvNetOptions& options, uint64_t seed = 0) {
  Random random(seed, "test weights");
  return ConvNet(options, random);
}

at::Tensor RandomImages(int64_t count, int64_t height, int64_t width) {
  Random random(7, "test images");
  return UniformTensor({count, 1, height, width}, 2, random);
}

std::map<std::string, at::Tensor> Parameters(const ConvNet& net) {
  std::map<std::string, at::Tensor> parameters;
  for (const NamedTensor& one : net.named_parameters()) {
    parameters[one.name] = one.value.detach().contiguous();
  }
  return parameters;
}

// One image as [channel][row][column].
using Planes = std::vector<std::vector<std::vector<double>>>;

// Convolution, then ReLU, then pooling: the order of the specification, in
// double, one number at a time.
Planes SlowBlock(const Planes& in, const at::Tensor& weight,
                 const at::Tensor& bias) {
  const int64_t height = in[0].size(), width = in[0][0].size();
  Planes out;
  for (int64_t o = 0; o < weight.size(0); ++o) {
    std::vector<std::vector<double>> plane(height / 2,
                                           std::vector<double>(width / 2, 0.0));
    for (int64_t y = 0; y < height / 2 * 2; ++y) {
      for (int64_t x = 0; x < width / 2 * 2; ++x) {
        double sum = bias[o].item<double>();
        for (size_t c = 0; c < in.size(); ++c) {
          for (int64_t i = 0; i < 3; ++i) {
            for (int64_t j = 0; j < 3; ++j) {
              const int64_t row = y + i - 1, column = x + j - 1;
              if (row < 0 || row >= height || column < 0 || column >= width) {
                continue;
              }
              sum += in[c][row][column] *
                     weight[o][static_cast<int64_t>(c)][i][j].item<double>();
            }
          }
        }
        double& pooled = plane[y / 2][x / 2];
        pooled = std::max(pooled, std::max(sum, 0.0));
      }
    }
    out.push_back(plane);
  }
  return out;
}

std::vector<double> SlowLinear(const std::vector<double>& in,
                               const at::Tensor& weight,
                               const at::Tensor& bias) {
  std::vector<double> out;
  for (int64_t o = 0; o < weight.size(0); ++o) {
    double sum = bias[o].item<double>();
    for (size_t i = 0; i < in.size(); ++i) {
      sum += in[i] * weight[o][static_cast<int64_t>(i)].item<double>();
    }
    out.push_back(sum);
  }
  return out;
}

ConvNetOptions SmallNet() {
  ConvNetOptions options;
  options.height = 9;  // An odd number: pooling leaves the last row out.
  options.width = 8;
  options.conv_channels = {3, 4};
  options.hidden_widths = {5};
  options.classes = 3;
  return options;
}

TEST(ConvNetTest, GivesTheLogitsOfAPlainLoopInDouble) {
  ConvNet net = Make(SmallNet());
  const auto p = Parameters(net);
  const at::Tensor images = RandomImages(2, 9, 8);
  const at::Tensor logits = net.Logits(images);
  ASSERT_EQ(logits.sizes(), (std::vector<int64_t>{2, 3}));
  ASSERT_EQ(logits.scalar_type(), at::kFloat);
  for (int64_t image = 0; image < 2; ++image) {
    Planes planes(
        1, std::vector<std::vector<double>>(9, std::vector<double>(8, 0.0)));
    for (int64_t y = 0; y < 9; ++y) {
      for (int64_t x = 0; x < 8; ++x) {
        planes[0][y][x] = images[image][0][y][x].item<double>();
      }
    }
    planes = SlowBlock(planes, p.at("conv1.weight"), p.at("conv1.bias"));
    planes = SlowBlock(planes, p.at("conv2.weight"), p.at("conv2.bias"));
    std::vector<double> flat;
    for (const auto& plane : planes) {
      for (const auto& row : plane) {
        flat.insert(flat.end(), row.begin(), row.end());
      }
    }
    std::vector<double> hidden =
        SlowLinear(flat, p.at("fc1.weight"), p.at("fc1.bias"));
    for (double& value : hidden) value = std::max(value, 0.0);
    const std::vector<double> expected =
        SlowLinear(hidden, p.at("fc2.weight"), p.at("fc2.bias"));
    for (int64_t c = 0; c < 3; ++c) {
      // Some 60 float32 roundings (2^-24) of numbers around 1.
      EXPECT_NEAR(logits[image][c].item<double>(), expected[c], 1e-5);
    }
  }
}

TEST(ConvNetTest, BFloat16ChangesTheLogitsByItsRoundingOnly) {
  ConvNet net = Make(TeacherOptions(28, 28, 10));
  const at::Tensor images = RandomImages(8, 28, 28);
  const at::Tensor f32 = net.Logits(images);
  net.set_compute_dtype(at::kBFloat16);
  const at::Tensor bf16 = net.Logits(images);
  EXPECT_EQ(bf16.scalar_type(), at::kFloat);
  const double difference = (f32 - bf16).abs().max().item<double>();
  EXPECT_GT(difference, 0);  // Else it was not used.
  // Logits are sums around 0.3 of rounded (2^-9) products.
  EXPECT_LT(difference, 0.02);
}

TEST(ConvNetTest, HasTheSpecificationsParametersUnderPyTorchsNames) {
  const ConvNet teacher = Make(TeacherOptions(28, 28, 10));
  EXPECT_EQ(teacher.ParameterCount(), 421642);
  auto p = Parameters(teacher);
  EXPECT_EQ(p.size(), 8u);
  EXPECT_EQ(p.at("conv1.weight").sizes(), (std::vector<int64_t>{32, 1, 3, 3}));
  EXPECT_EQ(p.at("conv2.weight").sizes(), (std::vector<int64_t>{64, 32, 3, 3}));
  EXPECT_EQ(p.at("fc1.weight").sizes(), (std::vector<int64_t>{128, 3136}));
  EXPECT_EQ(p.at("fc2.weight").sizes(), (std::vector<int64_t>{10, 128}));

  const ConvNet student = Make(StudentOptions(28, 28, 10));
  EXPECT_EQ(student.ParameterCount(), 31530);
  p = Parameters(student);
  EXPECT_EQ(p.size(), 4u);
  EXPECT_EQ(p.at("conv1.bias").sizes(), (std::vector<int64_t>{16}));
  EXPECT_EQ(p.at("fc1.weight").sizes(), (std::vector<int64_t>{10, 3136}));
}

TEST(ConvNetTest, OptionsKnowHowManyParametersTheyMake) {
  for (const char* spelling : {"cnn:16", "cnn:32,64,fc128", "cnn:3,5,7",
                               "mlp:11,6", "cnn:2,fc3,fc4"}) {
    const ConvNetOptions options = *ParseModel("m", spelling, 29, 18, 7);
    Random random(1, "test");
    EXPECT_EQ(options.ParameterCount(),
              ConvNet(options, random).ParameterCount())
        << spelling;
  }
}

TEST(ConvNetTest, CountsItsWork) {
  // 2 * (32*9*784 + 64*32*9*196 + 3136*128 + 128*10), by hand.
  EXPECT_EQ(Make(TeacherOptions(28, 28, 10)).FlopPerImage(), 8482304);
  // 2 * (16*9*784 + 3136*10)
  EXPECT_EQ(Make(StudentOptions(28, 28, 10)).FlopPerImage(), 288512);
}

TEST(ConvNetTest, DescribesItself) {
  EXPECT_EQ(Make(StudentOptions(28, 28, 10)).Describe(),
            "conv 1-16 3x3, ReLU, pool 2; linear 3136-10");
}

TEST(ConvNetTest, DrawsItsWeightsFromTheGivenGeneratorAlone) {
  auto bytes = [](uint64_t seed) {
    std::string all;
    for (const auto& item :
         Parameters(Make(StudentOptions(28, 28, 10), seed))) {
      all.append(static_cast<const char*>(item.second.const_data_ptr()),
                 item.second.nbytes());
    }
    return all;
  };
  at::manual_seed(1);
  const std::string first = bytes(5);
  const double after = at::rand({1}).item<double>();
  at::manual_seed(1);
  EXPECT_EQ(at::rand({1}).item<double>(), after) << "the global one was used";
  EXPECT_EQ(bytes(5), first);
  EXPECT_NE(bytes(6), first);
}

TEST(ConvNetTest, StartsUniformWithinPyTorchsBounds) {
  for (const auto& item : Parameters(Make(TeacherOptions(28, 28, 10)))) {
    const std::string layer = item.first.substr(0, item.first.find('.'));
    const std::map<std::string, double> inputs = {
        {"conv1", 9}, {"conv2", 288}, {"fc1", 3136}, {"fc2", 128}};
    const double bound = 1 / std::sqrt(inputs.at(layer));
    EXPECT_LE(item.second.abs().max().item<double>(), bound) << item.first;
    if (item.second.numel() >= 1000) {
      // A uniform distribution's deviation is bound / sqrt(3); that of 1,000 or
      // more draws is within 5 % of it (four standard errors).
      EXPECT_NEAR(item.second.std().item<double>(), bound / std::sqrt(3.0),
                  0.05 * bound)
          << item.first;
    }
  }
}

TEST(ConvNetTest, GivesItsFeaturesByName) {
  ConvNet net = Make(TeacherOptions(28, 28, 10));
  const std::vector<Feature> features = net.Features();
  ASSERT_EQ(features.size(), 3u);
  EXPECT_EQ(features[0].name, "conv1");
  EXPECT_EQ(features[0].sizes, (std::vector<int64_t>{32, 14, 14}));
  EXPECT_EQ(features[1].name, "conv2");
  EXPECT_EQ(features[1].sizes, (std::vector<int64_t>{64, 7, 7}));
  EXPECT_EQ(features[2].name, "fc1");
  EXPECT_EQ(features[2].sizes, (std::vector<int64_t>{128}));

  const at::Tensor images = RandomImages(3, 28, 28);
  const Outputs out = net.Forward(images, {"fc1", "conv1", "conv2"});
  EXPECT_TRUE(at::equal(out.logits, net.Logits(images)));
  ASSERT_EQ(out.features.size(), 3u);
  const auto p = Parameters(net);
  const auto block = [&](const at::Tensor& x, const std::string& name) {
    return at::max_pool2d(at::relu(at::conv2d(x, p.at(name + ".weight"),
                                              p.at(name + ".bias"), 1, 1)),
                          2);
  };
  const at::Tensor conv1 = block(images, "conv1");
  const at::Tensor conv2 = block(conv1, "conv2");
  const at::Tensor fc1 = at::relu(
      at::linear(conv2.flatten(1), p.at("fc1.weight"), p.at("fc1.bias")));
  const auto near = [](const at::Tensor& a, const at::Tensor& b) {
    return a.sizes() == b.sizes() && (a - b).abs().max().item<double>() < 1e-5;
  };
  EXPECT_TRUE(near(out.features[0], fc1));
  EXPECT_TRUE(near(out.features[1], conv1));
  EXPECT_TRUE(near(out.features[2], conv2));
  EXPECT_THROW(net.Forward(images, {"fc2"}), c10::Error) << "those are logits";
  EXPECT_THROW(net.Forward(images, {"conv3"}), c10::Error);
}

TEST(ConvNetTest, DropsHiddenUnitsInTrainModeOnly) {
  ConvNetOptions options = TeacherOptions(28, 28, 10);
  ConvNet plain = Make(options);
  options.dropout = 0.5;
  ConvNet net = Make(options);
  const at::Tensor images = RandomImages(4, 28, 28);
  for (const auto& item : Parameters(plain)) {
    EXPECT_TRUE(at::equal(item.second, Parameters(net).at(item.first)))
        << "dropout changed the initial " << item.first;
  }
  net.train();
  const at::Tensor first = net.Logits(images), second = net.Logits(images);
  EXPECT_FALSE(at::equal(first, second)) << "two steps had one mask";
  net.eval();
  EXPECT_TRUE(at::equal(net.Logits(images), plain.Logits(images)));
  net.train();
  const at::Tensor third = net.Logits(images);
  ConvNet again = Make(options);
  again.train();
  EXPECT_TRUE(at::equal(again.Logits(images), first));
  again.Logits(images);
  EXPECT_TRUE(at::equal(again.Logits(images), third))
      << "evaluating in between changed the masks of training";
  EXPECT_NE(net.Describe().find("linear 3136-128, ReLU, dropout 0.5"),
            std::string::npos);
}

TEST(ConvNetTest, RefusesImagesOfAnotherShape) {
  ConvNet net = Make(StudentOptions(28, 28, 10));
  for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{
           {4, 1, 28, 27}, {4, 3, 28, 28}, {4, 28, 28}, {4, 784}}) {
    try {
      net.Logits(at::zeros(shape));
      FAIL() << "no error";
    } catch (const c10::Error& error) {
      EXPECT_NE(std::string(error.what()).find("[batch, 1, 28, 28]"),
                std::string::npos);
    }
  }
}

TEST(ConvNetTest, RefusesOptionsThatNameTheField) {
  ConvNetOptions options = StudentOptions(28, 28, 10);
  EXPECT_TRUE(options.Validate().ok());
  options.classes = 1;
  EXPECT_TRUE(FailsWith(options.Validate(), absl::StatusCode::kInvalidArgument,
                        {"classes", "1"}));
  options = TeacherOptions(3, 28, 10);
  EXPECT_TRUE(FailsWith(options.Validate(), absl::StatusCode::kInvalidArgument,
                        {"height is 3", "at least 4"}));
  options = TeacherOptions(28, 28, 10);
  options.hidden_widths = {0};
  EXPECT_TRUE(FailsWith(options.Validate(), absl::StatusCode::kInvalidArgument,
                        {"hidden_widths is 0"}));
  EXPECT_THROW(Make(options), c10::Error);
  options = TeacherOptions(28, 28, 10);
  options.dropout = 1;
  EXPECT_TRUE(FailsWith(options.Validate(), absl::StatusCode::kInvalidArgument,
                        {"dropout is 1"}));
  options = StudentOptions(28, 28, 10);
  options.dropout = 0.5;
  EXPECT_TRUE(FailsWith(options.Validate(), absl::StatusCode::kInvalidArgument,
                        {"dropout is 0.5", "no hidden layer"}));
}

}  // namespace
}  // namespace distill
