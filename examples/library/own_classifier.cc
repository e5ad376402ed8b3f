// A classifier of your own, made of LibTorch's modules, in this project's
// training: a small one learns 500 made-up images from a larger one. The
// control has the student's weights and batches, but no teacher.
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/observer.h"
#include "base/random.h"
#include "data/batches.h"
#include "models/classifier.h"
#include "torch/nn.h"
#include "training/evaluation.h"
#include "training/loop.h"
#include "training/objective.h"

namespace {

class OwnClassifier : public distill::Classifier {
 public:
  explicit OwnClassifier(int64_t channels)
      : net_(torch::nn::Conv2d(1, channels, /*kernel_size=*/3),
             torch::nn::ReLU(), torch::nn::Flatten(),
             torch::nn::Linear(channels * 6 * 6, 10)) {
    // These share their numbers with the module. Buffers go to AddBuffer.
    for (const auto& one : net_->named_parameters()) {
      AddParameter(one.key(), one.value());
    }
  }
  distill::Outputs Forward(const at::Tensor& images,
                           const std::vector<std::string>&) override {
    return {net_->forward(images), /*features=*/{}};
  }
  void train(bool on) override {
    Classifier::train(on);
    net_->train(on);
  }
  std::string Describe() const override { return "conv, ReLU, linear"; }

 private:
  torch::nn::Sequential net_;
};

// A class is a pattern of black and white, of which an image shows every fifth
// pixel or so. The others are noise.
distill::Batches MakeImages(int64_t count, const std::string& name) {
  distill::Dataset set;
  set.name = name;
  set.count = count;
  set.image = {/*channels=*/1, /*height=*/8, /*width=*/8};
  set.classes = 10;
  std::vector<uint8_t> images;
  distill::Random random(/*seed=*/0, name);
  for (int64_t i = 0; i < count; ++i) {
    set.labels.push_back(random.Below(set.classes));
    distill::Random pattern(/*seed=*/set.labels.back(), "pattern");
    for (int64_t pixel = 0; pixel < set.image.size(); ++pixel) {
      const int value = 255 * pattern.Below(2);
      images.push_back(random.Below(5) == 0 ? value : random.Below(256));
    }
  }
  set.images = distill::Pixels(std::move(images), set.image.size());
  return *distill::Batches::Create(std::make_shared<distill::Dataset>(set));
}

class Printer : public distill::Observer {
  void OnBegin(const std::string& what, int64_t) override {
    std::cout << what << ", ";
  }
  void OnProgress(int64_t, double loss) override { loss_ = loss; }
  void OnEnd() override { std::cout << "loss " << loss_ << "\n"; }
  double loss_ = 0;
};

// Trains a new classifier, and prints how many new images it gets right.
std::shared_ptr<distill::FrozenClassifier> Learn(
    const std::string& name, int64_t channels, const distill::Batches& batches,
    const distill::Objective& objective) {
  torch::manual_seed(0);
  auto model = std::make_shared<OwnClassifier>(channels);
  distill::TrainOptions options;
  options.name = name;
  options.steps = 600;
  Printer printer;
  const auto result = Train(*model, batches, objective, options, printer);
  if (!result.ok()) throw std::runtime_error(result.status().ToString());

  auto frozen = std::make_shared<distill::FrozenClassifier>(model);
  const distill::Batches test = MakeImages(2000, "test");
  distill::Observer nobody;
  const auto logits = ComputeLogits(*frozen, test, at::kCPU, name, nobody);
  std::cout << name << ": " << model->ParameterCount() << " parameters, "
            << EvaluateLogits(logits, test.dataset()).accuracy() << " right\n";
  return frozen;
}

}  // namespace

int main() {
  auto teacher = Learn("teacher", 32, MakeImages(20000, "many"),
                       distill::LabelObjective());

  const distill::Batches few = MakeImages(500, "few");
  distill::MethodOptions options;  // By default plain distillation.
  options.kd.temperature = 4;
  options.kd.alpha = 0.9;  // The teacher's share.
  const auto objective =
      DistillationObjective(distill::LiveLogits(teacher), options);
  Learn("student", 2, few, objective);
  Learn("control", 2, few, distill::LabelObjective());
}
