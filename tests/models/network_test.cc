#include "models/network.h"

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "base/random.h"
#include "base/uniform_tensor.h"
#include "gtest/gtest.h"
#include "models/zoo.h"

namespace distill {
namespace {

Network Make(const Graph& graph, uint64_t seed = 0) {
  Random random(seed, "test weights");
  return Network(graph, random);
}

at::Tensor RandomImages(int64_t count, int64_t height, int64_t width) {
  Random random(7, "test images");
  return UniformTensor({count, 1, height, width}, 2, random);
}

std::map<std::string, at::Tensor> Parameters(const Network& net) {
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

// 9 rows, an odd number: pooling leaves the last one out.
Graph SmallNet() { return *ParseModel("m", "cnn:3,4,fc5", {1, 9, 8}, 3); }

TEST(NetworkTest, GivesTheLogitsOfAPlainLoopInDouble) {
  Network net = Make(SmallNet());
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

TEST(NetworkTest, BFloat16ChangesTheLogitsByItsRoundingOnly) {
  Network net = Make(TeacherGraph());
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

TEST(NetworkTest, HasTheSpecificationsParametersUnderPyTorchsNames) {
  const Network teacher = Make(TeacherGraph());
  EXPECT_EQ(teacher.ParameterCount(), 421642);
  auto p = Parameters(teacher);
  EXPECT_EQ(p.size(), 8u);
  EXPECT_EQ(p.at("conv1.weight").sizes(), (std::vector<int64_t>{32, 1, 3, 3}));
  EXPECT_EQ(p.at("conv2.weight").sizes(), (std::vector<int64_t>{64, 32, 3, 3}));
  EXPECT_EQ(p.at("fc1.weight").sizes(), (std::vector<int64_t>{128, 3136}));
  EXPECT_EQ(p.at("fc2.weight").sizes(), (std::vector<int64_t>{10, 128}));

  const Network student = Make(StudentGraph());
  EXPECT_EQ(student.ParameterCount(), 31530);
  p = Parameters(student);
  EXPECT_EQ(p.size(), 4u);
  EXPECT_EQ(p.at("conv1.bias").sizes(), (std::vector<int64_t>{16}));
  EXPECT_EQ(p.at("fc1.weight").sizes(), (std::vector<int64_t>{10, 3136}));
}

TEST(NetworkTest, CountsItsWork) {
  // 2 * (32*9*784 + 64*32*9*196 + 3136*128 + 128*10), by hand.
  EXPECT_EQ(Make(TeacherGraph()).FlopPerImage(), 8482304);
  // 2 * (16*9*784 + 3136*10)
  EXPECT_EQ(Make(StudentGraph()).FlopPerImage(), 288512);
}

TEST(NetworkTest, DescribesItself) {
  EXPECT_EQ(Make(StudentGraph()).Describe(),
            "conv 1-16 3x3, ReLU, pool 2; linear 3136-10");
}

TEST(NetworkTest, DrawsItsWeightsFromTheGivenGeneratorAlone) {
  auto bytes = [](uint64_t seed) {
    std::string all;
    for (const auto& item : Parameters(Make(StudentGraph(), seed))) {
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

TEST(NetworkTest, StartsUniformWithinPyTorchsBounds) {
  for (const auto& item : Parameters(Make(TeacherGraph()))) {
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

TEST(NetworkTest, GivesItsFeaturesByName) {
  Network net = Make(TeacherGraph());
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

// In eval mode an addition takes the place of what it adds to.
TEST(NetworkTest, AnAdditionOverwritesNothingThatIsStillWanted) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    Network net = Make(*ParseModel("m", "resnet:2x4,2x8", {1, 12, 8}, 5));
    net.set_compute_dtype(dtype);
    net.eval();
    const at::Tensor images = RandomImages(6, 12, 8);
    const at::Tensor before = images.clone();
    const at::NoGradGuard no_grad;
    std::vector<std::string> names;
    for (const Feature& one : net.Features()) names.push_back(one.name);
    ASSERT_GE(names.size(), 2u);
    const Outputs all = net.Forward(images, names);
    for (size_t i = 0; i < names.size(); ++i) {
      const Outputs one = net.Forward(images, {names[i]});
      EXPECT_TRUE(at::equal(one.features[0], all.features[i])) << names[i];
      EXPECT_TRUE(at::equal(one.logits, all.logits)) << names[i];
    }
    EXPECT_TRUE(at::equal(net.Logits(images), all.logits));
    EXPECT_TRUE(at::equal(images, before));
  }
}

TEST(NetworkTest, DropsHiddenUnitsInTrainModeOnly) {
  Network plain = Make(TeacherGraph());
  const Graph graph =
      *ParseModel("m", kTeacherModel, {1, 28, 28}, 10, /*dropout=*/0.5);
  Network net = Make(graph);
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
  Network again = Make(graph);
  again.train();
  EXPECT_TRUE(at::equal(again.Logits(images), first));
  again.Logits(images);
  EXPECT_TRUE(at::equal(again.Logits(images), third))
      << "evaluating in between changed the masks of training";
  EXPECT_NE(net.Describe().find("linear 3136-128, ReLU, dropout 0.5"),
            std::string::npos);
}

TEST(NetworkTest, RefusesImagesOfAnotherShape) {
  Network net = Make(StudentGraph());
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

TEST(NetworkTest, RefusesAGraphThatCannotBe) {
  Graph graph = TeacherGraph();
  graph.operations.back().outputs = 1;
  EXPECT_THROW(Make(graph), c10::Error);
}

// A residual net of colour images with all kinds of operations, of which the
// kernels can do the last block and the last layer.
Graph Residual() {
  Graph graph;
  graph.spelling = "a residual net";
  graph.image.channels = 3;
  graph.image.height = 9;
  graph.image.width = 10;
  Operation conv = {Operation::Kind::kConvolution, "conv0"};
  conv.outputs = 6;
  conv.kernel = 5;
  conv.stride = 2;
  conv.padding = 2;
  conv.bias = false;
  graph.Append(conv);
  graph.Append({Operation::Kind::kBatchNorm, "bn0"});
  const int trunk = graph.Append({Operation::Kind::kRelu, "relu0", {}, "stem"});
  conv = {Operation::Kind::kConvolution, "conv1"};
  conv.outputs = 6;
  conv.kernel = 3;
  conv.padding = 1;
  conv.groups = 3;
  graph.Append(conv);
  const int branch = graph.Append({Operation::Kind::kBatchNorm, "bn1"});
  graph.Append({Operation::Kind::kAdd, "add", {branch, trunk}});
  graph.Append({Operation::Kind::kRelu, "relu1", {}, "sum"});
  Operation pool = {Operation::Kind::kMaxPool, "pool1"};
  pool.kernel = 2;
  graph.Append(pool);
  conv = {Operation::Kind::kConvolution, "conv2"};
  conv.outputs = 4;
  conv.kernel = 3;
  conv.padding = 1;
  graph.Append(conv);
  graph.Append({Operation::Kind::kRelu, "relu2"});
  pool.name = "pool2";
  pool.stride = 2;
  graph.Append(pool);
  graph.Append({Operation::Kind::kGlobalAveragePool, "mean"});
  graph.Append({Operation::Kind::kFlatten, "flat"});
  Operation linear = {Operation::Kind::kLinear, "fc1"};
  linear.outputs = 40;  // Not all of them below 0.
  linear.bias = false;
  graph.Append(linear);
  graph.Append({Operation::Kind::kRelu, "relu3"});
  linear = {Operation::Kind::kLinear, "fc2"};
  linear.outputs = 3;
  graph.Append(linear);
  return graph;
}

// Residual() written out in LibTorch's calls.
at::Tensor ResidualLogits(const std::map<std::string, at::Tensor>& p,
                          const at::Tensor& images, bool train) {
  const auto norm = [&](const at::Tensor& x, const std::string& name) {
    return at::batch_norm(x, p.at(name + ".weight"), p.at(name + ".bias"),
                          p.at(name + ".running_mean"),
                          p.at(name + ".running_var"), train, 0.1, 1e-5, false);
  };
  at::Tensor x = at::conv2d(images, p.at("conv0.weight"), {}, 2, 2);
  const at::Tensor trunk = at::relu(norm(x, "bn0"));
  x = at::conv2d(trunk, p.at("conv1.weight"), p.at("conv1.bias"), 1, 1, 1, 3);
  x = at::max_pool2d(at::relu(norm(x, "bn1") + trunk), 2, 1);
  x = at::conv2d(x, p.at("conv2.weight"), p.at("conv2.bias"), 1, 1);
  x = at::max_pool2d(at::relu(x), 2, 2).mean({2, 3});
  x = at::relu(at::linear(x, p.at("fc1.weight")));
  return at::linear(x, p.at("fc2.weight"), p.at("fc2.bias"));
}

// A copy of the state that asks for gradients as the net does.
std::map<std::string, at::Tensor> StateCopy(const Network& net) {
  std::map<std::string, at::Tensor> copies;
  for (const NamedTensor& one : net.State()) {
    copies[one.name] =
        one.value.detach().clone().requires_grad_(one.value.requires_grad());
  }
  return copies;
}

// Some hundred float32 roundings (2^-24) of numbers around 1; batch norm over
// 40 numbers divides by deviations not far below 1.
constexpr double kRounding = 1e-5;

void ExpectNear(const at::Tensor& found, const at::Tensor& expected,
                const std::string& what) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  EXPECT_LT((found - expected).abs().max().item<double>(), kRounding) << what;
}

TEST(NetworkTest, OtherOperationsAreLibTorchsInTrainMode) {
  Network net = Make(Residual());
  auto expected = StateCopy(net);
  Random random(7, "test images");
  const at::Tensor images = UniformTensor({5, 3, 9, 10}, 2, random);
  const at::Tensor weights = UniformTensor({5, 3}, 1, random);
  for (int64_t step = 1; step <= 2; ++step) {
    const at::Tensor logits = net.Logits(images);
    const at::Tensor theirs = ResidualLogits(expected, images, true);
    ExpectNear(logits, theirs, "the logits");
    (logits * weights).sum().backward();
    (theirs * weights).sum().backward();
    for (const NamedTensor& one : net.State()) {
      const at::Tensor& other = expected.at(one.name);
      if (one.name.find("num_batches_tracked") != std::string::npos) {
        EXPECT_EQ(one.value.item<int64_t>(), step) << one.name;
      } else if (one.value.requires_grad()) {
        EXPECT_GT(other.grad().abs().max().item<double>(), 0) << one.name;
        ExpectNear(one.value.grad(), other.grad(), one.name);
      } else {
        ExpectNear(one.value, other, one.name);
      }
    }
  }
  // They began at 0 and 1.
  EXPECT_GT(expected.at("bn0.running_mean").abs().max().item<double>(), 0.01);
  EXPECT_GT((expected.at("bn0.running_var") - 1).abs().max().item<double>(),
            0.01);
}

TEST(NetworkTest, OtherOperationsAreLibTorchsInEvalModeAndChangeNothing) {
  Network net = Make(Residual());
  Random random(7, "test images");
  const at::Tensor images = UniformTensor({5, 3, 9, 10}, 2, random);
  net.Logits(images);  // Running statistics that are not 0 and 1.
  net.eval();
  const auto before = StateCopy(net);
  const Outputs outputs = net.Forward(images, {"sum", "stem"});
  ExpectNear(outputs.logits, ResidualLogits(before, images, false), "logits");
  EXPECT_EQ(outputs.features[0].sizes(), (std::vector<int64_t>{5, 6, 5, 5}));
  EXPECT_EQ(outputs.features[1].sizes(), (std::vector<int64_t>{5, 6, 5, 5}));
  // A row is of its image alone.
  ExpectNear(net.Logits(images.slice(0, 1, 2)), outputs.logits.slice(0, 1, 2),
             "one image");
  for (const NamedTensor& one : net.State()) {
    EXPECT_TRUE(at::equal(one.value, before.at(one.name))) << one.name;
  }
  net.train();
  EXPECT_GT((net.Logits(images) - outputs.logits).abs().max().item<double>(),
            0.001)
      << "the batch's own statistics were not taken";
}

TEST(NetworkTest, OtherOperationsRoundProductsToBFloat16) {
  Network net = Make(Residual());
  net.eval();
  Random random(7, "test images");
  const at::Tensor images = UniformTensor({5, 3, 9, 10}, 2, random);
  const at::Tensor f32 = net.Logits(images);
  net.set_compute_dtype(at::kBFloat16);
  const at::Tensor bf16 = net.Logits(images);
  EXPECT_EQ(bf16.scalar_type(), at::kFloat);
  const double difference = (f32 - bf16).abs().max().item<double>();
  EXPECT_GT(difference, 0);
  // Sums below 1 of rounded (2^-9) products, four layers deep.
  EXPECT_LT(difference, 0.02);
}

TEST(NetworkTest, BlocksTakeColourImages) {
  Graph graph = SmallNet();
  graph.image.channels = 3;
  Network net = Make(graph);
  auto p = StateCopy(net);
  EXPECT_EQ(p.at("conv1.weight").sizes(), (std::vector<int64_t>{3, 3, 3, 3}));
  Random random(7, "test images");
  const at::Tensor images = UniformTensor({4, 3, 9, 8}, 2, random);
  const auto block = [&](const at::Tensor& x, const std::string& name) {
    return at::max_pool2d(at::relu(at::conv2d(x, p.at(name + ".weight"),
                                              p.at(name + ".bias"), 1, 1)),
                          2);
  };
  const at::Tensor theirs = at::linear(
      at::relu(at::linear(block(block(images, "conv1"), "conv2").flatten(1),
                          p.at("fc1.weight"), p.at("fc1.bias"))),
      p.at("fc2.weight"), p.at("fc2.bias"));
  const at::Tensor logits = net.Logits(images);
  ExpectNear(logits, theirs, "the logits");
  logits.square().sum().backward();
  theirs.square().sum().backward();
  for (const NamedTensor& one : net.named_parameters()) {
    ExpectNear(one.value.grad(), p.at(one.name).grad(), one.name);
  }
}

}  // namespace
}  // namespace distill
