#include "report/report.h"

#include <cmath>
#include <cstdint>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ops/from_blob.h"
#include "ATen/ops/zeros.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/random.h"
#include "gtest/gtest.h"
#include "models/classifier.h"
#include "tests/testing/browser.h"
#include "tests/testing/datasets.h"
#include "tests/testing/files.h"
#include "tests/testing/html.h"
#include "tests/testing/python.h"
#include "training/evaluation.h"

namespace distill {
namespace {

using nlohmann::json;

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Predictions every image with the same logits; the report asks it for its
// time.
class Silent : public Classifier {
 public:
  explicit Silent(int64_t classes) : classes_(classes) {}
  Outputs Forward(const at::Tensor& images,
                  const std::vector<std::string>& /*features*/) override {
    return {at::zeros({images.size(0), classes_}), {}};
  }
  std::vector<Feature> Features() const override { return {}; }
  int64_t FlopPerImage() const override { return 0; }
  std::string Describe() const override { return "<silent> & co"; }

 private:
  int64_t classes_;
};

// A result that no training made: of random logits.
class ReportTest : public ::testing::Test {
 protected:
  // `names` are of the classes; none: their numbers.
  void Make(int classes, int64_t seeds, bool control,
            const std::vector<std::string>& names = {}, int channels = 1) {
    testing::ToyOptions toy;
    toy.count = 300;
    toy.image.height = toy.image.width = 6;
    toy.image.channels = channels;
    toy.classes = classes;
    context_.train = testing::ToyDataset(toy);
    toy.split = Split::kTest;
    Dataset test = *testing::ToyDataset(toy);
    test.class_names = names;
    context_.test = std::make_shared<const Dataset>(std::move(test));
    context_.what_ran = {
        {"Data <1>", {{"dataset", "<toy> & co"}, {"classes", classes}}}};
    context_.command = "distill '--data_dir=<toy>'";
    context_.version = "distill 0";
    context_.date = "today";
    context_.printed = {{"status", "success"}};
    context_.formula = "loss = <none>";
    context_.temperature = 5;
    context_.first_seed = 7;
    context_.compute.device_name = "cpu";
    result_ = SeedsResult();
    for (int64_t i = 0; i < seeds; ++i) {
      ExperimentResult run;
      run.teacher = Stage(3 * i);
      run.student = Stage(3 * i + 1);
      if (control) run.control = Stage(3 * i + 2);
      result_.runs.push_back(std::move(run));
    }
    if (control && seeds > 1) {
      result_.difference = Interval{-0.01, -0.02, -0.001};
      result_.margin = 0.5;
      result_.verdict = VerdictOf(*result_.difference, 0.005);
    }
  }

  StageResult Stage(uint64_t seed) const {
    const Dataset& test = *context_.test;
    Random random(seed, "test report");
    std::vector<float> logits;
    for (int64_t i = 0; i < test.count; ++i) {
      for (int c = 0; c < test.classes; ++c) {
        logits.push_back(static_cast<float>(5 * random.Uniform()) +
                         (c == test.labels[i] ? 2.5f : 0.0f));
      }
    }
    StageResult stage;
    stage.outline.parameters = 1234567;
    stage.training.epochs = {{1, std::nan(""), 1}};
    stage.training.curve = {{5, {2, std::nan(""), 2}},
                            {10, {1, std::nan(""), 1}}};
    stage.outline.architecture = "<silent> & co";
    stage.model = std::make_shared<const FrozenClassifier>(
        std::make_shared<Silent>(test.classes));
    stage.test_logits =
        at::from_blob(logits.data(), {test.count, test.classes}).clone();
    stage.test = EvaluateLogits(stage.test_logits, test);
    return stage;
  }

  Report Reported() {
    Observer nobody;
    auto report = MakeReport(context_, result_, nobody);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *std::move(report) : Report();
  }

  ReportContext context_;
  SeedsResult result_;
};

TEST_F(ReportTest, ThePageStandsAloneWhateverTheClassesAndStages) {
  for (int classes : {2, 10, 31, 256, 1000}) {
    for (int64_t seeds : {1, 3}) {
      for (bool control : {true, false}) {
        Make(classes, seeds, control);
        const std::string html = Reported().html;
        const std::string which =
            absl::StrCat(classes, " classes, ", seeds, " seeds, ", control);
        EXPECT_TRUE(testing::IsWholePage(html)) << which;
        EXPECT_EQ(Contains(html, "control<"), control) << which;
        EXPECT_EQ(Contains(html, "Over 3 seeds"), seeds == 3) << which;
        EXPECT_EQ(Contains(html, "class=\"heat\""), classes <= 30) << which;
        EXPECT_FALSE(Contains(html, "nan")) << which;
        EXPECT_FALSE(Contains(html, "<toy>")) << which;
        EXPECT_FALSE(Contains(html, "<silent>")) << which;
        EXPECT_LT(html.size(), 1u << 20) << which;
      }
    }
  }
}

TEST_F(ReportTest, TheVerdictComesFirst) {
  Make(10, 1, true);
  std::string html = Reported().html;
  EXPECT_LT(html.find("class=\"verdict\">With "), html.find("<nav"));
  EXPECT_TRUE(Contains(html, "--seeds=5"));
  Make(10, 3, true);
  html = Reported().html;
  EXPECT_LT(html.find("class=\"verdict loss\">WORSE. With "),
            html.find("<nav"));
  EXPECT_FALSE(Contains(html, "--seeds=5"));
  Make(10, 1, false);
  EXPECT_FALSE(Contains(Reported().html, "--seeds=5"));
  Make(10, 3, false);
  EXPECT_TRUE(Contains(Reported().html, "class=\"verdict\">Whether"));
}

// Both are counted once by training/evaluation and once by report/metrics.
TEST_F(ReportTest, TheNumbersAreTheResults) {
  Make(10, 3, true);
  const json report = json::parse(Reported().json);
  EXPECT_EQ(report["status"], "success");
  EXPECT_EQ(report["metrics"]["seed"], 7);
  ASSERT_EQ(report["metricsBySeed"].size(), 3u);
  for (int i = 0; i < 3; ++i) {
    const json& seed = report["metricsBySeed"][i];
    const ExperimentResult& run = result_.runs[i];
    EXPECT_EQ(seed["seed"], 7 + i);
    EXPECT_EQ(seed["teacher"]["testErrors"], run.teacher.test.errors);
    EXPECT_EQ(seed["student"]["testErrors"], run.student.test.errors);
    EXPECT_EQ(seed["control"]["testErrors"], run.control->test.errors);
    // Evaluation's loss is a sum in float32.
    EXPECT_NEAR(seed["student"]["nll"].get<double>(), run.student.test.loss,
                1e-5);
    EXPECT_EQ(seed["student"]["teacherErrors"], run.teacher.test.errors);
  }
  const json& metrics = report["metrics"];
  EXPECT_EQ(metrics["student"]["weightBytes"], 4 * 1234567);
  EXPECT_EQ(metrics["darkKnowledge"].size(), 12u);
  const json& change = metrics["studentLessControl"];
  EXPECT_EQ(change["onlyStudentRight"].get<int64_t>() -
                change["onlyControlRight"].get<int64_t>(),
            result_.runs[0].control->test.errors -
                result_.runs[0].student.test.errors);
  for (int a = 0; a < 10; ++a) {
    for (int b = 0; b < 10; ++b) {
      EXPECT_EQ(change["confusion"][a][b].get<int>(),
                metrics["student"]["confusion"][a][b].get<int>() -
                    metrics["control"]["confusion"][a][b].get<int>());
    }
  }
}

TEST_F(ReportTest, CurvesHaveEveryPointAndASharedTeacherOnce) {
  Make(10, 2, true);
  for (bool shared : {false, true}) {
    if (shared) result_.runs[1].teacher = result_.runs[0].teacher;
    const Report report = Reported();
    EXPECT_EQ(Contains(report.html, ", one for all</td>"), shared);
    const std::string text = report.metrics_jsonl;
    std::istringstream lines(text);
    std::string line;
    int count = 0;
    while (std::getline(lines, line)) {
      const json point = json::parse(line);
      EXPECT_EQ(point.size(), 6u);
      EXPECT_EQ(point["total"], point["step"] == 5 ? 2 : 1);
      EXPECT_TRUE(point["soft"].is_null());
      ++count;
    }
    EXPECT_EQ(count, shared ? 10 : 12);
    EXPECT_EQ(text.find("{\"seed\":7,\"stage\":\"teacher\",\"step\":5,"), 0u);
  }
}

TEST_F(ReportTest, OmittedClassesAndValidationHaveTheirPlace) {
  Make(10, 1, true);
  EXPECT_FALSE(Contains(Reported().html, "never saw"));
  result_.runs[0].student.omitted = OmittedResult{30, 29, 1.25, 17, 8};
  for (StageResult* stage : {&result_.runs[0].teacher, &result_.runs[0].student,
                             &*result_.runs[0].control}) {
    stage->validation = Evaluation{100, 25, 1};
  }
  const std::string html = Reported().html;
  EXPECT_TRUE(Contains(html, "Classes that the students never saw"));
  EXPECT_TRUE(Contains(html, "<td>1.25</td><td>-</td>"));
  EXPECT_TRUE(Contains(html, "validation accuracy</th><td>75.00&nbsp;%</td>"));
}

std::vector<std::string> Animals() {
  return {"cat", "<dog>", "horse, of any colour", "\"bird\"", "frog"};
}

TEST_F(ReportTest, ClassesAreCalledByTheirNames) {
  Make(5, 1, true, Animals(), /*channels=*/3);
  const Report report = Reported();
  EXPECT_TRUE(testing::IsWholePage(report.html));
  // An image's card, and one of the teacher's classes there.
  EXPECT_TRUE(Contains(report.html, ": horse, of any colour\" src=\"data:"));
  EXPECT_TRUE(Contains(report.html, ">frog</span><b>"));
  // Bars, the table beside them, and a confusion table's row and column.
  EXPECT_TRUE(Contains(report.html, ">horse, of any c"));
  EXPECT_TRUE(Contains(report.html, "<th scope=\"row\">cat</th>"));
  for (const char* scope : {"row", "col"}) {
    EXPECT_TRUE(Contains(
        report.html, absl::StrCat("<th scope=\"", scope,
                                  "\" title=\"horse, of any colour\"><span>")));
  }
  EXPECT_TRUE(Contains(report.html, "class=\"heat named\""));
  EXPECT_FALSE(Contains(report.html, "<dog>"));
  EXPECT_FALSE(Contains(report.html, "class 1"));
  EXPECT_FALSE(Contains(report.html, ", label "));
  EXPECT_EQ(json::parse(report.json)["classNames"], json(Animals()));
  // The numbers stay what they are.
  const std::vector<std::string> lines =
      absl::StrSplit(report.predictions_csv, '\n');
  EXPECT_EQ(lines[0].find("index,label,teacher,"), 0u);
  EXPECT_TRUE(Contains(lines[0], ",label_name"));
  EXPECT_EQ(lines[4].find("3,3,"), 0u);
  EXPECT_TRUE(Contains(lines[4], ",\"\"\"bird\"\"\""));
}

TEST_F(ReportTest, ClassesThatHaveButNumbersAreCalledClasses) {
  Make(5, 1, true);
  const Report report = Reported();
  EXPECT_TRUE(Contains(report.html, ">class 4</text>"));
  EXPECT_TRUE(Contains(report.html, ", label 4\" src=\"data:"));
  EXPECT_EQ(json::parse(report.json)["classNames"][4], "4");
  EXPECT_FALSE(Contains(report.predictions_csv, "label_name"));
}

TEST_F(ReportTest, OfManyClassesThePageShowsThoseThatChangeMost) {
  Make(30, 1, true);
  EXPECT_FALSE(Contains(Reported().html, "gain most"));
  Make(31, 1, true);
  std::vector<std::string> names;
  names.reserve(31);
  for (int c = 0; c < 31; ++c) names.push_back(absl::StrCat("kind ", c, "."));
  // The student has all of class 7 right and the control nothing; of class 9 it
  // is the other way round; of the classes 10 to 25 the control has one image
  // wrong, of 10 or, from class 21 on, of 9. Of the rest both say the same.
  Make(31, 1, true, names);
  ExperimentResult& run = result_.runs[0];
  run.control->test_logits = run.student.test_logits.clone();
  for (int64_t i = 0; i < context_.test->count; ++i) {
    const int label = context_.test->labels[i];
    if (label != 7 && label != 9 && (label < 10 || label > 25)) continue;
    const bool control_right = label == 9 || (label >= 10 && i >= 31);
    run.student.test_logits[i][label == 9 ? 8 : label] = 100;
    run.control->test_logits[i][control_right ? label : 8] = 100;
  }
  const std::string html = Reported().html;
  EXPECT_TRUE(Contains(html, "Of 31 classes 17 gain and 1 lose."));
  EXPECT_TRUE(Contains(html, "kind 7.: +100.00"));
  EXPECT_TRUE(Contains(html, "kind 9.: -100.00"));
  // Class 7, five classes, and of equal ones the first.
  for (int c = 0; c < 31; ++c) {
    EXPECT_EQ(
        Contains(html, absl::StrCat("<th scope=\"row\">kind ", c, ".</th>")),
        c == 7 || c == 9 || (c >= 10 && c <= 18) || (c >= 21 && c <= 25))
        << c;
  }
  EXPECT_TRUE(Contains(html, "kind 9. as kind 8."));
}

TEST_F(ReportTest, TheMatrixOfManyClassesIsAListOfErrors) {
  for (const int classes : {100, 101}) {
    Make(classes, 1, true);
    const json metrics = json::parse(Reported().json)["metrics"];
    const json& confusion = metrics["student"]["confusion"];
    const int64_t errors = result_.runs[0].student.test.errors;
    int64_t wrong = 0, change = 0;
    if (classes == 100) {
      ASSERT_EQ(confusion.size(), 100u);
      ASSERT_EQ(confusion[99].size(), 100u);
      continue;
    }
    std::set<std::pair<int, int>> pairs;
    for (const json& one : confusion) {
      ASSERT_EQ(one.size(), 3u);
      EXPECT_NE(one[0], one[1]);
      EXPECT_GE(one[2], 1);
      pairs.emplace(one[0], one[1]);
      wrong += one[2].get<int64_t>();
    }
    EXPECT_EQ(wrong, errors);
    EXPECT_EQ(pairs.size(), confusion.size());
    for (const json& one : metrics["studentLessControl"]["confusion"]) {
      EXPECT_NE(one[2], 0);
      change += one[2].get<int64_t>();
    }
    EXPECT_EQ(change, errors - result_.runs[0].control->test.errors);
    EXPECT_EQ(metrics["student"]["classAccuracy"].size(), 101u);
  }
}

TEST_F(ReportTest, Top5AndBalancedAccuracyAreWhereTheySaySomething) {
  // 300 images of 19 or 20 classes: 15 or 16 each, or 15.
  for (const int classes : {19, 20}) {
    Make(classes, 2, true);
    const Report report = Reported();
    const json all = json::parse(report.json);
    const json& student = all["metrics"]["student"];
    EXPECT_EQ(student.contains("top5Accuracy"), classes == 20);
    EXPECT_EQ(all["metricsBySeed"][1]["control"].contains("top5Accuracy"),
              classes == 20);
    EXPECT_EQ(Contains(report.html, "top-5 accuracy</th>"), classes == 20);
    EXPECT_FALSE(student.contains("balancedAccuracy"));
    EXPECT_FALSE(Contains(report.html, "alanced accuracy"));
  }
  EXPECT_GT(
      json::parse(Reported().json)["metrics"]["student"].at("top5Accuracy"),
      result_.runs[0].student.test.accuracy());
  // 200 images of class 0, and 100 of the others.
  Dataset uneven = *context_.test;
  for (int64_t i = 0; i < 200; ++i) uneven.labels[i] = 0;
  context_.test = std::make_shared<const Dataset>(std::move(uneven));
  const Report report = Reported();
  const json student = json::parse(report.json)["metrics"]["student"];
  double sum = 0;
  for (const json& accuracy : student["classAccuracy"]) {
    sum += accuracy.get<double>();
  }
  EXPECT_NEAR(student.at("balancedAccuracy").get<double>(), sum / 20, 1e-12);
  EXPECT_TRUE(Contains(report.html, "balanced accuracy</th>"));
}

TEST_F(ReportTest, ManyClassesHaveNoImageOfConfusions) {
  Make(100, 1, false);
  EXPECT_TRUE(Contains(Reported().events, "confusion/student"));
  Make(101, 1, false);
  EXPECT_FALSE(Contains(Reported().events, "confusion/"));
  EXPECT_TRUE(Contains(Reported().events, "calibration/student"));
}

TEST_F(ReportTest, TensorBoardReadsTheEvents) {
  const std::string why_not = testing::WhyNoPython();
  if (!why_not.empty()) GTEST_SKIP() << why_not;
  Make(10, 2, true);
  TrainResult& training = result_.runs[0].student.training;
  training.steps = 10;
  training.accuracies = {{5, 0.25}};
  testing::TempFolder folder;
  testing::WriteFile(folder.File("events.out.tfevents.distill"),
                     Reported().events);
  const auto read = testing::RunPython(
      absl::StrCat(testing::Source("tests/report/tensorboard_proof.py"), " ",
                   folder.path()));
  ASSERT_EQ(read.exit_code, 0) << read.out;
  const json found = json::parse(read.LastLine());
  const json& scalars = found["scalars"];
  // The soft terms are NaN.
  EXPECT_EQ(scalars.size(), 7u) << scalars;
  for (const char* tag :
       {"total loss/teacher", "total loss/student", "hard term/control"}) {
    EXPECT_EQ(scalars[tag], json::parse("[[5, 2.0], [10, 1.0]]")) << tag;
  }
  const json& accuracy = scalars["accuracy/student"];
  ASSERT_EQ(accuracy.size(), 2u);
  EXPECT_EQ(accuracy[0], json::parse("[5, 0.25]"));
  EXPECT_EQ(accuracy[1][0], 10);
  EXPECT_NEAR(accuracy[1][1], result_.runs[0].student.test.accuracy(), 1e-6);
  EXPECT_EQ(found["images"].size(), 6u);
  EXPECT_EQ(found["images"]["confusion/student"],
            json::parse("[10, 240, 240]"));
  EXPECT_EQ(found["images"]["calibration/control"],
            json::parse("[0, 240, 240]"));
}

TEST_F(ReportTest, InABrowserItFitsAndItsPartsAreThere) {
  const std::string why_not = testing::WhyNoBrowser();
  if (!why_not.empty()) GTEST_SKIP() << why_not;
  // Names that are too long for any place.
  std::vector<std::string> names;
  names.reserve(10);
  for (int c = 0; c < 10; ++c) {
    names.push_back(absl::StrCat("n0144076", c, " tench, Tinca tinca"));
  }
  Make(10, 3, true, names, /*channels=*/3);
  const std::string html = Reported().html;
  for (int width : {1200, 390}) {
    const json found = testing::MeasureInBrowser(html, width, R"(
found.verdict = all('.verdict')[0].getBoundingClientRect().bottom;
found.tiles = all('.tile').length;
found.open = all('details[open]').length;
found.folded = all('details').length;
found.wrong = shown('.wrong .card');
document.getElementById('alone-right').checked = true;
found.right = shown('.right .card');
found.wrong_then = shown('.wrong .card');)");
    EXPECT_EQ(found["inside"], true) << width;
    EXPECT_LT(found["verdict"], 500) << width;
    EXPECT_EQ(found["tiles"], 3);
    EXPECT_EQ(found["links"], 10);
    EXPECT_EQ(found["targets"], found["links"]);
    EXPECT_GT(found["titles"], 20);
    EXPECT_EQ(found["folded"], 2);
    EXPECT_EQ(found["open"], 0);
    EXPECT_GT(found["right"], 0);
    EXPECT_GT(found["wrong"], 0);
    EXPECT_EQ(found["wrong_then"], 0);
  }
}

TEST_F(ReportTest, AnswersThatAreNoNumbersAreAnError) {
  Make(10, 1, true);
  result_.runs[0].student.test_logits[3][4] = NAN;
  Observer nobody;
  const auto report = MakeReport(context_, result_, nobody);
  EXPECT_EQ(report.status().code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(Contains(std::string(report.status().message()), "sample 3"));
}

}  // namespace
}  // namespace distill
