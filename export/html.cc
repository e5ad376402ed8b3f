#include "export/html.h"

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/status.h"
#include "data/digit.h"
#include "export/assets.h"
#include "export/layers.h"
#include "nlohmann/json.hpp"
#include "report/page.h"

namespace distill {
namespace {

using Json = nlohmann::ordered_json;

// A model, and how the page calls it.
struct Shown {
  const LoadedModel& loaded;
  const char* id;     // Of its elements.
  const char* title;  // For people.
  const char* color;  // The page's class: as ColorOfStage has it.
};

// The layers' sizes, and all weights in one text: weight, bias, layer by layer.
absl::StatusOr<Json> ModelJson(const Shown& model) {
  ASSIGN_OR_RETURN(const auto found, LayersOf(model.loaded));
  std::string weights;
  Json layers = Json::array();
  for (const ExportLayer& layer : found) {
    for (const std::vector<float>* numbers : {&layer.weight, &layer.bias}) {
      weights.append(reinterpret_cast<const char*>(numbers->data()),
                     numbers->size() * sizeof(float));
    }
    layers.push_back({{"convolution", layer.convolves()},
                      {"outputs", layer.outputs},
                      {"weights", layer.weight.size()}});
  }
  const Normalization& normalization = model.loaded.info.normalization;
  return Json({{"id", model.id},
               {"title", model.title},
               {"mean", normalization.mean[0]},
               {"std", normalization.std[0]},
               {"layers", layers},
               {"weights", absl::Base64Escape(weights)}});
}

// 1234567 as "1,234,567".
std::string Thousands(int64_t number) {
  std::string text = absl::StrCat(number);
  for (auto at = static_cast<int64_t>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<size_t>(at), ",");
  }
  return text;
}

std::string ModelHtml(const Shown& model) {
  const int64_t parameters = model.loaded.model->ParameterCount();
  return absl::StrCat(
      "<div class=\"model ", model.color, "\">\n<h2>", model.title,
      "</h2>\n<p class=\"note\" title=\"",
      EscapeHtml(model.loaded.model->Describe()), "\">", Thousands(parameters),
      " parameters<br/>",
      absl::StrFormat("%.0f kB",
                      static_cast<double>(parameters) * sizeof(float) / 1000),
      "<span id=\"", model.id, "-time\"></span></p>\n<div id=\"", model.id,
      "\"></div>\n</div>\n");
}

constexpr char kAboutTemperature[] =
    "The logits are divided by the temperature. The higher it is, the more is "
    "seen of what a model knows besides its answer: which digits it finds "
    "alike. The answer above is at temperature 1. ";
constexpr char kAboutTeacher[] =
    "A student is trained on the teacher's bars at a high temperature, and not "
    "on the answer alone.";

std::string Body(const std::vector<Shown>& models, const std::string& json) {
  std::string html = kPaperHtml;
  absl::StrAppend(&html, "<div class=\"models\">\n");
  for (const Shown& model : models) absl::StrAppend(&html, ModelHtml(model));
  absl::StrAppend(
      &html, "</div>\n",
      Paragraph(absl::StrCat(kAboutTemperature,
                             models.size() > 1 ? kAboutTeacher : ""),
                "note"),
      "</div>\n</div>\n<pre id=\"test\" hidden></pre>\n<script>\nconst page = ",
      json, ";\n", kDrawScript, "</script>\n");
  return html;
}

}  // namespace

absl::StatusOr<std::string> HtmlPage(const LoadedModel& student,
                                     const LoadedModel* teacher) {
  std::vector<Shown> models = {{student, "student", "Student", "c2"}};
  if (teacher != nullptr) {
    models.push_back({*teacher, "teacher", "Teacher", "c1"});
  }
  Json json = {{"height", student.info.image.height},
               {"width", student.info.image.width},
               {"invitation", "Draw a digit."},
               {"names", student.info.class_names},
               {"models", Json::array()}};
  for (const Shown& model : models) {
    const ModelInfo& info = model.loaded.info;
    if (info.image != ImageSpec{1, kDigitSize, kDigitSize}) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the ", model.id, ": found one for images of ", info.image.Describe(),
          "; expected one for 28 x 28 pixels, which the page draws"));
    }
    if (info.class_names != student.info.class_names) {
      return absl::FailedPreconditionError(
          absl::StrCat("student and teacher have different classes: found ",
                       absl::StrJoin(student.info.class_names, ", "), " and ",
                       absl::StrJoin(info.class_names, ", "),
                       "; expected the same. Pass another --teacher."));
    }
    ASSIGN_OR_RETURN(auto shown, ModelJson(model));
    json["models"].push_back(std::move(shown));
  }
  // A "<" could end the script.
  const std::string text = absl::StrReplaceAll(
      json.dump(-1, ' ', false, Json::error_handler_t::replace),
      {{"<", "\\u003c"}});
  return Page("Draw a digit", Body(models, text), kDrawStyle);
}

}  // namespace distill
