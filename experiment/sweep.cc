#include "experiment/sweep.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/settings.h"
#include "base/status.h"
#include "base/text.h"
#include "experiment/one_of_several.h"
#include "experiment/seeds.h"
#include "experiment/sweep_json.h"
#include "training/farm.h"

namespace distill {
namespace {

using RunKey = std::tuple<int64_t, std::string, double, double, uint64_t>;
using ControlKey = std::pair<int64_t, uint64_t>;  // Labels and seed.

RunKey KeyOf(const SweepCell& cell, uint64_t seed) {
  return {cell.labels, cell.method, cell.temperature, cell.alpha, seed};
}

template <typename Value>
absl::Status CheckSide(const char* flag, const std::vector<Value>& values) {
  if (values.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, " has no value; it must have at least one"));
  }
  for (auto value = values.begin(); value != values.end(); ++value) {
    if (std::find(values.begin(), value, *value) != value) {
      return absl::InvalidArgumentError(
          absl::StrCat(flag, " has ", *value, " twice; leave one out"));
    }
  }
  return absl::OkStatus();
}

// The numbers of labels of the grid, of `all` images.
absl::StatusOr<std::vector<int64_t>> NumbersOfLabels(
    const std::vector<int64_t>& asked, int64_t all) {
  std::vector<int64_t> numbers;
  for (const int64_t labels : asked) {
    if (labels > all) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--labels has ", labels, "; it must be from 1 to ", all,
          ", the training images left after --validation, or 0 for all"));
    }
    const int64_t number = labels == 0 ? all : labels;
    if (std::find(numbers.begin(), numbers.end(), number) != numbers.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--labels has all twice: ", labels, " of the ", all,
                       " training images left is all of them, and it has "
                       "these already; leave one out"));
    }
    numbers.push_back(number);
  }
  return numbers;
}

// A method that has no temperature runs once, and not once for each.
std::vector<double> TemperaturesOf(const SweepOptions& options,
                                   const std::string& name) {
  return UsesSetting(name, "temperature") ? options.temperatures
                                          : std::vector<double>{0};
}

// The grid, with `labels` for options.labels.
std::vector<SweepCell> CellsOf(const SweepOptions& options,
                               const std::vector<int64_t>& numbers) {
  std::vector<SweepCell> cells;
  for (const int64_t labels : numbers) {
    for (const std::string& method : options.methods) {
      for (const double temperature : TemperaturesOf(options, method)) {
        for (const double alpha : options.alphas) {
          cells.push_back({labels, method, temperature, alpha});
        }
      }
    }
  }
  return cells;
}

ExperimentOptions ExperimentOf(const SweepOptions& options,
                               const SweepCell& cell, int64_t all_labels) {
  ExperimentOptions experiment = options.experiment;
  experiment.labels = cell.labels < all_labels ? cell.labels : 0;
  experiment.loss.method = cell.method;
  if (cell.temperature != 0) {
    experiment.loss.kd.temperature = cell.temperature;
  }
  experiment.loss.kd.alpha = cell.alpha;
  // As with the temperature: what a method does not use is for the others.
  if (!UsesSetting(cell.method, "standardize_logits")) {
    experiment.loss.standardize_logits = false;
  }
  return experiment;
}

SweepScores ScoresOf(const StageResult& stage) {
  return {*stage.validation, stage.test};
}

// A run that is to be made.
struct Job {
  int64_t cell = 0, seed = 0;  // Of the grid's, from 0.
  bool control = false;        // Whether the control is trained in it.
};

class Sweep {
 public:
  // `cells` are those of `options`.
  Sweep(const SweepOptions& options, std::vector<SweepCell> cells,
        int64_t all_labels, SweepObserver& sweep_observer, Observer& observer)
      : options_(options),
        cells_(std::move(cells)),
        all_labels_(all_labels),
        sweep_observer_(sweep_observer),
        observer_(observer) {}

  void TakeOver(const std::vector<SweepRun>& done);
  absl::Status Run(const Compute& compute, const Splits& splits,
                   TeacherSource& of_first);
  // Of the first so many seeds, each of which has all of its runs.
  SweepResult Result(int64_t seeds) const;

 private:
  uint64_t Seed(int64_t i) const { return options_.experiment.seed + i; }
  bool Has(const SweepCell& cell, uint64_t seed) const {
    return runs_.count(KeyOf(cell, seed)) > 0 &&
           controls_.count({cell.labels, seed}) > 0;
  }
  int64_t CountDone() const;
  // "T=2, alpha=0.5, 1,000 labels, seed 3"
  std::string NameOf(const SweepCell& cell, uint64_t seed) const;
  void Add(const SweepRun& run);
  // "run 3 of 24: T=2, alpha=0.5, 1,000 labels, seed 3"
  std::string TitleOf(int64_t cell, int64_t seed) const;
  absl::Status CheckTeacher(double loss) const;
  // What is missing, as rank 0 sees it.
  std::vector<Job> JobsOf(Ranks& ranks) const;
  absl::StatusOr<SweepRun> RunOne(const Job& job, const Compute& compute,
                                  const Splits& splits, Observer& observer,
                                  TeacherSource& teacher);
  // A run that has ended somewhere.
  absl::Status Take(const SweepRun& run);
  // Tells of seeds whose runs are all there, since this was called last.
  absl::Status TellSeeds();
  SweepCellResult CellResult(const SweepCell& cell, int64_t seeds) const;
  // Sums of the seeds' errors are whole numbers: equals are equal.
  int64_t ValidationErrors(const SweepCell& cell, int64_t seeds) const;
  void Choose(SweepCellResult* result) const;

  const SweepOptions& options_;
  const std::vector<SweepCell> cells_;
  const int64_t all_labels_;
  SweepObserver& sweep_observer_;
  Observer& observer_;
  std::map<RunKey, SweepRun> runs_;
  std::map<ControlKey, SweepScores> controls_;
  int64_t whole_seeds_ = 0;  // That were told of.
};

void Sweep::Add(const SweepRun& run) {
  runs_[KeyOf(run.cell, run.seed)] = run;
  if (run.control) controls_[{run.cell.labels, run.seed}] = *run.control;
}

void Sweep::TakeOver(const std::vector<SweepRun>& done) {
  for (const SweepRun& run : done) Add(run);
  const int64_t all = static_cast<int64_t>(cells_.size()) * options_.seeds;
  observer_.OnLine(absl::StrFormat(
      "sweep:   %s with %s: %s, and one control for each number of labels and "
      "seed",
      Count(static_cast<int64_t>(cells_.size()), "cell"),
      Count(options_.seeds, "seed"), Count(all, "run")));
  if (!done.empty()) {
    observer_.OnLine(absl::StrFormat(
        "taken over: %s of %s", WithCommas(CountDone()), Count(all, "run")));
  }
}

int64_t Sweep::CountDone() const {
  int64_t done = 0;
  for (int64_t i = 0; i < options_.seeds; ++i) {
    for (const SweepCell& cell : cells_) done += Has(cell, Seed(i)) ? 1 : 0;
  }
  return done;
}

std::string Sweep::NameOf(const SweepCell& cell, uint64_t seed) const {
  return absl::StrFormat("%s%s, %s, seed %d",
                         options_.methods.size() > 1 ? cell.method + ", " : "",
                         SettingsText(cell), Count(cell.labels, "label"), seed);
}

std::string Sweep::TitleOf(int64_t cell, int64_t seed) const {
  const int64_t cells = static_cast<int64_t>(cells_.size());
  return absl::StrFormat("run %d of %d: %s", seed * cells + cell + 1,
                         cells * options_.seeds,
                         NameOf(cells_[cell], Seed(seed)));
}

absl::Status Sweep::CheckTeacher(double loss) const {
  for (const auto& [key, run] : runs_) {
    if (run.teacher_loss == loss) continue;
    return absl::FailedPreconditionError(absl::StrFormat(
        "the teacher is not the one of the runs before: its validation loss is "
        "%.17g and was %.17g, with the same options. The program, its "
        "libraries or the machine must have changed, or ranks are on machines "
        "of different kinds. Start again in another --output_dir.",
        loss, run.teacher_loss));
  }
  return absl::OkStatus();
}

absl::StatusOr<SweepRun> Sweep::RunOne(const Job& job, const Compute& compute,
                                       const Splits& splits, Observer& observer,
                                       TeacherSource& teacher) {
  const SweepCell& cell = cells_[job.cell];
  const std::string title = TitleOf(job.cell, job.seed);
  ExperimentOptions experiment = ExperimentOf(options_, cell, all_labels_);
  experiment.seed = Seed(job.seed);
  experiment.control = job.control;
  OneOfSeveral one_of_several(observer, title + ", ", /*introduces=*/false);
  const auto result =
      RunExperiment(experiment, compute, splits, one_of_several, teacher);
  if (!result.ok()) {
    return absl::Status(
        result.status().code(),
        absl::IsCancelled(result.status())
            ? absl::StrCat(title, ": ", result.status().message(),
                           ". The runs before it are kept: the same command "
                           "goes on")
            : absl::StrCat(title, ": ", result.status().message(),
                           " The runs before it are kept: leave its values "
                           "out."));
  }
  SweepRun run;
  run.cell = cell;
  run.seed = experiment.seed;
  run.student = ScoresOf(result->student);
  if (result->control) run.control = ScoresOf(*result->control);
  run.teacher_loss = result->teacher.validation->loss;
  run.seconds = result->seconds;
  return run;
}

std::vector<Job> Sweep::JobsOf(Ranks& ranks) const {
  std::set<ControlKey> controls;  // That there are, or will be.
  for (const auto& control : controls_) controls.insert(control.first);
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < options_.seeds; ++i) {
    for (size_t cell = 0; cell < cells_.size(); ++cell) {
      const bool control =
          controls.insert({cells_[cell].labels, Seed(i)}).second;
      if (!control && runs_.count(KeyOf(cells_[cell], Seed(i))) > 0) continue;
      numbers.insert(numbers.end(),
                     {static_cast<int64_t>(cell), i, control ? 1 : 0});
    }
  }
  std::vector<Job> jobs;
  numbers = ranks.Broadcast(numbers);
  for (size_t at = 0; at < numbers.size(); at += 3) {
    jobs.push_back({numbers[at], numbers[at + 1], numbers[at + 2] == 1});
  }
  return jobs;
}

absl::Status Sweep::Take(const SweepRun& run) {
  RETURN_IF_ERROR(CheckTeacher(run.teacher_loss));
  Add(run);
  RETURN_IF_ERROR(sweep_observer_.OnRun(run));
  const int64_t cell =
      std::find_if(cells_.begin(), cells_.end(),
                   [&](const SweepCell& one) {
                     return KeyOf(one, 0) == KeyOf(run.cell, 0);
                   }) -
      cells_.begin();
  const double student = run.student.validation.accuracy();
  std::string line =
      absl::StrCat(TitleOf(cell, static_cast<int64_t>(run.seed - Seed(0))),
                   ": validation accuracy ", Percent(student));
  const auto control = controls_.find({run.cell.labels, run.seed});
  if (control != controls_.end()) {  // Another rank may be at it.
    const double accuracy = control->second.validation.accuracy();
    absl::StrAppendFormat(&line, ", control's %s: %+.2f points",
                          Percent(accuracy), 100 * (student - accuracy));
  }
  observer_.OnLine(absl::StrFormat("%s (%.1f s)", line, run.seconds));
  return TellSeeds();
}

absl::Status Sweep::TellSeeds() {
  const int64_t before = whole_seeds_;
  while (whole_seeds_ < options_.seeds &&
         std::all_of(cells_.begin(), cells_.end(), [&](const auto& cell) {
           return Has(cell, Seed(whole_seeds_));
         })) {
    ++whole_seeds_;
  }
  return whole_seeds_ == before ? absl::OkStatus()
                                : sweep_observer_.OnSeed(Result(whole_seeds_));
}

absl::Status Sweep::Run(const Compute& compute, const Splits& splits,
                        TeacherSource& of_first) {
  std::vector<Job> jobs = JobsOf(*compute.ranks);
  if (jobs.empty()) return absl::OkStatus();
  Farm farm(
      compute,
      [this](const std::string& message) {
        return Take(RunFrom(ParseJson(message)));
      },
      observer_);
  if (compute.ranks->size() > 1 || compute.runs_at_once > 1) {
    // Of a seed the longest first, those that train a control too: the others
    // wait for the last one.
    std::stable_sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) {
      return std::make_pair(a.seed, !a.control) <
             std::make_pair(b.seed, !b.control);
    });
  }
  Compute of_group = compute;
  of_group.ranks = &farm.group();
  OneForAll source(of_first);
  ASSIGN_OR_RETURN(const auto teacher,
                   GetTeacher(options_.experiment, of_group, splits,
                              farm.observer(), source, /*introduces=*/true));
  RETURN_IF_ERROR(CheckTeacher(teacher->stage().validation->loss));
  // What was taken over may not have been shown yet.
  RETURN_IF_ERROR(TellSeeds());
  return farm.Run(
      static_cast<int64_t>(jobs.size()), [&](int64_t i) -> absl::Status {
        ASSIGN_OR_RETURN(const auto run, RunOne(jobs[i], of_group, splits,
                                                farm.observer(), source));
        if (farm.leads()) farm.Send(JsonText(RunJson(run)));
        return absl::OkStatus();
      });
}

SweepCellResult Sweep::CellResult(const SweepCell& cell, int64_t seeds) const {
  std::vector<double> students, controls, differences;
  for (int64_t i = 0; i < seeds; ++i) {
    students.push_back(
        runs_.at(KeyOf(cell, Seed(i))).student.validation.accuracy());
    controls.push_back(
        controls_.at({cell.labels, Seed(i)}).validation.accuracy());
    differences.push_back(students.back() - controls.back());
  }
  SweepCellResult result;
  result.cell = cell;
  result.runs = seeds;
  result.validation = MeanInterval(students, kShare);
  result.control = MeanInterval(controls, kShare);
  result.difference = MeanInterval(differences);
  result.verdict = VerdictOf(result.difference, options_.margin / 100);
  return result;
}

int64_t Sweep::ValidationErrors(const SweepCell& cell, int64_t seeds) const {
  int64_t errors = 0;
  for (int64_t i = 0; i < seeds; ++i) {
    errors += runs_.at(KeyOf(cell, Seed(i))).student.validation.errors;
  }
  return errors;
}

void Sweep::Choose(SweepCellResult* result) const {
  std::vector<double> students, differences;
  for (int64_t i = 0; i < result->runs; ++i) {
    students.push_back(
        runs_.at(KeyOf(result->cell, Seed(i))).student.test.accuracy());
    differences.push_back(
        students.back() -
        controls_.at({result->cell.labels, Seed(i)}).test.accuracy());
  }
  result->chosen = true;
  result->test = MeanInterval(students, kShare);
  result->test_difference = MeanInterval(differences);
  result->test_verdict =
      VerdictOf(result->test_difference, options_.margin / 100);
}

SweepResult Sweep::Result(int64_t seeds) const {
  SweepResult result;
  std::map<int64_t, size_t> best;  // By labels.
  for (const SweepCell& cell : cells_) {
    const size_t at = result.cells.size();
    result.cells.push_back(CellResult(cell, seeds));
    const size_t best_yet = best.insert({cell.labels, at}).first->second;
    if (ValidationErrors(cell, seeds) <
        ValidationErrors(cells_[best_yet], seeds)) {
      best[cell.labels] = at;
    }
  }
  for (const auto& labels_and_best : best) {
    Choose(&result.cells[labels_and_best.second]);
  }
  return result;
}

}  // namespace

std::string SettingsText(const SweepCell& cell) {
  return cell.temperature == 0
             ? absl::StrFormat("alpha=%g", cell.alpha)
             : absl::StrFormat("T=%g, alpha=%g", cell.temperature, cell.alpha);
}

absl::Status SweepOptions::Validate() const {
  absl::Status status = CheckSide("--labels", labels);
  status.Update(CheckSide("--method", methods));
  status.Update(CheckSide("--temperature", temperatures));
  status.Update(CheckSide("--alpha", alphas));
  status.Update(CheckRanges(*this));
  status.Update(CheckSeeds(experiment.seed, seeds));
  for (const SweepCell& cell : CellsOf(*this, {0})) {
    status.Update(ExperimentOf(*this, cell, 0).Validate());
  }
  return status;
}

absl::StatusOr<SweepResult> RunSweep(
    const SweepOptions& options, const Compute& compute, const Splits& splits,
    TeacherSource& source, const std::vector<SweepRun>& done,
    SweepObserver& sweep_observer, Observer& observer) {
  RETURN_IF_ERROR(options.Validate());
  if (options.experiment.validation < 1 && splits.validation == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--validation is ", options.experiment.validation,
        "; it must be at least 1: a sweep chooses by images held out of "
        "training. If the test set chose, its accuracy would say nothing of "
        "images never seen"));
  }
  const int64_t all_labels =
      splits.train->count - options.experiment.validation;
  if (all_labels < 1) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "--validation is %d; with %s it must be less, so that some are left to "
        "train on",
        options.experiment.validation,
        Count(splits.train->count, "training image")));
  }
  ASSIGN_OR_RETURN(const auto numbers,
                   NumbersOfLabels(options.labels, all_labels));
  std::vector<SweepCell> cells = CellsOf(options, numbers);
  // All that may be wrong of any cell is found before the first one runs. How
  // the data are divided depends on the labels alone, and what is compared on
  // the method alone.
  std::set<int64_t> labels_checked;
  std::set<std::string> methods_checked;
  for (const SweepCell& cell : cells) {
    const ExperimentOptions experiment =
        ExperimentOf(options, cell, all_labels);
    const bool new_labels = labels_checked.insert(cell.labels).second;
    const bool new_method = methods_checked.insert(cell.method).second;
    RETURN_IF_ERROR(experiment.Validate());
    if (new_labels || new_method) {
      RETURN_IF_ERROR(CheckExperiment(experiment, splits, source));
    }
  }
  Sweep sweep(options, std::move(cells), all_labels, sweep_observer, observer);
  sweep.TakeOver(done);
  RETURN_IF_ERROR(sweep.Run(compute, splits, source));
  if (compute.ranks->rank() > 0) return SweepResult();
  return sweep.Result(options.seeds);
}

}  // namespace distill
