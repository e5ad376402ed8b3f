// The page that HtmlPage makes for models of pictures.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "ATen/ops/empty.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "data/preparation.h"
#include "export/html.h"
#include "gtest/gtest.h"
#include "models/weights.h"
#include "nlohmann/json.hpp"
#include "tests/export/proof.h"
#include "tests/testing/browser.h"
#include "tests/testing/html.h"
#include "tests/testing/images.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using nlohmann::json;
using testing::FailsWith;

LoadedModel Model(const std::string& architecture, const ImageSpec& image,
                  std::optional<Fit> fit, int64_t classes = 5) {
  LoadedModel loaded = testing::RandomModel(architecture, image, classes);
  loaded.info.fit = fit;
  for (size_t c = 0; c < loaded.info.normalization.mean.size(); ++c) {
    loaded.info.normalization.mean[c] = 0.5f - 0.03f * static_cast<float>(c);
    loaded.info.normalization.std[c] = 0.2f + 0.04f * static_cast<float>(c);
  }
  return loaded;
}

// Of [channels, height, width] bytes.
std::vector<float> Logits(const LoadedModel& loaded,
                          const std::vector<uint8_t>& pixels) {
  const ImageSpec& spec = loaded.info.image;
  const Normalization& normalization = loaded.info.normalization;
  at::Tensor image = at::empty({1, spec.channels, spec.height, spec.width});
  for (size_t i = 0; i < pixels.size(); ++i) {
    const size_t c = i / static_cast<size_t>(spec.plane());
    image.mutable_data_ptr<float>()[i] =
        (static_cast<float>(pixels[i]) / 255 - normalization.mean[c]) /
        normalization.std[c];
  }
  const at::Tensor logits = loaded.model->Logits(image).contiguous();
  return {logits.const_data_ptr<float>(),
          logits.const_data_ptr<float>() + logits.numel()};
}

// The same rounding but for sums that end within a float's last bits of a half.
void ExpectPrepared(const std::vector<uint8_t>& fed,
                    const std::vector<uint8_t>& expected) {
  ASSERT_EQ(fed.size(), expected.size());
  size_t differ = 0;
  for (size_t i = 0; i < fed.size(); ++i) {
    EXPECT_LE(std::abs(fed[i] - expected[i]), 1) << i;
    differ += fed[i] == expected[i] ? 0 : 1;
  }
  EXPECT_LE(differ, fed.size() / 500);
}

TEST(PicturePageTest, StandsAloneAndAsksForAPicture) {
  const LoadedModel student = Model("cnn:4", {3, 20, 24}, Fit::kCrop, 12);
  const std::string html = *HtmlPage(student, &student);
  const size_t begin = html.find("<script>"), end = html.find("</script>");
  ASSERT_NE(begin, html.npos);
  ASSERT_NE(end, html.npos);
  EXPECT_EQ(html.find("</script>", end + 1), html.npos);
  EXPECT_TRUE(
      testing::IsWholePage(html.substr(0, begin) + html.substr(end + 9)));
  const std::string script = html.substr(begin, end - begin);
  for (const char* word : {"http", "//cdn", "fetch(", "XMLHttpRequest",
                           "import ", "WebSocket", "src=", "Worker("}) {
    EXPECT_FALSE(absl::StrContains(script, word)) << word;
  }
  for (const char* part :
       {"<title>Show a picture</title>", "<label class=\"drop\" for=\"file\">",
        "id=\"file\" type=\"file\"", "type=\"range\"", "aria-live"}) {
    EXPECT_TRUE(absl::StrContains(html, part)) << part;
  }
  EXPECT_FALSE(absl::StrContains(html, "id=\"clear\""));
  EXPECT_FALSE(absl::StrContains(html, "likeliest of"));
  EXPECT_TRUE(absl::StrContains(
      *HtmlPage(Model("cnn:4", {1, 28, 28}, Fit::kCrop, 13), nullptr),
      "The bars are of the 10 likeliest of 13 classes."));
}

TEST(PicturePageTest, RefusesATeacherOfOtherImagesOrPreparation) {
  const LoadedModel student = Model("cnn:4", {3, 20, 24}, Fit::kCrop);
  const auto code = absl::StatusCode::kFailedPrecondition;
  const LoadedModel grey = Model("cnn:4", {1, 20, 24}, Fit::kCrop);
  EXPECT_TRUE(FailsWith(
      HtmlPage(student, &grey).status(), code,
      {"different images: found 20 x 24", "3 x 20 x 24", "--teacher"}));
  const LoadedModel padded = Model("cnn:4", {3, 20, 24}, Fit::kPad);
  EXPECT_TRUE(FailsWith(HtmlPage(student, &padded).status(), code,
                        {"preparation: found pad", "the student's, crop"}));
  // Drawn digits are prepared in their own way.
  const LoadedModel digits = Model("cnn:4", {1, 28, 28}, std::nullopt);
  const LoadedModel pictures = Model("cnn:4", {1, 28, 28}, Fit::kCrop);
  EXPECT_TRUE(FailsWith(HtmlPage(digits, &pictures).status(), code,
                        {"preparation: found crop", "digit"}));
}

class PictureBrowserTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why_not = testing::WhyNoBrowser();
    if (!why_not.empty()) GTEST_SKIP() << why_not;
  }
};

TEST_F(PictureBrowserTest, ComputesWhatThisProgramComputes) {
  struct Case {
    ImageSpec image;
    std::optional<Fit> fit;
    const char* hash;
  };
  const Case cases[] = {
      {{3, 20, 24}, Fit::kCrop, "#test"},
      // Without a word of pictures they are cropped.
      {{1, 16, 16}, std::nullopt, "#test=83,47"},
      {{3, 24, 60}, Fit::kPad, "#test"},
      {{1, 31, 18}, Fit::kPad, "#test"},
      {{1, 28, 28}, Fit::kStretch, "#test=300,211"},
      {{3, 64, 80}, Fit::kStretch, "#test"},
      // It has the size.
      {{3, 47, 61}, Fit::kCrop, "#test"},
  };
  for (const Case& one : cases) {
    const LoadedModel student = Model("cnn:4", one.image, one.fit);
    const LoadedModel teacher = Model("cnn:4,6,fc12", one.image, one.fit);
    const json result =
        testing::RunInBrowser(*HtmlPage(student, &teacher), one.hash);
    ASSERT_EQ(result.count("fed"), 1u) << one.hash;
    std::string rgba;
    ASSERT_TRUE(
        absl::Base64Unescape(result["picture"].get<std::string>(), &rgba));
    Picture picture = {3, result["height"], result["width"], {}};
    ASSERT_EQ(rgba.size(), 4 * picture.size() / 3);
    for (size_t i = 0; i < rgba.size(); i += 4) {
      for (size_t c = 0; c < 3; ++c) {
        // What is transparent is white.
        picture.pixels.push_back(
            rgba[i + 3] == 0 ? 255 : static_cast<uint8_t>(rgba[i + c]));
      }
    }
    const std::vector<uint8_t> fed = result["fed"];
    ExpectPrepared(fed,
                   Prepare(picture, one.image, one.fit.value_or(Fit::kCrop)));
    ASSERT_EQ(result["models"].size(), 2u);
    const LoadedModel* models[] = {&student, &teacher};
    for (size_t m = 0; m < 2; ++m) {
      const std::vector<float> logits = Logits(*models[m], fed);
      ASSERT_EQ(result["models"][m]["logits"].size(), logits.size());
      double sum = 0;
      for (const float logit : logits) sum += std::exp(logit / 5.);
      for (size_t i = 0; i < logits.size(); ++i) {
        EXPECT_NEAR(result["models"][m]["logits"][i], logits[i], 1e-4);
        // The slider starts at 5.
        EXPECT_NEAR(result["models"][m]["softmax"][i],
                    std::exp(logits[i] / 5.) / sum, 1e-4);
      }
    }
    EXPECT_TRUE(absl::StrContains(std::string(result["said"]), "Teacher: "));
  }
}

// What a page says after JavaScript that has given it `file` with `how`.
json Given(const LoadedModel& loaded, const std::string& file,
           const std::string& how) {
  const std::string script =
      absl::StrCat("<script>\nconst bytes = Uint8Array.from(atob('",
                   absl::Base64Escape(file), R"('), (c) => c.charCodeAt(0));
const given = new DataTransfer();
given.items.add(new File([bytes], 'a<b>.png', {type: 'image/png'}));
)",
                   how, R"(
const before = find('said').textContent;
let tries = 0, burnt = 0;
function look() {
  // The browser's clock is a made-up one that runs ahead while nothing waits in
  // this thread; decoding takes real time in another.
  if (find('said').textContent === before && ++tries < 250) {
    for (let i = 0; i < 3e6; ++i) burnt += Math.sqrt(i);
    setTimeout(look, 10);
    return;
  }
  find('test').textContent = JSON.stringify({
    said: find('said').textContent, there: !view.hidden,
    fed: Array.from(fed.getContext('2d').getImageData(
        0, 0, page.width, page.height).data.filter((_, i) => i % 4 < 3)),
    rows: Array.from(document.querySelectorAll('.row'))
        .filter((row) => !row.hidden).map((row) => row.firstChild.title),
    inside: document.documentElement.scrollWidth <= window.innerWidth,
  });
}
setTimeout(look, 100);
</script></body>)");
  return testing::RunInBrowser(
      absl::StrReplaceAll(*HtmlPage(loaded, nullptr), {{"</body>", script}}),
      "", 390);
}

TEST_F(PictureBrowserTest, TakesAFileThatIsDroppedPastedOrChosen) {
  const ImageSpec spec = {3, 20, 24};
  const LoadedModel student = Model("cnn:4", spec, Fit::kCrop, 30);
  const Picture picture = testing::Draw(50, 70, testing::kSeven, 0.1, 200, 30);
  const std::string png = testing::PngFile(picture);
  // [height, width, channels], as a canvas has it.
  const std::vector<uint8_t> planes = Prepare(picture, spec, Fit::kCrop);
  std::vector<uint8_t> expected;
  for (size_t i = 0; i < planes.size(); ++i) {
    expected.push_back(planes[i % 3 * planes.size() / 3 + i / 3]);
  }
  for (const char* how :
       {"document.dispatchEvent(new DragEvent('drop', {dataTransfer: given}));",
        "document.dispatchEvent(new ClipboardEvent('paste', "
        "{clipboardData: given}));",
        "input.files = given.files; input.dispatchEvent(new "
        "Event('change'));"}) {
    const json result = Given(student, png, how);
    EXPECT_EQ(result["there"], true) << how;
    EXPECT_TRUE(absl::StrContains(std::string(result["said"]), "Student: "))
        << result["said"];
    ExpectPrepared(result["fed"], expected);
    // The likeliest come first.
    const std::vector<float> logits = Logits(student, planes);
    size_t first = 0;
    for (size_t i = 0; i < logits.size(); ++i) {
      if (logits[i] > logits[first]) first = i;
    }
    ASSERT_EQ(result["rows"].size(), 10u);
    EXPECT_EQ(result["rows"][0], student.info.class_names[first]);
    EXPECT_EQ(result["inside"], true);
  }
}

TEST_F(PictureBrowserTest, SaysWhatIsNoPicture) {
  const LoadedModel student = Model("cnn:4", {3, 20, 24}, Fit::kCrop, 30);
  json result = Given(student, "no PNG", "take(given.files);");
  EXPECT_TRUE(absl::StrContains(std::string(result["said"]),
                                "a<b>.png\u201d cannot be decoded"))
      << result["said"];
  EXPECT_EQ(result["there"], false);
  EXPECT_EQ(result["rows"].size(), 0u);
  result = Given(student, "", "take([]);");
  EXPECT_TRUE(
      absl::StrContains(std::string(result["said"]), "There is no picture"))
      << result["said"];
  result = Given(student, "", "");
  EXPECT_EQ(result["said"], "Drop a picture here, or choose one.");
  EXPECT_EQ(result["there"], false);
}

TEST_F(PictureBrowserTest, FitsAPhone) {
  LoadedModel student = Model("cnn:4", {1, 48, 30}, Fit::kPad);
  student.info.class_names[1] = std::string(100, 'm');
  testing::ExpectFits(*HtmlPage(student, &student), 0);
}

}  // namespace
}  // namespace distill
