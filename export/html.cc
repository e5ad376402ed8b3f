#include "export/html.h"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/status.h"
#include "data/digit.h"
#include "data/image_spec.h"
#include "data/preparation.h"
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
               {"mean", normalization.mean},
               {"std", normalization.std},
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
      "\" class=\"rows\"></div>\n</div>\n");
}

constexpr char kAboutTemperature[] =
    "The logits are divided by the temperature. The higher it is, the more is "
    "seen of what a model knows besides its answer: which classes it finds "
    "alike. The answer above is at temperature 1. ";
constexpr char kAboutTeacher[] =
    "A student is trained on the teacher's bars at a high temperature, and not "
    "on the answer alone.";

// Of many classes the likeliest have bars alone on a page of pictures.
constexpr size_t kMostClasses = 12, kLikeliest = 10;

// What is shown to models: drawn digits, which predict prepares as such too, or
// pictures.
struct Kind {
  const char* style;  // A class of the page's style.
  const char* title;
  const char* invitation;
  const char* html;
  const char* script;
};
constexpr Kind kDigits = {"digits", "Draw a digit", "Draw a digit.", kPaperHtml,
                          kDrawScript};
constexpr Kind kPictures = {"pictures", "Show a picture",
                            "Drop a picture here, or choose one.", kPictureHtml,
                            kPictureScript};

bool IsOfDigits(const ModelInfo& info) {
  return !info.fit && info.image == ImageSpec{1, kDigitSize, kDigitSize};
}

// How what is shown becomes the model's image.
std::string PreparationOf(const ModelInfo& info) {
  if (IsOfDigits(info)) return "digit";
  for (const auto& [name, fit] : Fits()) {
    // As predict does it where no pictures were prepared in training.
    if (fit == info.fit.value_or(Fit::kCrop)) return name;
  }
  return "";
}

absl::Status CheckTeacher(const ModelInfo& student, const ModelInfo& teacher) {
  const auto check = [](const std::string& what, const std::string& found,
                        const std::string& expected) {
    if (found == expected) return absl::OkStatus();
    return Unexpected(absl::StatusCode::kFailedPrecondition,
                      absl::StrCat("a teacher of different ", what), found,
                      absl::StrCat("the student's, ", expected),
                      "Pass another --teacher.");
  };
  absl::Status status =
      check("images", teacher.image.Describe(), student.image.Describe());
  status.Update(
      check("preparation", PreparationOf(teacher), PreparationOf(student)));
  status.Update(check("classes", absl::StrJoin(teacher.class_names, ", "),
                      absl::StrJoin(student.class_names, ", ")));
  return status;
}

std::string Body(const Kind& kind, const std::vector<Shown>& models,
                 const std::string& about, const std::string& json) {
  std::string html =
      absl::StrCat("<div class=\"draw ", kind.style, "\">\n", kind.html,
                   kResultHtml, "<div class=\"models\">\n");
  for (const Shown& model : models) absl::StrAppend(&html, ModelHtml(model));
  absl::StrAppend(&html, "</div>\n", Paragraph(about, "note"),
                  "</div>\n</div>\n<pre id=\"test\" hidden></pre>\n<script>\n",
                  "'use strict';\nconst page = ", json, ";\n", kModelsScript,
                  kind.script, "</script>\n");
  return html;
}

}  // namespace

absl::StatusOr<std::string> HtmlPage(const LoadedModel& student,
                                     const LoadedModel* teacher) {
  const ModelInfo& info = student.info;
  std::vector<Shown> models = {{student, "student", "Student", "c2"}};
  if (teacher != nullptr) {
    RETURN_IF_ERROR(CheckTeacher(info, teacher->info));
    models.push_back({*teacher, "teacher", "Teacher", "c1"});
  }
  const Kind& kind = IsOfDigits(info) ? kDigits : kPictures;
  const size_t classes = info.class_names.size();
  const bool all = IsOfDigits(info) || classes <= kMostClasses;
  Json json = {
      {"channels", info.image.channels},    {"height", info.image.height},
      {"width", info.image.width},          {"fit", PreparationOf(info)},
      {"invitation", kind.invitation},      {"names", info.class_names},
      {"bars", all ? classes : kLikeliest}, {"models", Json::array()}};
  for (const Shown& model : models) {
    ASSIGN_OR_RETURN(auto shown, ModelJson(model));
    json["models"].push_back(std::move(shown));
  }
  // A "<" could end the script.
  const std::string text = absl::StrReplaceAll(
      json.dump(-1, ' ', false, Json::error_handler_t::replace),
      {{"<", "\\u003c"}});
  const std::string about =
      absl::StrCat(all ? ""
                       : absl::StrCat("The bars are of the ", kLikeliest,
                                      " likeliest of ", classes, " classes. "),
                   kAboutTemperature, teacher != nullptr ? kAboutTeacher : "");
  return Page(kind.title, Body(kind, models, about, text), kDrawStyle);
}

}  // namespace distill
