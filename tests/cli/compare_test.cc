#include "cli/compare.h"

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "cli/distill.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/testing/datasets.h"
#include "tests/testing/files.h"
#include "tests/testing/html.h"
#include "tests/testing/process.h"

namespace distill {
namespace {

using nlohmann::json;

class CompareTest : public ::testing::Test {
 protected:
  // The folder of a finished run with this share of the teacher.
  std::string Distill(double alpha) {
    DistillOptions options;
    testing::ToyOptions toy;
    toy.count = 200;
    testing::WriteDataset(*testing::ToyDataset(toy), folder_.path());
    toy.seed = 2;
    toy.split = Split::kTest;
    testing::WriteDataset(*testing::ToyDataset(toy), folder_.path());
    options.compute.device = "cpu";
    options.data.data_dir = folder_.path();
    options.experiment.teacher = options.experiment.student = "cnn:4";
    options.experiment.student_epochs = 2;
    options.experiment.loss.kd.alpha = alpha;
    options.seeds = 2;
    options.output_dir = folder_.File("run" + std::to_string(alpha));
    std::ostringstream out, err;
    EXPECT_EQ(RunDistill(options, out, err, {}), 0) << out.str() << err.str();
    return options.output_dir;
  }

  json Compare(const std::vector<std::string>& runs, int exit_code) {
    options_.runs = runs;
    out_.str("");
    std::ostringstream err;
    EXPECT_EQ(RunCompare(options_, out_, err, {}), exit_code) << out_.str();
    testing::ProcessResult result;
    result.out = out_.str();
    return json::parse(result.LastLine());
  }

  testing::TempFolder folder_;
  CompareOptions options_;
  std::ostringstream out_;
};

TEST_F(CompareTest, ReadsWhatDistillLeaves) {
  const std::string first = Distill(0.5), second = Distill(0.9);
  options_.output = folder_.File("compare.html");
  const json result = Compare({first, second}, 0);
  EXPECT_EQ(result["status"], "success");
  EXPECT_EQ(result["differs"], json({{"alpha", {"0.5", "0.9"}}}));
  ASSERT_EQ(result["runs"].size(), 2u);
  double mean[2], points = 0;
  for (int r = 0; r < 2; ++r) {
    const json& run = result["runs"][r];
    const json report = json::parse(
        testing::ReadFile((r == 0 ? first : second) + "/report.json"));
    EXPECT_EQ(run["verdict"], report["verdict"]);
    for (const char* stage : {"teacher", "student", "control"}) {
      EXPECT_EQ(run[stage]["testAccuracy"],
                report[stage]["testAccuracyInterval"]);
    }
    mean[r] = run["student"]["testAccuracy"]["mean"];
    EXPECT_EQ(run["lessFirst"].is_null(), r == 0);
    if (r == 1) points = run["lessFirst"]["difference"]["mean"];
  }
  EXPECT_EQ(result["runs"][1]["lessFirst"]["pairs"], 2);
  EXPECT_NEAR(points, mean[1] - mean[0], 1e-9);
  const std::string page = testing::ReadFile(options_.output);
  EXPECT_TRUE(testing::IsWholePage(page));
  EXPECT_NE(page.find("alpha"), std::string::npos);
  EXPECT_EQ(page.find("nothing to draw"), std::string::npos);
}

TEST_F(CompareTest, ErrorsNameTheFile) {
  const std::string first = Distill(0.5);
  const auto message = [&](const std::vector<std::string>& runs, int code) {
    return Compare(runs, code)["message"].get<std::string>();
  };
  EXPECT_NE(message({first}, 2).find("found 1 folder"), std::string::npos);
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(
      has(message({first, folder_.File("no")}, 1), "/no: found nothing there"));
  EXPECT_TRUE(has(message({first, folder_.path()}, 1), "no config.json in it"));
  EXPECT_TRUE(has(message({first, first + "/"}, 2), "found twice"));
  const std::string second = Distill(0.9);
  // Pages that would take the place of what a run has left.
  for (const char* name : {"/report.json", "/student.safetensors"}) {
    options_.output = second + name;
    EXPECT_TRUE(has(message({first, second}, 1), "would be lost")) << name;
  }
  std::filesystem::remove(second + "/report.json");
  EXPECT_TRUE(has(message({first, second}, 1), "was not finished"));
}

}  // namespace
}  // namespace distill
