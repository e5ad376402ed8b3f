#include "report/analysis.h"

#include <cmath>
#include <cstddef>

#include "base/status.h"
#include "base/torch_status.h"
#include "data/batches.h"
#include "report/latency.h"

namespace distill {
namespace {

std::vector<const StageResult*> StagesOf(const ExperimentResult& run) {
  std::vector<const StageResult*> stages = {&run.teacher, &run.student};
  if (run.control) stages.push_back(&*run.control);
  return stages;
}

std::vector<Predictions> PredictionsOfRun(const ExperimentResult& run) {
  std::vector<Predictions> predictions;
  for (const StageResult* stage : StagesOf(run)) {
    predictions.push_back(stage->test_logits.defined()
                              ? PredictionsOf(stage->test_logits)
                              : Predictions());
  }
  // A teacher that said nothing of the test images.
  for (Predictions& one : predictions) one.classes = predictions.back().classes;
  return predictions;
}

RunAnalysis AnalyseRun(const ExperimentResult& run, uint64_t seed,
                       const std::vector<Predictions>& predictions,
                       const std::vector<int32_t>& labels) {
  RunAnalysis analysis;
  analysis.seed = seed;
  const std::vector<const StageResult*> stages = StagesOf(run);
  for (size_t i = 0; i < stages.size(); ++i) {
    StageAnalysis stage;
    stage.stage = stages[i];
    stage.metrics = Measure(predictions[i], labels);
    if (i != kTeacherStage && predictions[kTeacherStage].samples > 0) {
      stage.fidelity = CompareWithTeacher(predictions[kTeacherStage],
                                          predictions[i], labels);
    }
    analysis.stages.push_back(std::move(stage));
  }
  return analysis;
}

absl::StatusOr<std::vector<Latency>> LatenciesOf(
    const RunAnalysis& run, const std::shared_ptr<const Dataset>& test,
    const Compute& compute, Observer& observer) {
  BatchesOptions options;
  options.normalization = NormalizationOf(*test);
  ASSIGN_OR_RETURN(const Batches batches, Batches::Create(test, options));
  std::vector<Latency> latencies;
  constexpr int64_t kSmall = 1, kLarge = 64;
  constexpr int64_t kImagesOfStage = kLatencyPasses * (kSmall + kLarge);
  const auto stages = static_cast<int64_t>(run.stages.size());
  observer.OnBegin("report: latency", stages * kImagesOfStage);
  for (const StageAnalysis& stage : run.stages) {
    const FrozenClassifier* model = stage.stage->model.get();
    const auto median = [&](int64_t size) {
      return model == nullptr
                 ? std::nan("")
                 : MedianLatency(*model, compute.device, batches, size);
    };
    latencies.push_back({median(kSmall), median(kLarge)});
    observer.OnProgress(static_cast<int64_t>(latencies.size()) * kImagesOfStage,
                        std::nan(""));
  }
  observer.OnEnd();
  return latencies;
}

void AnalyseAnswers(const std::vector<int32_t>& labels, double temperature,
                    Analysis* analysis) {
  const std::vector<Predictions>& predictions = analysis->predictions;
  const Predictions& teacher = predictions[kTeacherStage];
  const Predictions& student = predictions[kStudentStage];
  const Predictions* control =
      analysis->has_control() ? &predictions[kControlStage] : nullptr;
  if (control != nullptr) {
    analysis->discordance = CompareErrors(student, *control, labels);
  }
  analysis->dark_knowledge =
      MostDarkKnowledge(teacher, labels, temperature, kDarkImages);
  analysis->only_student_right =
      StudentAlone(/*right=*/true, teacher, student, control, labels);
  analysis->only_student_wrong =
      StudentAlone(/*right=*/false, teacher, student, control, labels);
}

}  // namespace

std::string StageName(int stage) {
  constexpr const char* kNames[] = {"teacher", "student", "control"};
  return kNames[stage];
}

int64_t WeightBytes(const StageResult& stage) {
  return stage.outline.parameters * static_cast<int64_t>(sizeof(float));
}

std::vector<AccuracyPoint> AccuraciesOf(const StageResult& stage) {
  std::vector<AccuracyPoint> points = stage.training.accuracies;
  if (stage.training.steps > 0 &&
      (points.empty() || points.back().step < stage.training.steps)) {
    const Evaluation& last = stage.validation ? *stage.validation : stage.test;
    points.push_back({stage.training.steps, last.accuracy()});
  }
  return points;
}

absl::StatusOr<Analysis> Analyse(const SeedsResult& result, uint64_t first_seed,
                                 double temperature,
                                 const std::shared_ptr<const Dataset>& test,
                                 const Compute& compute, Observer& observer) {
  Analysis analysis;
  analysis.shares_teacher = SharesTeacher(result);
  RETURN_IF_ERROR(CatchTorchErrors("making the report", [&]() -> absl::Status {
    for (size_t i = 0; i < result.runs.size(); ++i) {
      std::vector<Predictions> predictions = PredictionsOfRun(result.runs[i]);
      analysis.runs.push_back(AnalyseRun(result.runs[i], first_seed + i,
                                         predictions, test->labels));
      // Those of 20 seeds of 1,000 classes would be several gigabytes.
      if (i == 0) analysis.predictions = std::move(predictions);
    }
    AnalyseAnswers(test->labels, temperature, &analysis);
    ASSIGN_OR_RETURN(auto latencies,
                     LatenciesOf(analysis.first(), test, compute, observer));
    analysis.latencies = std::move(latencies);
    return absl::OkStatus();
  }));
  return analysis;
}

}  // namespace distill
