#include "report/html.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/text.h"
#include "report/assets.h"
#include "report/chart.h"
#include "report/classes.h"
#include "report/first_screen.h"
#include "report/latency.h"
#include "report/metrics.h"
#include "report/page.h"
#include "report/png.h"
#include "report/result_json.h"

namespace distill {
namespace {

using Rows = std::vector<std::vector<std::string>>;

constexpr size_t kMostAloneImages = 12;
// Classes that a model's bars show.
constexpr size_t kTopClasses = 4;
// How wide a card shows an image; wider ones are made smaller.
constexpr int64_t kCardPixels = 84;

std::string NameOf(size_t stage) { return StageName(static_cast<int>(stage)); }

std::string Decimals(double value, int digits) {
  return std::isfinite(value) ? absl::StrFormat("%.*f", digits, value) : "-";
}

std::string Share(int64_t part, int64_t whole) {
  if (whole == 0) return "-";
  return absl::StrFormat(
      "%s (%s of %s)",
      Percent(static_cast<double>(part) / static_cast<double>(whole)),
      WithCommas(part), WithCommas(whole));
}

std::string Ends(const Interval& interval) {
  if (std::isnan(interval.low)) return "-";
  return absl::StrCat(Percent(interval.low), " to ", Percent(interval.high));
}

// ---- Tables of stages.

// Rows of which each has a cell for every stage.
class StageTable {
 public:
  // Of the stages from `first_stage` on.
  explicit StageTable(const std::vector<StageAnalysis>& stages,
                      size_t first_stage = 0)
      : stages_(stages), first_(first_stage) {}

  using Cell = std::function<std::string(const StageAnalysis& stage)>;
  void Add(const std::string& name, const Cell& cell) {
    AddAt(name, [&](size_t i) { return cell(stages_[i]); });
  }
  void AddAt(const std::string& name,
             const std::function<std::string(size_t stage)>& cell) {
    std::vector<std::string> row = {name};
    for (size_t i = first_; i < stages_.size(); ++i) row.push_back(cell(i));
    rows_.push_back(std::move(row));
  }

  std::string Html() const {
    std::vector<std::string> header = {""};
    for (size_t i = first_; i < stages_.size(); ++i) {
      header.push_back(NameOf(i));
    }
    return Table(header, rows_);
  }

 private:
  const std::vector<StageAnalysis>& stages_;
  const size_t first_;
  Rows rows_;
};

std::string Errors(const StageAnalysis& stage) {
  return stage.metrics.samples == 0 ? "-" : WithCommas(stage.metrics.errors);
}

// 0: not known.
std::string OrUnknown(int64_t count) {
  return count == 0 ? "-" : WithCommas(count);
}

PageSection SummarySection(const ReportContext& context,
                           const Analysis& analysis) {
  const std::vector<StageAnalysis>& stages = analysis.first().stages;
  StageTable table(stages);
  table.Add("test accuracy", [](const StageAnalysis& s) {
    return Percent(s.metrics.accuracy.mean);
  });
  table.Add("its 95 % interval, of the images",
            [](const StageAnalysis& s) { return Ends(s.metrics.accuracy); });
  const ModelMetrics& of_student = stages[kStudentStage].metrics;
  if (of_student.top5) {
    table.Add("top-5 accuracy", [](const StageAnalysis& s) {
      return Percent(s.metrics.top5.value_or(std::nan("")));
    });
  }
  if (of_student.balanced) {
    table.Add("balanced accuracy", [](const StageAnalysis& s) {
      return Percent(s.metrics.balanced.value_or(std::nan("")));
    });
  }
  table.Add("errors", [](const StageAnalysis& s) { return Errors(s); });
  table.Add("NLL, nats",
            [](const StageAnalysis& s) { return Decimals(s.metrics.nll, 4); });
  table.Add("ECE",
            [](const StageAnalysis& s) { return Decimals(s.metrics.ece, 4); });
  if (stages[0].stage->validation) {
    table.Add("validation accuracy", [](const StageAnalysis& s) {
      return s.stage->validation ? Percent(s.stage->validation->accuracy())
                                 : "-";
    });
  }
  table.Add("parameters", [](const StageAnalysis& s) {
    return OrUnknown(s.stage->outline.parameters);
  });
  table.Add("weights in float32, bytes", [](const StageAnalysis& s) {
    return OrUnknown(WeightBytes(*s.stage));
  });
  table.Add("MFLOP an image", [](const StageAnalysis& s) {
    const int64_t flop = s.stage->outline.flop;
    return flop == 0 ? "-" : Decimals(static_cast<double>(flop) / 1e6, 2);
  });
  table.AddAt("latency of 1 image, ms", [&](size_t i) {
    return Decimals(analysis.latencies[i].batch1, 3);
  });
  table.AddAt("latency of 64 images, ms", [&](size_t i) {
    return Decimals(analysis.latencies[i].batch64, 3);
  });
  table.Add("training, seconds", [](const StageAnalysis& s) {
    return s.stage->training.steps == 0
               ? std::string("elsewhere")  // It came from a file.
               : Decimals(s.stage->training.seconds, 1);
  });
  std::string html = table.Html();
  for (size_t i = 0; i < std::min<size_t>(stages.size(), 2); ++i) {
    absl::StrAppend(
        &html,
        Paragraph(absl::StrCat(NameOf(i), ": ",
                               stages[i].stage->outline.architecture, "."),
                  "note"));
  }
  const bool cpu = context.compute.device.is_cpu();
  absl::StrAppend(
      &html,
      Paragraph(
          absl::StrCat(
              "The interval is Wilson's (1927), for how well this one model "
              "would do on other images; it says nothing of other seeds. ",
              of_student.top5
                  ? "A model is right among its top 5 where the label is one "
                    "of the five classes it holds likeliest. "
                  : "",
              of_student.balanced
                  ? "The balanced accuracy is the mean over the classes, each "
                    "of which counts as much whatever its images. "
                  : "",
              "NLL "
              "is the mean of -log of the label's probability. ECE is the "
              "expected calibration error with 15 bins of equal width (Guo et "
              "al. 2017). MFLOP are multiplications and additions of a forward "
              "pass. Latency is the median of ",
              kLatencyPasses - kUncountedPasses, " forward passes on ",
              cpu ? Count(context.compute.threads, "thread") + " of the CPU"
                  : context.compute.device_name +
                        ", from the host's memory and back",
              "."),
          "note"));
  return {analysis.runs.size() == 1
              ? "Teacher and students"
              : absl::StrCat("Teacher and students of seed ",
                             analysis.first().seed),
          html};
}

PageSection InBytesSection(const Analysis& analysis) {
  const std::vector<StageAnalysis>& stages = analysis.first().stages;
  if (!stages[kStudentStage].stage->in_bytes) return {};
  StageTable table(stages, kStudentStage);
  table.Add("accuracy in floats", [](const StageAnalysis& s) {
    return Percent(s.metrics.accuracy.mean);
  });
  table.Add("accuracy in 8 bits", [](const StageAnalysis& s) {
    return Percent(s.stage->in_bytes->test.accuracy());
  });
  table.Add("errors in 8 bits", [](const StageAnalysis& s) {
    return WithCommas(s.stage->in_bytes->test.errors);
  });
  table.Add("test images of another class than in floats",
            [](const StageAnalysis& s) {
              return WithCommas(s.stage->in_bytes->changed);
            });
  table.Add("bytes in float32", [](const StageAnalysis& s) {
    return WithCommas(WeightBytes(*s.stage));
  });
  table.Add("bytes in 8 bits", [](const StageAnalysis& s) {
    return WithCommas(s.stage->in_bytes->bytes);
  });
  return {"In 8-bit integers",
          table.Html() +
              Paragraph("All products are of 8-bit integers, as export --int8 "
                        "writes the model; floats are as the table above "
                        "has them. Bytes are those of weights and biases, in 8 "
                        "bits also of multipliers and shifts.",
                        "note")};
}

PageSection OmittedSection(const Analysis& analysis) {
  const std::vector<StageAnalysis>& stages = analysis.first().stages;
  if (!stages[kStudentStage].stage->omitted) return {};
  const auto number = [](int64_t OmittedResult::*field) {
    return [field](const StageAnalysis& s) {
      return s.stage->omitted ? WithCommas((*s.stage->omitted).*field) : "-";
    };
  };
  StageTable table(stages, kStudentStage);
  table.Add("test images of these classes", number(&OmittedResult::samples));
  table.Add("errors of these", number(&OmittedResult::errors));
  table.Add("bias that helps most", [](const StageAnalysis& s) {
    return s.stage->omitted ? Decimals(s.stage->omitted->bias, 2) : "-";
  });
  table.Add("errors of these with it",
            number(&OmittedResult::corrected_omitted_errors));
  table.Add("errors of all with it", number(&OmittedResult::corrected_errors));
  return {
      "Classes that the students never saw",
      table.Html() +
          Paragraph("The bias is added to the logits of these classes, as in "
                    "Hinton et al. 2015, section 3; it is chosen by the "
                    "validation images, or if none were held out by the test "
                    "images.",
                    "note")};
}

PageSection FidelitySection(const Analysis& analysis) {
  if (!analysis.first().stages[kStudentStage].fidelity) return {};
  StageTable table(analysis.first().stages, kStudentStage);
  table.Add("predicts what the teacher does", [](const StageAnalysis& s) {
    return Share(s.fidelity->agreed, s.metrics.samples);
  });
  table.Add("also where the teacher is wrong", [](const StageAnalysis& s) {
    return Share(s.fidelity->agreed_on_teacher_errors,
                 s.fidelity->teacher_errors);
  });
  table.Add("KL(teacher || it), nats",
            [](const StageAnalysis& s) { return Decimals(s.fidelity->kl, 4); });
  std::string html = table.Html();
  if (analysis.discordance) {
    absl::StrAppend(
        &html, Paragraph(absl::StrCat(
                   "Of ", WithCommas(analysis.predictions[0].samples),
                   " test images the student alone has ",
                   WithCommas(analysis.discordance->only_first_right),
                   " right, and the control alone ",
                   WithCommas(analysis.discordance->only_second_right), ".")));
  }
  absl::StrAppend(&html,
                  Paragraph("KL is of the predictions as they are "
                            "(temperature 1), the mean over the test images: "
                            "0 if they are the teacher's.",
                            "note"));
  return {"How near to the teacher", html};
}

// ---- Seeds.

PageSection SeedsSection(const Analysis& analysis) {
  if (analysis.runs.size() == 1) return {};
  struct Quantity {
    const char* name;
    bool percent;
    bool of_teacher;
    Bounds bounds;
    std::function<double(const StageAnalysis&)> value;
  };
  constexpr Bounds kAtLeast0 = {0};
  const Quantity quantities[] = {
      {"test accuracy", true, true, kShare,
       [](const StageAnalysis& s) { return s.metrics.accuracy.mean; }},
      {"NLL, nats", false, true, kAtLeast0,
       [](const StageAnalysis& s) { return s.metrics.nll; }},
      {"ECE", false, true, kShare,
       [](const StageAnalysis& s) { return s.metrics.ece; }},
      {"agrees with the teacher", true, false, kShare,
       [](const StageAnalysis& s) {
         return !s.fidelity ? std::nan("")
                            : static_cast<double>(s.fidelity->agreed) /
                                  static_cast<double>(s.metrics.samples);
       }},
      {"KL(teacher || it), nats", false, false, kAtLeast0,
       [](const StageAnalysis& s) {
         return s.fidelity ? s.fidelity->kl : std::nan("");
       }}};
  StageTable means(analysis.first().stages);
  for (const Quantity& quantity : quantities) {
    means.AddAt(quantity.name, [&](size_t stage) -> std::string {
      if (stage == kTeacherStage && !quantity.of_teacher) return "-";
      std::vector<double> values;
      values.reserve(analysis.runs.size());
      for (const RunAnalysis& run : analysis.runs) {
        values.push_back(quantity.value(run.stages[stage]));
      }
      const Interval i = MeanInterval(values, quantity.bounds);
      if (std::isnan(i.mean)) return "-";
      const auto text = [&](double value) {
        return quantity.percent ? Percent(value) : Decimals(value, 4);
      };
      if (stage == kTeacherStage && analysis.shares_teacher) {
        return text(i.mean) + ", one for all";
      }
      return absl::StrCat(text(i.mean), " (", text(i.low), " to ", text(i.high),
                          ")");
    });
  }
  std::vector<std::string> header = {"seed"};
  for (size_t i = 0; i < analysis.first().stages.size(); ++i) {
    header.push_back(absl::StrCat(NameOf(i), ", errors"));
  }
  if (analysis.has_control()) header.push_back("student less control, points");
  Rows rows;
  for (const RunAnalysis& run : analysis.runs) {
    std::vector<std::string> row = {absl::StrCat(run.seed)};
    for (const StageAnalysis& stage : run.stages) {
      row.push_back(stage.metrics.samples == 0
                        ? "-"
                        : absl::StrFormat("%s (%s)",
                                          Percent(stage.metrics.accuracy.mean),
                                          Errors(stage)));
    }
    if (analysis.has_control()) {
      row.push_back(absl::StrFormat(
          "%+.2f", 100 * (run.stages[kStudentStage].metrics.accuracy.mean -
                          run.stages[kControlStage].metrics.accuracy.mean)));
    }
    rows.push_back(std::move(row));
  }
  return {
      absl::StrCat("Over ", analysis.runs.size(), " seeds"),
      absl::StrCat(
          means.Html(),
          Paragraph("Means over the seeds, and Student's intervals of 95 % for "
                    "them: the seeds are what is counted, not the images. The "
                    "sections below are of the first seed.",
                    "note"),
          Table(header, rows))};
}

// ---- Charts.

// Of each stage, through the points that `points_of` finds.
std::vector<ChartSeries> SeriesOf(
    const std::vector<StageAnalysis>& stages,
    const std::function<std::vector<ChartPoint>(const StageResult&)>&
        points_of) {
  std::vector<ChartSeries> all;
  for (size_t i = 0; i < stages.size(); ++i) {
    ChartSeries series;
    series.name = NameOf(i);
    series.color = ColorOfStage(i);
    series.dashed = i == kControlStage;
    for (const ChartPoint& point : points_of(*stages[i].stage)) {
      if (std::isfinite(point.y)) series.points.push_back(point);
    }
    if (!series.points.empty()) all.push_back(std::move(series));
  }
  return all;
}

std::string AccuracyChart(const std::vector<StageAnalysis>& stages) {
  const bool validated = stages[kStudentStage].stage->validation.has_value();
  const auto points_of = [](const StageResult& stage) {
    std::vector<ChartPoint> points;
    for (const AccuracyPoint& point : AccuraciesOf(stage)) {
      points.push_back({static_cast<double>(point.step), 100 * point.accuracy});
    }
    return points;
  };
  std::vector<ChartSeries> all = SeriesOf(stages, points_of);
  const auto is_curve = [](const ChartSeries& series) {
    return series.points.size() > 1;
  };
  if (std::none_of(all.begin(), all.end(), is_curve)) return "";
  for (ChartSeries& series : all) series.dots = true;
  ChartOptions options;
  options.title =
      validated ? "Validation accuracy by epoch" : "Test accuracy by epoch";
  options.x_label = "step";
  options.y_label = "%";
  return LineChart(options, all);
}

PageSection CurvesSection(const Analysis& analysis) {
  struct Term {
    const char* title;
    double EpochLosses::*field;
  };
  constexpr Term kTerms[] = {{"Total loss", &EpochLosses::total},
                             {"Soft term", &EpochLosses::soft},
                             {"Hard term", &EpochLosses::hard}};
  const std::vector<StageAnalysis>& stages = analysis.first().stages;
  std::string charts = AccuracyChart(stages);
  for (const Term& term : kTerms) {
    const auto points_of = [&](const StageResult& stage) {
      std::vector<ChartPoint> points;
      for (const CurvePoint& point : stage.training.curve) {
        points.push_back(
            {static_cast<double>(point.step), point.losses.*term.field});
      }
      return points;
    };
    std::vector<ChartSeries> all = SeriesOf(stages, points_of);
    for (ChartSeries& series : all) series.smooth = true;
    ChartOptions options;
    options.title = term.title;
    options.x_label = "step";
    options.y_label = "nats";
    options.log_y = true;
    absl::StrAppend(&charts, LineChart(options, all));
  }
  return {"Learning curves",
          absl::StrCat(
              "<div class=\"grid\">\n", charts, "</div>\n",
              Paragraph("Each point of a loss is the mean over the training "
                        "images of the steps since the point before, faint; "
                        "the line is the mean over five of them. The scale is "
                        "logarithmic. The soft term pulls towards the teacher, "
                        "the hard one towards the labels, and is the mean over "
                        "the images that have one; both are without their "
                        "weights, and the total has them. The totals of "
                        "student and control are different losses and do not "
                        "compare.",
                        "note"))};
}

PageSection CalibrationSection(const Analysis& analysis) {
  std::string charts;
  const std::vector<StageAnalysis>& stages = analysis.first().stages;
  for (size_t i = 0; i < stages.size(); ++i) {
    const ModelMetrics& metrics = stages[i].metrics;
    if (metrics.samples == 0) continue;
    ChartSeries perfect;
    perfect.color = 0;
    perfect.dashed = true;
    perfect.points = {{0, 0}, {1, 1}};
    ChartSeries found;
    found.color = ColorOfStage(i);
    found.dots = true;
    for (const CalibrationBin& bin : metrics.bins) {
      if (bin.samples == 0) continue;
      const Interval share = WilsonInterval(bin.hits, bin.samples);
      found.points.push_back(
          {bin.confidence, share.mean, share.low, share.high});
    }
    ChartOptions options;
    options.title = absl::StrFormat("%s: ECE %.4f", NameOf(i), metrics.ece);
    options.x_label = "probability of the predicted class";
    options.y_label = "share predicted right";
    options.x = options.y = {0, 1};
    absl::StrAppend(&charts, LineChart(options, {perfect, found}));
  }
  return {
      "Calibration",
      absl::StrCat(
          "<div class=\"grid\">\n", charts, "</div>\n",
          Paragraph("A model that is right as often as it says lies on the "
                    "dashed line; below it, it is too sure. Each dot is a bin "
                    "of test images, its whisker Wilson's interval of 95 %: a "
                    "long one is a bin of few images.",
                    "note"))};
}

// ---- Images.

std::string TopClasses(const std::string& title, size_t stage,
                       const std::vector<double>& probabilities,
                       const std::vector<std::string>& names) {
  std::vector<std::pair<double, size_t>> ranked;
  for (size_t c = 0; c < probabilities.size(); ++c) {
    ranked.emplace_back(-probabilities[c], c);
  }
  std::sort(ranked.begin(), ranked.end());
  ranked.resize(std::min(ranked.size(), kTopClasses));
  // Beside a bar there is room for a number, above it for a name.
  const bool named = std::any_of(
      ranked.begin(), ranked.end(),
      [&](const auto& one) { return names[one.second].size() > 3; });
  std::string html = absl::StrCat("<p>", EscapeHtml(title), "</p>\n<div>\n");
  for (const auto& [negative, c] : ranked) {
    const std::string name = EscapeHtml(names[c]);
    absl::StrAppendFormat(
        &html,
        "<div class=\"top%s c%d\"><span title=\"%s\">%s</span><b><i "
        "style=\"width:%.1f%%\"></i></b><span>%s</span></div>\n",
        named ? " named" : "", ColorOfStage(stage), name, name, -100 * negative,
        Percent(-negative));
  }
  return absl::StrCat(html, "</div>\n");
}

std::string ImageCard(const Dataset& test, int64_t index,
                      const std::string& predictions,
                      const std::vector<std::string>& names) {
  const std::string& name = names[test.labels[index]];
  const std::string what = EscapeHtml(absl::StrCat(
      "test image ", index, IsNumber(name) ? ", label " : ": ", name));
  return absl::StrCat(
      "<div class=\"card\"><img",
      test.image.width > kCardPixels ? " class=\"fine\"" : "", " alt=\"", what,
      "\" src=\"", PngUri(test.images[index], test.image), "\" width=\"",
      test.image.width, "\" height=\"", test.image.height, "\">\n<div>\n<p>",
      what, "</p>\n", predictions, "</div></div>\n");
}

PageSection DarkKnowledgeSection(const ReportContext& context,
                                 const Analysis& analysis,
                                 const std::vector<std::string>& names) {
  const Predictions& teacher = analysis.predictions[kTeacherStage];
  if (teacher.samples == 0) return {};
  const std::string at = absl::StrFormat("T = %g", context.temperature);
  std::string cards;
  for (int64_t i : analysis.dark_knowledge) {
    absl::StrAppend(
        &cards,
        ImageCard(*context.test, i,
                  TopClasses(absl::StrCat("teacher at ", at), kTeacherStage,
                             Softened(teacher, i, context.temperature), names),
                  names));
  }
  return {
      "Where the teacher has most to say",
      absl::StrCat(
          Paragraph(absl::StrCat(
              "Test images that the teacher gets right and whose prediction, "
              "softened at ",
              at,
              ", has the largest entropy: there it says most of how alike the "
              "classes are, beyond the label. On images like these the student "
              "learns this \"dark knowledge\".")),
          cards.empty()
              ? Paragraph("There are none.")
              : absl::StrCat("<div class=\"cards\">\n", cards, "</div>\n"))};
}

// Cards of the first of `images`, with what student and teacher say.
std::string AloneCards(const ReportContext& context, const Analysis& analysis,
                       const std::vector<int64_t>& images, const char* kind,
                       const std::string& title,
                       const std::vector<std::string>& names) {
  std::string cards;
  for (size_t k = 0; k < std::min(images.size(), kMostAloneImages); ++k) {
    std::string predictions;
    for (size_t stage : {kStudentStage, kTeacherStage}) {
      if (analysis.predictions[stage].samples == 0) continue;
      absl::StrAppend(
          &predictions,
          TopClasses(NameOf(stage), stage,
                     Softened(analysis.predictions[stage], images[k], 1),
                     names));
    }
    absl::StrAppend(&cards,
                    ImageCard(*context.test, images[k], predictions, names));
  }
  return absl::StrCat("<div class=\"", kind, "\">\n<h3>", EscapeHtml(title),
                      "</h3>\n<div class=\"cards\">\n", cards,
                      "</div>\n</div>\n");
}

// A choice of what is shown, by the style alone.
std::string Choice(const char* id, const std::string& text, bool chosen) {
  return absl::StrCat("<input type=\"radio\" name=\"alone\" id=\"", id, "\"",
                      chosen ? " checked=\"checked\"" : "", "/><label for=\"",
                      id, "\">", EscapeHtml(text), "</label>\n");
}

PageSection AloneSection(const ReportContext& context, const Analysis& analysis,
                         const std::vector<std::string>& names) {
  const auto& right = analysis.only_student_right;
  const auto& wrong = analysis.only_student_wrong;
  const auto count = [](const std::vector<int64_t>& images) {
    return static_cast<int64_t>(images.size());
  };
  const bool asked = analysis.predictions[kTeacherStage].samples > 0;
  const std::string others = !asked ? "the control is"
                             : analysis.has_control()
                                 ? "the teacher and the control are"
                                 : "the teacher is";
  if (!asked && !analysis.has_control()) return {};
  std::string html = Paragraph(
      absl::StrCat(Count(count(right), "test image"),
                   " the student alone gets right: ", others, " wrong there. ",
                   Count(count(wrong), "image"), " it alone gets wrong. ",
                   std::max(right.size(), wrong.size()) > kMostAloneImages
                       ? absl::StrCat("Here are the first ", kMostAloneImages,
                                      " of either; report.json has all.")
                       : ""));
  if (!right.empty() || !wrong.empty()) {
    const std::string of_right =
        absl::StrCat("alone right (", count(right), ")");
    const std::string of_wrong =
        absl::StrCat("alone wrong (", count(wrong), ")");
    absl::StrAppend(
        &html, "<div class=\"alone\">\n", Choice("alone-both", "both", true),
        Choice("alone-right", of_right, false),
        Choice("alone-wrong", of_wrong, false), "<div class=\"sides\">\n",
        AloneCards(context, analysis, right, "right", of_right, names),
        AloneCards(context, analysis, wrong, "wrong", of_wrong, names),
        "</div>\n</div>\n");
  }
  return {"Where the student stands alone", html};
}

// ---- What ran.

// The members of `json`, those of objects in it under "a b".
void AddFields(const std::string& prefix, const Json& json, Rows* rows) {
  for (const auto& [key, value] : json.items()) {
    if (value.is_object()) {
      AddFields(absl::StrCat(prefix, key, " "), value, rows);
    } else {
      rows->push_back({prefix + key, Word(value)});
    }
  }
}

std::string Folded(const std::string& title, const Rows& rows) {
  return absl::StrCat("<details><summary>", EscapeHtml(title),
                      "</summary>\n<div class=\"config\">\n",
                      Table({"field", "value"}, rows), "</div>\n</details>\n");
}

PageSection WhatRanSection(const ReportContext& context) {
  const Dataset& test = *context.test;
  std::string html = absl::StrCat(
      Paragraph(absl::StrCat(
          test.name, ", ", WithCommas(context.train->count), " training and ",
          WithCommas(test.count), " test images, ", test.image.Describe(), ", ",
          WithCommas(test.classes),
          " classes. Device: ", context.compute.device_name, " (",
          context.compute.description, "), precision ",
          context.compute.precision_name, ". Ended ", context.date, ".")),
      Paragraph(absl::StrCat("The student learns by ", context.formula, ".")),
      "<p>To run it again (<code>--output_dir</code> keeps what it "
      "leaves):</p>\n<pre class=\"scroll\"><code>",
      EscapeHtml(context.command), "</code></pre>\n",
      Paragraph("What had no effect is not listed.", "note"));
  for (const auto& [title, fields] : context.what_ran.items()) {
    Rows rows;
    AddFields("", fields, &rows);
    absl::StrAppend(&html, Folded(title, rows));
  }
  if (const auto& skipped = context.train->skipped; !skipped.empty()) {
    std::string list;
    for (const std::string& line : skipped) {
      absl::StrAppend(&list, "<li>", EscapeHtml(line), "</li>\n");
    }
    absl::StrAppend(
        &html, "<details><summary>Pictures that could not be read: ",
        WithCommas(static_cast<int64_t>(skipped.size())),
        "</summary>\n<ul class=\"scroll\">\n", list, "</ul>\n</details>\n");
  }
  Rows rows = {{"version", context.version}};
  AddFields("", ProvenanceJson(context), &rows);
  return {"What ran", absl::StrCat(html, Folded("Program and data", rows))};
}

}  // namespace

std::string ReportHtml(const ReportContext& context, const SeedsResult& result,
                       const Analysis& analysis) {
  const std::vector<std::string> names = ClassNames(*context.test);
  return Page(
      absl::StrCat("Distillation on ", context.test->name),
      absl::StrCat(
          FirstScreen(result, analysis),
          absl::StrJoin(context.remarks, "",
                        [](std::string* html, const std::string& remark) {
                          html->append(Paragraph(remark));
                        }),
          Sections({SeedsSection(analysis), SummarySection(context, analysis),
                    InBytesSection(analysis), OmittedSection(analysis),
                    CurvesSection(analysis), FidelitySection(analysis),
                    CalibrationSection(analysis),
                    ClassesSection(analysis, names),
                    ConfusionSection(analysis, names),
                    AloneSection(context, analysis, names),
                    DarkKnowledgeSection(context, analysis, names),
                    WhatRanSection(context)})),
      kReportStyle);
}

}  // namespace distill
