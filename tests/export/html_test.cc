#include "export/html.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ATen/ops/empty.h"
#include "absl/strings/escaping.h"
#include "data/digit.h"
#include "gtest/gtest.h"
#include "models/weights.h"
#include "models/zoo.h"
#include "nlohmann/json.hpp"
#include "tests/testing/browser.h"
#include "tests/testing/html.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using nlohmann::json;
using testing::FailsWith;

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

LoadedModel Model(const std::string& architecture, int64_t side = 28) {
  LoadedModel loaded;
  ModelInfo& info = loaded.info;
  info.architecture = architecture;
  info.image.height = info.image.width = side;
  for (int i = 0; i < 10; ++i) info.class_names.push_back(std::to_string(i));
  info.class_names[4] = "</script>";
  Random random(11, architecture);
  loaded.model = std::make_shared<Network>(
      *ParseModel("m", architecture, {1, side, side}, 10), random);
  return loaded;
}

TEST(HtmlPageTest, StandsAloneAndHasAllThatItNeeds) {
  const LoadedModel student = Model("cnn:4"), teacher = Model("cnn:4,6,fc12");
  for (const LoadedModel* second :
       std::vector<const LoadedModel*>{nullptr, &teacher}) {
    const std::string html = *HtmlPage(student, second);
    // Its one script apart, which a name of a class must not end early, it is a
    // page as the others are.
    const size_t begin = html.find("<script>");
    const size_t end = html.find("</script>");
    ASSERT_NE(begin, html.npos);
    ASSERT_NE(end, html.npos);
    EXPECT_EQ(html.find("</script>", end + 1), html.npos);
    EXPECT_TRUE(
        testing::IsWholePage(html.substr(0, begin) + html.substr(end + 9)));
    const std::string script = html.substr(begin, end - begin);
    for (const char* word : {"http", "//cdn", "fetch(", "XMLHttpRequest",
                             "import ", "WebSocket", "src=", "Worker("}) {
      EXPECT_FALSE(Contains(script, word)) << word;
    }
    for (const char* part :
         {"<canvas id=\"paper\"", "id=\"clear\"",
          "type=\"range\" min=\"1\" "
          "max=\"20\"",
          "prefers-color-scheme: dark", "width=device-width", "aria-live"}) {
      EXPECT_TRUE(Contains(html, part)) << part;
    }
    // 4 x 9 + 4 and 10 x 784 + 10 parameters.
    EXPECT_TRUE(Contains(html, "7,890 parameters<br/>32 kB"));
    EXPECT_EQ(Contains(html, "<h2>Teacher</h2>"), second != nullptr);
  }
}

TEST(HtmlPageTest, RefusesModelsThatDoNotFit) {
  const auto code = absl::StatusCode::kFailedPrecondition;
  LoadedModel other = Model("cnn:4", 20);
  EXPECT_TRUE(FailsWith(HtmlPage(Model("cnn:4"), &other).status(), code,
                        {"different images", "20 x 20", "28 x 28"}));
  other = Model("cnn:4");
  other.info.class_names[0] = "none";
  EXPECT_TRUE(FailsWith(HtmlPage(Model("cnn:4"), &other).status(), code,
                        {"different classes"}));
}

std::vector<float> Logits(const LoadedModel& loaded,
                          const std::vector<uint8_t>& pixels) {
  at::Tensor image = at::empty({1, 1, 28, 28});
  const Normalization& normalization = loaded.info.normalization;
  for (size_t i = 0; i < pixels.size(); ++i) {
    image.mutable_data_ptr<float>()[i] =
        (static_cast<float>(pixels[i]) / 255 - normalization.mean[0]) /
        normalization.std[0];
  }
  const at::Tensor logits = loaded.model->Logits(image).contiguous();
  return {logits.const_data_ptr<float>(), logits.const_data_ptr<float>() + 10};
}

class BrowserTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why_not = testing::WhyNoBrowser();
    if (!why_not.empty()) GTEST_SKIP() << why_not;
  }
};

TEST_F(BrowserTest, ComputesWhatThisProgramComputes) {
  const LoadedModel student = Model("cnn:4");
  const LoadedModel teacher = Model("cnn:4,6,fc12");
  const LoadedModel hidden = Model("mlp:20,15");
  struct Case {
    const LoadedModel* second;
    const char* hash;
    double temperature;
  };
  const Case cases[] = {{&teacher, "#test", 1},
                        {&hidden, "#test=8,5.5", 5.5},
                        {&teacher, "#test=1,20", 20}};
  for (const Case& one : cases) {
    const json result =
        testing::RunInBrowser(*HtmlPage(student, one.second), one.hash);
    ASSERT_EQ(result.count("fed"), 1u) << one.hash;
    // The pixels that are fed.
    Picture drawn;
    drawn.height = drawn.width = result["side"];
    std::string paper;
    ASSERT_TRUE(
        absl::Base64Unescape(result["paper"].get<std::string>(), &paper));
    drawn.pixels.assign(paper.begin(), paper.end());
    const auto expected = PrepareDigit(drawn);
    ASSERT_TRUE(expected.ok()) << expected.status();
    const std::vector<uint8_t> fed = result["fed"];
    // The same sums in the same order, but for a compiler's fused ones.
    ASSERT_EQ(fed.size(), expected->size());
    for (size_t i = 0; i < fed.size(); ++i) {
      EXPECT_NEAR(fed[i], (*expected)[i], 1) << i;
    }
    // The models.
    ASSERT_EQ(result["models"].size(), 2u);
    const LoadedModel* models[] = {&student, one.second};
    for (size_t m = 0; m < 2; ++m) {
      const std::vector<float> logits = Logits(*models[m], fed);
      double sum = 0;
      for (const float logit : logits) sum += std::exp(logit / one.temperature);
      for (size_t i = 0; i < 10; ++i) {
        EXPECT_NEAR(result["models"][m]["logits"][i], logits[i], 1e-4);
        EXPECT_NEAR(result["models"][m]["softmax"][i],
                    std::exp(logits[i] / one.temperature) / sum, 1e-4);
      }
    }
    // The headline is at temperature 1.
    const std::vector<double> of_student = result["models"][0]["logits"];
    double sum = 0, most = 0;
    for (const double logit : of_student) {
      sum += std::exp(logit);
      most = std::max(most, std::exp(logit));
    }
    EXPECT_TRUE(Contains(result["said"], "Student: ")) << result["said"];
    EXPECT_TRUE(Contains(
        result["said"],
        " (" + std::to_string(std::lround(100 * most / sum)) + "&nbsp;%)"))
        << result["said"];
    EXPECT_TRUE(Contains(result["said"], "Teacher: ")) << result["said"];
  }
}

TEST_F(BrowserTest, WithoutATeacherTheStudentIsAlone) {
  const json result =
      testing::RunInBrowser(*HtmlPage(Model("cnn:4"), nullptr), "#test=4,1");
  ASSERT_EQ(result.count("models"), 1u);
  EXPECT_EQ(result["models"].size(), 1u);
  EXPECT_FALSE(Contains(result["said"], "Teacher"));
}

}  // namespace
}  // namespace distill
