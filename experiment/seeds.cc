#include "experiment/seeds.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/settings.h"
#include "base/status.h"
#include "base/text.h"
#include "experiment/one_of_several.h"
#include "training/farm.h"

namespace distill {
namespace {

double Points(const ExperimentResult& run) {
  return 100 * (run.student.test.accuracy() - run.control->test.accuracy());
}

std::string LineOf(const ExperimentResult& run, uint64_t seed) {
  std::string line = absl::StrFormat("seed %d: teacher %s, student %s", seed,
                                     Percent(run.teacher.test.accuracy()),
                                     Percent(run.student.test.accuracy()));
  if (run.control) {
    absl::StrAppendFormat(&line, ", control %s: %+.2f points",
                          Percent(run.control->test.accuracy()), Points(run));
  }
  return line;
}

template <typename Value>
std::vector<double> ValuesOf(const std::vector<ExperimentResult>& runs,
                             const Value& value) {
  std::vector<double> values;
  values.reserve(runs.size());
  for (const ExperimentResult& run : runs) values.push_back(value(run));
  return values;
}

void Conclude(SeedsResult* result) {
  const auto& runs = result->runs;
  result->teacher = MeanInterval(
      ValuesOf(runs,
               [](const auto& run) { return run.teacher.test.accuracy(); }),
      kShare);
  result->student = MeanInterval(
      ValuesOf(runs,
               [](const auto& run) { return run.student.test.accuracy(); }),
      kShare);
  if (!runs[0].control) return;
  result->control = MeanInterval(
      ValuesOf(runs,
               [](const auto& run) { return run.control->test.accuracy(); }),
      kShare);
  const std::vector<double> differences =
      ValuesOf(runs, [](const auto& run) { return Points(run) / 100; });
  result->difference = MeanInterval(differences);
  result->verdict = VerdictOf(*result->difference, result->margin / 100);
  if (result->verdict == Verdict::kInconclusive) {
    result->pairs_to_decide = PairsToDecide(differences, result->margin / 100);
  }
}

// The trainings of all seeds, each seed's by one group of ranks or thread, so
// that all are over in rank 0's `checkpoints`. Those of other groups are kept
// when they are over. Where one process makes all, the results are in `made`,
// by seed.
absl::Status TrainSeeds(const SeedsOptions& options, const Compute& compute,
                        const Splits& splits, Observer& observer,
                        TeacherSource& source, RunCheckpoints* checkpoints,
                        const StudentSource& student,
                        std::vector<std::optional<ExperimentResult>>* made) {
  Ranks& ranks = *compute.ranks;
  const bool first = ranks.rank() == 0;
  const std::string last = options.experiment.control ? "control" : "student";
  int64_t over = 0;
  const auto say = [&](const std::string& training) {
    if (!absl::EndsWith(training, last)) return;
    observer.OnLine(absl::StrFormat("%s: trained (%d of %s)",
                                    training.substr(0, training.find(',')),
                                    ++over, Count(options.seeds, "seed")));
  };
  Farm farm(
      compute,
      [&](const std::string& message) -> absl::Status {
        ASSIGN_OR_RETURN(const auto kept,
                         StateFromFile(message, "a rank's message"));
        RETURN_IF_ERROR(
            checkpoints->Of(kept.training)->Save(kept.state, /*last=*/true));
        say(kept.training);
        return absl::OkStatus();
      },
      observer);
  Compute of_group = compute;
  of_group.ranks = &farm.group();
  StatesInMemory told([&](const std::string& file) { farm.Send(file); });
  if (!first) checkpoints = farm.leads() ? &told : nullptr;

  // What is over already, rank 0 knows.
  std::vector<int64_t> seeds;
  for (int64_t i = 0; i < options.seeds; ++i) {
    const uint64_t seed = options.experiment.seed + i;
    const auto is_over = [&](const std::string& stage) {
      return ranks.Any(first &&
                       checkpoints->Of(TrainingName(seed, stage))->IsOver());
    };
    if (is_over(last)) {
      ++over;
      continue;
    }
    seeds.push_back(i);
    for (const char* stage : {"teacher", "student"}) {
      if (!is_over(stage)) continue;
      const std::string name = TrainingName(seed, stage);
      std::string file;
      if (first) {
        ASSIGN_OR_RETURN(const auto state, checkpoints->Of(name)->Latest());
        ASSIGN_OR_RETURN(file, StateToFile(*state, name));
      }
      told.Keep(name, ranks.Broadcast(file));
    }
  }
  if (seeds.empty()) return absl::OkStatus();
  // (Runs at once may not each load a file's.)
  if (options.share_teacher || source.crc32()) {
    RETURN_IF_ERROR(GetTeacher(options.experiment, of_group, splits,
                               farm.observer(), source, /*introduces=*/false,
                               student, checkpoints)
                        .status());
  }
  bool introduces = true;
  return farm.Run(
      static_cast<int64_t>(seeds.size()), [&](int64_t i) -> absl::Status {
        ExperimentOptions experiment = options.experiment;
        experiment.seed += seeds[i];
        OneOfSeveral one_of_several(
            farm.observer(), absl::StrCat("seed ", experiment.seed, ", "),
            farm.is_first() && std::exchange(introduces, false));
        auto run = RunExperiment(
            experiment, of_group, splits, one_of_several, source,
            first && !farm.is_first() ? &told : checkpoints, student);
        if (!run.ok()) {
          return absl::Status(run.status().code(),
                              absl::StrCat("seed ", experiment.seed, ": ",
                                           run.status().message()));
        }
        if (ranks.size() == 1) (*made)[seeds[i]] = *std::move(run);
        if (farm.is_first()) say(TrainingName(experiment.seed, last));
        return absl::OkStatus();
      });
}

}  // namespace

std::string VerdictLine(const SeedsResult& result) {
  if (result.runs.size() == 1 || !result.difference) {
    return VerdictLine(result.runs[0]);
  }
  const Interval& d = *result.difference;
  std::string line = absl::StrFormat(
      "%s%s. %s: %+.2f points of test accuracy against the control, which "
      "learnt %s (95 %% interval %+.2f to %+.2f, %s).",
      VerdictName(result.verdict),
      result.verdict == Verdict::kNoDifference
          ? absl::StrFormat(" of %g points or more", result.margin)
          : "",
      Condition(result.runs[0]), 100 * d.mean,
      HowTheControlLearnt(result.runs[0]), 100 * d.low, 100 * d.high,
      Count(static_cast<int64_t>(result.runs.size()), "pair"));
  if (result.verdict == Verdict::kInconclusive) {
    absl::StrAppend(&line, " ",
                    result.pairs_to_decide > 0
                        ? absl::StrCat("About ", result.pairs_to_decide,
                                       " seeds would probably decide it.")
                        : "More than 1,000 seeds would be needed.");
  }
  return line;
}

bool SharesTeacher(const SeedsResult& result) {
  return result.runs.size() > 1 &&
         result.runs[0].teacher.model == result.runs[1].teacher.model;
}

absl::Status CheckSeeds(uint64_t first, int64_t seeds) {
  const uint64_t most = std::numeric_limits<uint64_t>::max();
  if (seeds < 1 || first <= most - static_cast<uint64_t>(seeds - 1)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--seed is ", first, " with --seeds=", seeds,
      ", and the greatest seed is ", most, "; begin with a smaller one"));
}

absl::Status SeedsOptions::Validate() const {
  absl::Status status = experiment.Validate();
  status.Update(CheckRanges(*this));
  status.Update(CheckSeeds(experiment.seed, seeds));
  return status;
}

absl::StatusOr<SeedsResult> RunSeeds(const SeedsOptions& options,
                                     const Compute& compute,
                                     const Splits& splits, Observer& observer,
                                     TeacherSource& teacher,
                                     RunCheckpoints* checkpoints,
                                     const StudentSource& student) {
  RETURN_IF_ERROR(options.Validate());
  SeedsResult result;
  result.margin = options.margin;
  OneForAll shared(teacher);
  TeacherSource& source = options.share_teacher ? shared : teacher;
  // With several ranks, or runs at once, all is trained first. What is then
  // left of each run is to judge what was trained, together.
  const bool shares =
      options.seeds > 1 &&
      (compute.runs_at_once > 1 ||
       compute.ranks->size() > std::max<int64_t>(compute.ranks_per_run, 1));
  StatesInMemory in_memory;
  std::vector<std::optional<ExperimentResult>> made(options.seeds);
  const auto start = std::chrono::steady_clock::now();
  if (shares) {
    if (compute.ranks->rank() == 0 && checkpoints == nullptr) {
      checkpoints = &in_memory;
    }
    RETURN_IF_ERROR(TrainSeeds(options, compute, splits, observer, source,
                               checkpoints, student, &made));
  }
  for (int64_t i = 0; i < options.seeds; ++i) {
    ExperimentOptions experiment = options.experiment;
    experiment.seed += i;
    OneOfSeveral one_of_several(observer,
                                absl::StrCat("seed ", experiment.seed, ", "),
                                i == 0 && !shares);
    if (!made[i]) {
      ASSIGN_OR_RETURN(
          made[i], RunExperiment(experiment, compute, splits,
                                 options.seeds == 1 ? observer : one_of_several,
                                 source, checkpoints, student));
    }
    ExperimentResult run = *std::move(made[i]);
    if (compute.ranks->size() > 1 && shares) {  // It was trained before.
      run.seconds += run.teacher.training.seconds +
                     run.student.training.seconds +
                     (run.control ? run.control->training.seconds : 0);
    }
    result.seconds += run.seconds;
    if (options.seeds > 1) observer.OnLine(LineOf(run, experiment.seed));
    result.runs.push_back(std::move(run));
  }
  if (shares) {
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
  }
  Conclude(&result);
  if (options.seeds == 1) return result;
  observer.OnLine("teacher: " +
                  (SharesTeacher(result)
                       ? Percent(result.teacher.mean) + ", one for all seeds"
                       : PercentWithEnds(result.teacher)));
  observer.OnLine("student: " + PercentWithEnds(result.student));
  if (result.control)
    observer.OnLine("control: " + PercentWithEnds(*result.control));
  return result;
}

}  // namespace distill
