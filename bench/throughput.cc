// bazel run //bench:throughput: what the student's smallness buys, per batch.
//
// Rows: device / work / model / batch. Work is `forward` (inference), `train`
// (forward, cross-entropy, backward, Adam), and the student's two ways to
// learn: `distil_live` (the teacher's forward pass in every step) and
// `distil_cached` (its logits looked up). All on images that stay the same:
// reading and shuffling data is not measured.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ATen/ops/mm.h"
#include "ATen/ops/ones.h"
#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "benchmark/benchmark.h"
#include "cli/flags.h"
#include "data/batches.h"
#include "data/random.h"
#include "losses/kd.h"
#include "models/zoo.h"
#include "training/adam.h"
#include "training/device.h"
#include "training/objective.h"

ABSL_FLAG(std::string, precision, "auto",
          "Of the products on the CPU: f32, bf16, or auto.");
ABSL_FLAG(int, threads, 0, "On the CPU; 0 takes all that the process may use.");

namespace distill {
namespace {

constexpr char kUsage[] =
    "throughput: images per second of teacher and student, by batch size.\n"
    "\n"
    "  bazel run //bench:throughput\n"
    "  bazel run //bench:throughput -- --benchmark_filter=forward "
    "--precision=f32\n"
    "\n"
    "Google Benchmark's own flags work too: --benchmark_filter=REGEX, "
    "--benchmark_out=FILE,\n--benchmark_repetitions=N.\n";

const int64_t kBatchSizes[] = {1, 8, 64, 256, 1024, 4096};

std::shared_ptr<ConvNet> MakeModel(const ConvNetOptions& options,
                                   const Compute& compute) {
  Random random(0, "benchmark's weights");
  auto model = std::make_shared<ConvNet>(options, random);
  model->set_compute_dtype(compute.dtype);
  return model;
}

Batch MakeBatch(int64_t size) {
  Random random(0, "benchmark's images");
  auto dataset = std::make_shared<Dataset>();
  dataset->count = size;
  dataset->height = dataset->width = 28;
  dataset->classes = 10;
  for (int64_t i = 0; i < size * 28 * 28; ++i) {
    dataset->images.push_back(static_cast<uint8_t>(random.Below(256)));
  }
  for (int64_t i = 0; i < size; ++i) {
    dataset->labels.push_back(static_cast<uint8_t>(random.Below(10)));
  }
  return Batches::Create(dataset)->Range(0, size);
}

// Floating-point operations a second of a large product of matrices: what this
// device can do, measured in the run that is compared with it. The best of
// five.
double MatrixRate(const Compute& compute) {
  constexpr int64_t kSide = 1024;
  const at::Tensor a =
      at::ones({kSide, kSide}, at::TensorOptions().dtype(compute.dtype));
  double best = 0;
  for (int i = 0; i < 6; ++i) {  // The first warms up.
    const auto start = std::chrono::steady_clock::now();
    for (int j = 0; j < 4; ++j) benchmark::DoNotOptimize(at::mm(a, a));
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
    if (i > 0) best = std::max(best, 4 * 2.0 * kSide * kSide * kSide / seconds);
  }
  return best;
}

// One row: what a step does, and how many operations that is for one image. A
// training step is counted as three forward passes: forward, and the two
// products of backward.
struct Work {
  std::string name;
  std::function<std::function<void()>(const Batch&)> make_step;
  double flop_per_image;
};

std::function<void()> TrainingStep(const std::shared_ptr<ConvNet>& model,
                                   const Batch& batch,
                                   const Objective& objective) {
  auto adam = std::make_shared<Adam>(model->parameters());
  model->train();
  return [=] {
    objective(batch, model->Logits(batch.images)).total.backward();
    adam->Step(1e-4);
  };
}

std::vector<Work> Works(const Compute& compute) {
  std::vector<Work> works;
  const std::pair<const char*, ConvNetOptions> models[] = {
      {"teacher", TeacherOptions(28, 28, 10)},
      {"student", StudentOptions(28, 28, 10)}};
  for (const auto& item : models) {
    const std::string name = item.first;
    const ConvNetOptions options = item.second;
    const double flop =
        static_cast<double>(MakeModel(options, compute)->FlopPerImage());
    works.push_back({"forward/" + name,
                     [=](const Batch& batch) -> std::function<void()> {
                       auto model = std::make_shared<FrozenClassifier>(
                           MakeModel(options, compute));
                       return [=] {
                         benchmark::DoNotOptimize(model->Logits(batch.images));
                       };
                     },
                     flop});
    works.push_back({"train/" + name,
                     [=](const Batch& batch) {
                       return TrainingStep(MakeModel(options, compute), batch,
                                           LabelObjective());
                     },
                     3 * flop});
  }
  const ConvNetOptions student = models[1].second;
  const auto teacher =
      std::make_shared<FrozenClassifier>(MakeModel(models[0].second, compute));
  works.push_back({"distil_live/student",
                   [=](const Batch& batch) {
                     return TrainingStep(MakeModel(student, compute), batch,
                                         DistillationObjective(
                                             LiveLogits(teacher), KdOptions()));
                   },
                   works[0].flop_per_image + works[3].flop_per_image});
  works.push_back(
      {"distil_cached/student",
       [=](const Batch& batch) {
         return TrainingStep(
             MakeModel(student, compute), batch,
             DistillationObjective(CachedLogits(teacher->Logits(batch.images)),
                                   KdOptions()));
       },
       works[3].flop_per_image});
  return works;
}

// Prints as Google Benchmark does, and keeps images/s for the table at the end.
class Reporter : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      const auto rate = run.counters.find("items_per_second");
      if (rate != run.counters.end()) {
        rates_[run.run_name.function_name] = rate->second;
      }
    }
    ConsoleReporter::ReportRuns(runs);
  }

  // How many times as many images a second the student does, by batch size.
  void PrintTable(const std::string& device) const {
    std::string text =
        absl::StrFormat("\nStudent over teacher, %s:\n%8s%12s%12s\n", device,
                        "batch", "forward", "train");
    bool any = false;
    for (int64_t batch : kBatchSizes) {
      absl::StrAppendFormat(&text, "%8d", batch);
      for (const char* work : {"forward", "train"}) {
        const auto name = [&](const char* model) {
          return absl::StrCat(device, "/", work, "/", model, "/batch:", batch);
        };
        const auto teacher = rates_.find(name("teacher"));
        const auto student = rates_.find(name("student"));
        if (teacher == rates_.end() || student == rates_.end()) {
          absl::StrAppendFormat(&text, "%12s", "-");
          continue;
        }
        any = true;
        absl::StrAppendFormat(&text, "%11.1fx",
                              student->second / teacher->second);
      }
      text += "\n";
    }
    if (any) std::cout << text;
  }

 private:
  std::map<std::string, double> rates_;
};

void RegisterCpu(const Compute& compute, double matrix_rate) {
  for (const Work& work : Works(compute)) {
    for (int64_t size : kBatchSizes) {
      const std::string name = absl::StrCat("CPU/", work.name, "/batch:", size);
      benchmark::RegisterBenchmark(
          name.c_str(),
          [=](benchmark::State& state) {
            const std::function<void()> step = work.make_step(MakeBatch(size));
            step();
            for (auto _ : state) step();
            const double images =
                static_cast<double>(state.iterations() * size);
            state.SetItemsProcessed(static_cast<int64_t>(images));
            state.counters["MFLOP/image"] = work.flop_per_image / 1e6;
            state.counters["of_matrix_rate"] =
                benchmark::Counter(images * work.flop_per_image / matrix_rate,
                                   benchmark::Counter::kIsRate);
          })
          ->Unit(benchmark::kMicrosecond)
          ->UseRealTime()
          ->MinTime(0.2);
    }
  }
}

void RegisterCuda() {
  const CudaState cuda = QueryCuda();
  const std::string reason =
      cuda.devices > 0 ? "this program's CUDA rows are not written yet"
                       : "CUDA is not available: " + cuda.why_not;
  benchmark::RegisterBenchmark("CUDA", [=](benchmark::State& state) {
    state.SkipWithError(reason.c_str());
  });
}

int Run(const Compute& compute) {
  const double matrix_rate = MatrixRate(compute);
  std::cout << absl::StrFormat(
      "CPU: %s, precision %s, %.0f GFLOP/s in a product of 1024 x 1024 "
      "matrices\n",
      compute.description, compute.precision_name, matrix_rate / 1e9);
  RegisterCpu(compute, matrix_rate);
  RegisterCuda();
  Reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  reporter.PrintTable("CPU");
  return 0;
}

}  // namespace
}  // namespace distill

int main(int argc, char** argv) {
  const std::string help = distill::HelpText(distill::kUsage, __FILE__);
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--help") {
      std::cout << help;
      return 0;
    }
  }
  benchmark::Initialize(&argc, argv);  // Takes its own flags out of argv.
  const auto parsed =
      distill::ParseFlags(std::vector<std::string>(argv + 1, argv + argc));
  if (!parsed.ok()) {
    std::cerr << "throughput: " << parsed.status().message() << std::endl;
    return 2;
  }
  const auto compute = distill::ResolveCompute(
      "cpu", absl::GetFlag(FLAGS_precision), absl::GetFlag(FLAGS_threads));
  if (!compute.ok()) {
    std::cerr << "throughput: " << compute.status().message() << std::endl;
    return 2;
  }
  return distill::Run(*compute);
}
