// bazel run //bench:throughput: what the student's smallness buys, per batch.
//
// Rows: device / work / model / batch, where device is CPU, or CUDA with every
// step issued operation by operation (eager) or replayed as one graph. Work is
// `forward` (inference), `train` (forward, cross-entropy, backward, Adam), and
// the student's two ways to learn: `distil_live` (the teacher's forward pass in
// every step) and `distil_cached` (its logits looked up). All on images that
// stay the same: reading and shuffling data is not measured. `views` is what
// random views cost: batches of 3 x 32 x 32, made by one thread of the host.
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random.h"
#include "base/settings.h"
#include "base/status.h"
#include "base/torch_status.h"
#include "bench/device_timer.h"
#include "bench/matrix_rate.h"
#include "bench/random_images.h"
#include "benchmark/benchmark.h"
#include "cli/flags.h"
#include "cli/paths.h"
#include "data/augment.h"
#include "data/batches.h"
#include "data/resident.h"
#include "losses/methods.h"
#include "models/network.h"
#include "models/zoo.h"
#include "training/device.h"
#include "training/objective.h"
#include "training/optimizer.h"
#include "training/step_graph.h"

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

// Before the clock starts: enough for a graph to be captured.
constexpr int kWarmUpSteps = 5;

std::shared_ptr<Network> MakeModel(const Graph& graph, const Compute& compute) {
  Random random(0, "benchmark's weights");
  auto model = std::make_shared<Network>(graph, random);
  model->to(compute.device);
  model->set_compute_dtype(compute.dtype);
  return model;
}

Batch MakeBatch(int64_t size, at::Device device) {
  return ResidentSamples(*Batches::Create(RandomImages(size, {1, 28, 28})),
                         device)
      .Range(0, size);
}

// One row: what a step does, and how many operations that is for one image. A
// training step is counted as three forward passes: forward, and the two
// products of backward. The operations are those of the definition, so that
// code which needs fewer (Winograd's convolution, gradients known to be zero)
// can come out above the matrix rate.
struct Work {
  std::string name;
  std::function<std::function<void()>(const Batch&)> make_step;
  double flop_per_image;
};

std::function<void()> TrainingStep(const std::shared_ptr<Network>& model,
                                   const Batch& batch,
                                   const Objective& objective) {
  auto optimizer = std::make_shared<Optimizer>(model->parameters());
  model->train();
  return [=] {
    objective.loss(batch, model->Forward(batch.images, {})).total.backward();
    optimizer->Step(1e-4);
  };
}

std::vector<Work> Works(const Compute& compute) {
  std::vector<Work> works;
  const std::pair<const char*, Graph> models[] = {{"teacher", TeacherGraph()},
                                                  {"student", StudentGraph()}};
  for (const auto& item : models) {
    const std::string name = item.first;
    const Graph graph = item.second;
    const double flop =
        static_cast<double>(MakeModel(graph, compute)->FlopPerImage());
    works.push_back({"forward/" + name,
                     [=](const Batch& batch) -> std::function<void()> {
                       auto model = std::make_shared<FrozenClassifier>(
                           MakeModel(graph, compute));
                       return [=] {
                         benchmark::DoNotOptimize(model->Logits(batch.images));
                       };
                     },
                     flop});
    works.push_back({"train/" + name,
                     [=](const Batch& batch) {
                       return TrainingStep(MakeModel(graph, compute), batch,
                                           LabelObjective());
                     },
                     3 * flop});
  }
  const Graph student = models[1].second;
  const auto teacher =
      std::make_shared<FrozenClassifier>(MakeModel(models[0].second, compute));
  works.push_back(
      {"distil_live/student",
       [=](const Batch& batch) {
         return TrainingStep(
             MakeModel(student, compute), batch,
             DistillationObjective(LiveLogits(teacher), MethodOptions()));
       },
       works[0].flop_per_image + works[3].flop_per_image});
  works.push_back(
      {"distil_cached/student",
       [=](const Batch& batch) {
         return TrainingStep(
             MakeModel(student, compute), batch,
             DistillationObjective(CachedLogits(teacher->Logits(batch.images)),
                                   MethodOptions()));
       },
       works[3].flop_per_image});
  return works;
}

// Prints as Google Benchmark does, and keeps images/s for the table at the end.
class Reporter : public benchmark::ConsoleReporter {
 public:
  Reporter()
      : ConsoleReporter(isatty(STDOUT_FILENO) != 0 ? OO_ColorTabular
                                                   : OO_Tabular) {}

  void ReportRuns(const std::vector<Run>& runs) override {
    std::vector<Run> shown = runs;
    for (Run& run : shown) {
      // All rows have their own clock; saying so in each takes a third of a
      // line.
      run.run_name.time_type.clear();
      const auto rate = run.counters.find("items_per_second");
      if (rate != run.counters.end()) {
        rates_[run.run_name.function_name] = rate->second;
      }
    }
    ConsoleReporter::ReportRuns(shown);
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

// The rows of one device, named `name`/...; as graphs or step by step.
void Register(const std::string& name, const Compute& compute,
              double matrix_rate, bool as_graph) {
  for (const Work& work : Works(compute)) {
    for (int64_t size : kBatchSizes) {
      const auto run = [=](benchmark::State& state) {
        const DeviceScope scope(compute.device);
        const std::function<void()> step =
            work.make_step(MakeBatch(size, compute.device));
        StepGraph graph(compute.device, step);
        const auto once = [&] { as_graph ? graph.Run() : step(); };
        for (int i = 0; i < kWarmUpSteps; ++i) once();
        double seconds = 0;
        for (auto _ : state) {
          const double step_seconds = DeviceSeconds(compute.device, once);
          state.SetIterationTime(step_seconds);
          seconds += step_seconds;
        }
        const double images = static_cast<double>(state.iterations() * size);
        state.SetItemsProcessed(static_cast<int64_t>(images));
        state.counters["MFLOP/image"] = work.flop_per_image / 1e6;
        state.counters["of_matrix_rate"] =
            images * work.flop_per_image / seconds / matrix_rate;
      };
      benchmark::RegisterBenchmark(
          absl::StrCat(name, "/", work.name, "/batch:", size).c_str(), run)
          ->Unit(benchmark::kMicrosecond)
          ->UseManualTime();
    }
  }
}

// How fast the host makes shuffled batches, with and without views.
void RegisterViews() {
  constexpr int64_t kImages = 4096, kBatch = 64;
  for (const char* augment :
       {"none", "crop:4", "flip", "cutout:8", "crop:4,flip,cutout:8"}) {
    const auto run = [=](benchmark::State& state) {
      BatchesOptions options;
      options.batch_size = kBatch;
      options.augment = *Augment::Parse(augment);
      const auto images = RandomImages(kImages, {3, 32, 32});
      options.normalization = NormalizationOf(*images);
      const Batches batches = *Batches::Create(images, options);
      for (auto _ : state) {
        const std::vector<int64_t> order = batches.Order(0);
        const Views views = batches.ViewsOf(0);
        for (int64_t i = 0; i < batches.batch_count(); ++i) {
          benchmark::DoNotOptimize(batches.FromOrder(order, i, views));
        }
      }
      state.SetItemsProcessed(state.iterations() * kImages);
    };
    benchmark::RegisterBenchmark(
        absl::StrCat("CPU/views/", augment, "/batch:", kBatch).c_str(), run)
        ->Unit(benchmark::kMicrosecond);
  }
}

// Measures the device's matrix rate, says so, and registers its rows.
void RegisterDevice(const std::string& name, const Compute& compute,
                    const std::vector<std::pair<std::string, bool>>& ways) {
  const double matrix_rate = MatrixRate(compute.device, compute.dtype);
  std::cout << absl::StrFormat(
                   "%s: %s, precision %s, %.0f GFLOP/s in a product of large "
                   "square matrices",
                   name, compute.description, compute.precision_name,
                   matrix_rate / 1e9)
            << std::endl;
  for (const auto& way : ways) {
    Register(way.first, compute, matrix_rate, way.second);
  }
}

absl::Status Run(const ComputeOptions& options) {
  ComputeOptions cpu = options, cuda = options;
  cpu.device = "cpu";
  if (cpu.precision == "tf32") cpu.precision = "f32";
  ASSIGN_OR_RETURN(const auto cpu_compute, ResolveCompute(cpu));
  RegisterDevice("CPU", cpu_compute, {{"CPU", false}});
  RegisterViews();

  cuda.device = "cuda";
  const auto cuda_compute = ResolveCompute(cuda);
  if (cuda_compute.ok()) {
    RegisterDevice("CUDA", *cuda_compute,
                   {{"CUDA_graph", true}, {"CUDA_eager", false}});
  } else {
    const std::string& why = QueryCuda().why_not;
    const std::string reason =
        "CUDA is not available: " +
        (why.empty() ? std::string(cuda_compute.status().message()) : why);
    benchmark::RegisterBenchmark("CUDA", [=](benchmark::State& state) {
      state.SkipWithError(reason.c_str());
    });
  }
  Reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  for (const char* device : {"CPU", "CUDA_eager", "CUDA_graph"}) {
    reporter.PrintTable(device);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace distill

int main(int argc, char** argv) {
  distill::ComputeOptions options;
  distill::Settings settings;
  settings.Add("precision", &options.precision,
               "Of the products: f32, tf32 (GPUs only), bf16, or auto.");
  settings.Add("gpu_kernels", &options.gpu_kernels,
               "Who computes on a GPU: libtorch or own.");
  settings.Add("threads", &options.threads,
               "On the CPU; 0 takes all that the process may use.");
  settings.TakeDefaults(settings);
  const std::string help = distill::HelpText(distill::kUsage, settings);
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--help") {
      std::cout << help;
      return 0;
    }
  }
  const std::string out_flag = "--benchmark_out=";
  // Enough for each row, unless the user says otherwise.
  std::vector<std::string> words = {argv[0], "--benchmark_min_time=0.2"};
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    // `bazel run` starts programs elsewhere than where the user stands.
    if (word.rfind(out_flag, 0) == 0) {
      word = out_flag + distill::FromUsersFolder(word.substr(out_flag.size()));
    }
    words.push_back(word);
  }
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());  // Takes its own flags out.
  const auto parsed =
      distill::ParseFlags(std::vector<std::string>(arguments.begin() + 1,
                                                   arguments.begin() + count),
                          settings);
  if (!parsed.ok()) {
    std::cerr << "throughput: " << parsed.status().message() << std::endl;
    return 2;
  }
  const absl::Status status = distill::CatchTorchErrors(
      "measuring", [&] { return distill::Run(options); });
  if (!status.ok()) {
    std::cerr << "throughput: " << status.message() << std::endl;
    return absl::IsInvalidArgument(status) ? 2 : 1;
  }
  return 0;
}
