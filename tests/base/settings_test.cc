#include "base/settings.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/json.h"
#include "gtest/gtest.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;

enum class Color { kRed, kBlue };

struct Options {
  int64_t batch_size = 64;
  double rate = 0.01;
  double share = 0;
  bool control = true;
  std::string output = "out";
  std::vector<int64_t> omitted;
  std::vector<double> temperatures = {1, 2};
  Color color = Color::kRed;

  template <typename Table>
  void AddSettings(Table& table) {
    table.Group("Numbers");
    table.Add("batch_size", &batch_size, "Images in a step.").AtLeast(1);
    table.Add("rate", &rate, "A rate.").Above(0);
    table.Add("share", &share, "A share.").AtLeastBelow(0, 1);
    table.Group("Others");
    table.Add("control", &control, "A switch.").Unless([this] {
      return std::string(batch_size == 7 ? "seven needs none" : "");
    });
    table.Add("output", &output, "A path.").Path().NotInConfiguration();
    table.Add("omitted", &omitted, "Classes.").InConfigurationAs("without");
    table.Add("temperatures", &temperatures, "T.").Above(0);
    table.Add("color", &color,
              Choices<Color>{{"red", Color::kRed}, {"blue", Color::kBlue}},
              "A color.");
  }
};

class SettingsTest : public ::testing::Test {
 protected:
  absl::Status Set(const std::string& name, const std::string& text) {
    return settings_.Find(name)->Set(text);
  }
  Options options_;
  Settings settings_ = SettingsOf(options_);
};

TEST_F(SettingsTest, SetsMembersOfEveryType) {
  EXPECT_TRUE(Set("batch_size", "8").ok());
  EXPECT_TRUE(Set("rate", "1e-3").ok());
  EXPECT_TRUE(Set("control", "false").ok());
  EXPECT_TRUE(Set("output", "a b").ok());
  EXPECT_TRUE(Set("omitted", "3,7").ok());
  EXPECT_TRUE(Set("temperatures", "0.5").ok());
  EXPECT_TRUE(Set("color", "blue").ok());
  EXPECT_EQ(options_.batch_size, 8);
  EXPECT_EQ(options_.rate, 1e-3);
  EXPECT_FALSE(options_.control);
  EXPECT_EQ(options_.output, "a b");
  EXPECT_EQ(options_.omitted, (std::vector<int64_t>{3, 7}));
  EXPECT_EQ(options_.temperatures, (std::vector<double>{0.5}));
  EXPECT_EQ(options_.color, Color::kBlue);
  EXPECT_TRUE(Set("omitted", "").ok());
  EXPECT_TRUE(options_.omitted.empty());
  EXPECT_EQ(settings_.typed().count("rate"), 1u);
  EXPECT_EQ(settings_.typed().count("share"), 0u);
}

TEST_F(SettingsTest, ATextThatIsNoValueIsNamedAndChangesNothing) {
  const auto refuses = [this](const std::string& name, const std::string& text,
                              const std::vector<std::string>& parts) {
    return FailsWith(Set(name, text), absl::StatusCode::kInvalidArgument,
                     parts);
  };
  EXPECT_TRUE(refuses("batch_size", "many", {"--batch_size", "many", "64"}));
  EXPECT_TRUE(refuses("batch_size", "1.5", {"--batch_size", "1.5"}));
  EXPECT_TRUE(refuses("control", "perhaps", {"--control", "perhaps"}));
  EXPECT_TRUE(refuses("omitted", "three", {"--omitted", "\"three\""}));
  EXPECT_TRUE(refuses("omitted", "3,", {"--omitted", "commas"}));
  EXPECT_TRUE(refuses("temperatures", "1,,2", {"--temperatures", "1,,2"}));
  EXPECT_TRUE(refuses("temperatures", "1,warm", {"\"warm\"", "1,2"}));
  EXPECT_TRUE(refuses("color", "green", {"--color", "red or blue"}));
  EXPECT_EQ(options_.temperatures, (std::vector<double>{1, 2}));
  EXPECT_TRUE(settings_.typed().empty());
}

TEST_F(SettingsTest, RangesAreCheckedAtTheirEnds) {
  const auto message = [this](auto Options::*member, auto value) {
    const auto kept = options_.*member;
    options_.*member = value;
    const std::string text(settings_.CheckRanges().message());
    options_.*member = kept;
    return text;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(message(&Options::batch_size, 1), "");
  EXPECT_EQ(message(&Options::batch_size, 0),
            "--batch_size is 0; it must be at least 1");
  EXPECT_EQ(message(&Options::rate, 1e-300), "");
  EXPECT_EQ(message(&Options::rate, 0.0),
            "--rate is 0; it must be a finite number above 0");
  EXPECT_NE(message(&Options::rate, infinity), "");
  EXPECT_NE(message(&Options::rate, nan), "");
  EXPECT_EQ(message(&Options::share, 0.0), "");
  EXPECT_EQ(message(&Options::share, 1.0),
            "--share is 1; it must be at least 0 and below 1");
  EXPECT_NE(message(&Options::share, -0.1), "");
  EXPECT_EQ(message(&Options::temperatures, std::vector<double>{1, 0}),
            "--temperatures has 0; each of its values must be a finite number "
            "above 0");
}

TEST_F(SettingsTest, WhatIsGivenAndHasNoEffectIsRefused) {
  options_.batch_size = 7;
  EXPECT_TRUE(settings_.CheckApplies().ok());
  ASSERT_TRUE(Set("control", "true").ok());
  EXPECT_TRUE(FailsWith(settings_.CheckApplies(),
                        absl::StatusCode::kInvalidArgument,
                        {"--control is given", "seven needs none"}));
  Options other;
  other.batch_size = 7;
  Settings settings = SettingsOf(other);
  EXPECT_TRUE(settings.CheckApplies().ok());
  // Not typed, but another value than the default.
  other.control = false;
  EXPECT_TRUE(FailsWith(settings.CheckApplies(),
                        absl::StatusCode::kInvalidArgument,
                        {"--nocontrol is given"}));
  other.control = true;
  settings.MarkTyped({"control"});
  EXPECT_FALSE(settings.CheckApplies().ok());
}

TEST_F(SettingsTest, AConfigurationIsWrittenAndReadAgain) {
  options_.omitted = {3, 7};
  options_.rate = 5;
  options_.color = Color::kBlue;
  const Json json = settings_.Configuration();
  EXPECT_EQ(JsonText(json),
            R"({"batchSize":64,"rate":5.0,"share":0.0,"control":true,)"
            R"("without":[3,7],"temperatures":[1.0,2.0],"color":"blue"})");
  Options read;
  Settings settings = SettingsOf(read);
  ASSERT_TRUE(settings.Find("share")->Set("0.5").ok());
  ASSERT_TRUE(settings.Configure(json, {}, "config.json").ok());
  EXPECT_EQ(read.rate, 5);
  EXPECT_EQ(read.omitted, options_.omitted);
  EXPECT_EQ(read.color, Color::kBlue);
  EXPECT_EQ(read.share, 0.5) << "what is typed wins";
}

TEST_F(SettingsTest, AConfigurationOfOtherThingsIsRefused) {
  const auto configure = [this](const char* text) {
    return settings_.Configure(ParseJson(text), {"trainImages"}, "c.json");
  };
  EXPECT_TRUE(configure(R"({"trainImages": 7, "batch_size": 9})").ok());
  EXPECT_EQ(options_.batch_size, 9);
  EXPECT_TRUE(FailsWith(configure(R"({"learningrate": 1})"),
                        absl::StatusCode::kInvalidArgument,
                        {"c.json", "learningrate", "--print_config"}));
  EXPECT_TRUE(FailsWith(configure(R"({"output": "x"})"),
                        absl::StatusCode::kInvalidArgument, {"\"output\""}));
  EXPECT_TRUE(FailsWith(configure(R"({"batchSize": "many"})"),
                        absl::StatusCode::kInvalidArgument,
                        {"c.json", "--batch_size", "many"}));
}

TEST_F(SettingsTest, PathsAreChangedAndNothingElse) {
  settings_.ChangePaths([](const std::string& path) { return "/u/" + path; });
  EXPECT_EQ(options_.output, "/u/out");
  EXPECT_TRUE(settings_.typed().empty());
}

TEST_F(SettingsTest, RowsThatAreRemovedCanBeAddedAnew) {
  int64_t other = 3;
  settings_.Remove({"batch_size"});
  EXPECT_EQ(settings_.Find("batch_size"), nullptr);
  settings_.Add("batch_size", &other, "Another.");
  ASSERT_TRUE(Set("batch_size", "4").ok());
  EXPECT_EQ(other, 4);
  EXPECT_EQ(options_.batch_size, 64);
}

}  // namespace
}  // namespace distill
