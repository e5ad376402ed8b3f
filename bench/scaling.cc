// bazel run //bench:scaling: a training step, and the sum of its gradients, on
// as many processes as mpirun starts. tools/scaling runs it with several
// numbers and draws conclusions.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/json.h"
#include "base/random.h"
#include "base/settings.h"
#include "base/status.h"
#include "bench/random_images.h"
#include "cli/ranks_program.h"
#include "data/batches.h"
#include "models/network.h"
#include "models/zoo.h"
#include "training/device.h"
#include "training/objective.h"
#include "training/schedule.h"
#include "training/stepper.h"

namespace distill {
namespace {

constexpr char kUsage[] =
    "scaling: seconds of a training step by model and batch size, and of the "
    "sum of\nso many bytes over the processes, as one line of JSON.\n"
    "\n"
    "  bazel run //bench:scaling\n"
    "  mpirun -np 2 bazel-bin/bench/scaling --threads=1\n";

const char* const kModels[] = {"cnn:16", "cnn:32,64,fc128", "cnn:64,128,fc256"};
// Of all processes together.
constexpr int64_t kBatchSizes[] = {32, 64, 128, 256, 512};

struct ScalingOptions {
  int threads = 0;
  int64_t steps = 15;

  template <typename Table>
  void AddSettings(Table& table) {
    table.Add("threads", &threads,
              "Of each process; 0: as many as it may use.");
    table.Add("steps", &steps, "Timed steps of each; the median counts.")
        .AtLeast(1);
  }
};

double MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Seconds of a step, all ranks together.
absl::StatusOr<Json> StepOf(const std::string& model, int64_t batch_size,
                            int64_t steps, Ranks& ranks) {
  constexpr int64_t kWarmUp = 3;
  BatchesOptions options;
  options.batch_size = batch_size;
  ASSIGN_OR_RETURN(
      const Batches batches,
      Batches::Create(RandomImages((kWarmUp + steps) * batch_size, {1, 28, 28}),
                      options));
  ASSIGN_OR_RETURN(const Graph graph,
                   ParseModel("model", model, {1, 28, 28}, 10));
  Random random(0, "benchmark's weights");
  Network network(graph, random);
  network.train();
  const Schedule schedule{ScheduleKind::kConstant, 1e-4, kWarmUp + steps};
  const Objective objective = LabelObjective();
  const StepperInputs inputs = {network,  batches, objective,
                                schedule, {},      ranks};
  const auto stepper = MakeHostStepper(inputs);
  stepper->BeginEpoch({batches.Order(0), {}, 0, 0});
  std::vector<double> seconds;
  for (int64_t i = 0; i < kWarmUp + steps; ++i) {
    const auto start = std::chrono::steady_clock::now();
    stepper->Step(/*count_correct=*/false);
    if (i < kWarmUp) continue;
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count());
  }
  return Json{{"model", model},
              {"parameters", ParameterCount(graph)},
              {"flop", FlopPerImageOf(graph)},
              {"batch", batch_size},
              {"seconds", MedianOf(seconds)}};
}

absl::StatusOr<int> Measure(const ScalingOptions& options, Ranks& ranks) {
  ComputeOptions cpu;
  cpu.device = "cpu";
  cpu.precision = "f32";
  cpu.threads = options.threads;
  ASSIGN_OR_RETURN(const auto compute, ResolveCompute(cpu, ranks));
  Json steps = Json::array(), sums = Json::array();
  for (const char* model : kModels) {
    for (const int64_t batch_size : kBatchSizes) {
      ASSIGN_OR_RETURN(auto step,
                       StepOf(model, batch_size, options.steps, ranks));
      steps.push_back(std::move(step));
    }
  }
  for (int64_t numbers = 1; numbers <= 1 << 24; numbers *= 16) {
    sums.push_back(
        {{"bytes", 4 * numbers}, {"seconds", ranks.SecondsToSum(numbers)}});
  }
  std::cout << JsonText({{"ranks", ranks.size()},
                         {"threads", compute.threads},
                         {"processor", compute.description},
                         {"steps", steps},
                         {"sums", sums}})
            << std::endl;
  return 0;
}

}  // namespace
}  // namespace distill

int main(int argc, char** argv) {
  distill::ScalingOptions options;
  distill::Settings settings = distill::SettingsOf(options);
  bool quiet = false;
  return distill::RunOnRanks(
      {"scaling", distill::kUsage}, settings, quiet, argc, argv,
      [&](distill::Ranks& ranks) { return distill::Measure(options, ranks); });
}
