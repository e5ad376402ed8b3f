#include "export/html.h"

#include <cstdint>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "c10/util/Exception.h"
#include "data/digit.h"
#include "export/assets.h"
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
  const char* color;  // The page's class.
};

std::vector<NamedTensor> Parameters(const LoadedModel& loaded) {
  return FrozenClassifier(loaded.model).Parameters();
}

// The layers' sizes, and all weights in one text: weight, bias, layer by layer.
Json ModelJson(const Shown& model) {
  std::string weights;
  Json layers = Json::array();
  for (const NamedTensor& parameter : Parameters(model.loaded)) {
    const SafeTensor tensor = ToSafeTensor(parameter.name, parameter.value);
    weights += tensor.bytes;
    // A bias belongs to the weight before it.
    if (tensor.shape.size() == 1) continue;
    layers.push_back({{"convolution", tensor.shape.size() == 4},
                      {"outputs", tensor.shape[0]},
                      {"weights", parameter.value.numel()}});
  }
  const Normalization& normalization = model.loaded.info.normalization;
  return {{"id", model.id},
          {"title", model.title},
          {"mean", normalization.mean},
          {"std", normalization.std},
          {"layers", layers},
          {"weights", absl::Base64Escape(weights)}};
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
    "alike. ";
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

std::string HtmlPage(const LoadedModel& student, const LoadedModel* teacher) {
  std::vector<Shown> models = {{student, "student", "Student", "c1"}};
  if (teacher != nullptr) {
    models.push_back({*teacher, "teacher", "Teacher", "c2"});
  }
  Json json = {{"height", student.info.height},
               {"width", student.info.width},
               {"invitation", "Draw a digit."},
               {"names", student.info.class_names},
               {"models", Json::array()}};
  for (const Shown& model : models) {
    const ModelInfo& info = model.loaded.info;
    TORCH_CHECK(info.height == kDigitSize && info.width == kDigitSize, "the ",
                model.id, " is for images of ", info.height, " x ", info.width,
                "; a page to draw on needs one for 28 x 28");
    TORCH_CHECK(info.class_names == student.info.class_names,
                "student and teacher have different classes");
    json["models"].push_back(ModelJson(model));
  }
  // A "<" could end the script.
  const std::string text = absl::StrReplaceAll(
      json.dump(-1, ' ', false, Json::error_handler_t::replace),
      {{"<", "\\u003c"}});
  return Page("Draw a digit", Body(models, text), kDrawStyle);
}

}  // namespace distill
