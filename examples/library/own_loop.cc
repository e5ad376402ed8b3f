// A training loop of your own with this project's loss: a small net learns
// made-up classes from a larger one. Prints how many of 1,000 new samples each
// gets right.
#include <iostream>

#include "losses/kd.h"
#include "torch/nn.h"
#include "torch/optim/adam.h"

namespace {

torch::nn::Sequential Net(int64_t width) {
  return torch::nn::Sequential(torch::nn::Linear(16, width), torch::nn::ReLU(),
                               torch::nn::Linear(width, 4));
}

// The class of a sample is where the largest of its first four numbers is.
at::Tensor LabelsOf(const at::Tensor& samples) {
  return samples.slice(/*dim=*/1, 0, 4).argmax(1);
}

template <typename Loss>
void Train(torch::nn::Sequential net, const Loss& loss) {
  torch::optim::Adam adam(net->parameters(), /*lr=*/0.01);
  for (int step = 0; step < 300; ++step) {
    const at::Tensor samples = torch::randn({64, 16});
    adam.zero_grad();
    loss(net->forward(samples), samples).backward();
    adam.step();
  }
}

int64_t Right(torch::nn::Sequential net) {
  const torch::NoGradGuard no_grad;
  const at::Tensor samples = torch::randn({1000, 16});
  return net->forward(samples)
      .argmax(1)
      .eq(LabelsOf(samples))
      .sum()
      .item<int64_t>();
}

}  // namespace

int main() {
  torch::manual_seed(0);
  torch::nn::Sequential teacher = Net(128), student = Net(8);
  Train(teacher, [](const at::Tensor& logits, const at::Tensor& samples) {
    return torch::nn::functional::cross_entropy(logits, LabelsOf(samples));
  });

  distill::KdOptions options;
  options.temperature = 4;
  options.alpha = 0.9;  // The teacher's share.
  Train(student, [&](const at::Tensor& logits, const at::Tensor& samples) {
    const torch::NoGradGuard no_grad;
    const at::Tensor teacher_logits = teacher->forward(samples);
    const at::AutoGradMode grad(true);
    return distill::KdLoss(logits, teacher_logits, LabelsOf(samples), options)
        .total;
  });
  std::cout << "teacher " << Right(teacher) << ", student " << Right(student)
            << " of 1,000 right\n";
}
