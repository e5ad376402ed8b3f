#include "cli/flags.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "gtest/gtest.h"
#include "tests/testing/status.h"

ABSL_FLAG(std::string, test_word, "x",
          "A word that is explained at some "
          "length, so that the text needs more than one line of the help.");
ABSL_FLAG(double, test_number, 0.5, "A number.");
ABSL_FLAG(bool, test_switch, true, "A switch.");

namespace distill {
namespace {

using testing::FailsWith;

absl::StatusOr<bool> Parse(const std::vector<std::string>& arguments) {
  return ParseFlags(arguments);
}

TEST(ParseFlagsTest, ReadsEveryForm) {
  const absl::FlagSaver saver;
  const auto help =
      Parse({"--test_word=a=b", "--test_number", "2.5", "--notest_switch"});
  ASSERT_TRUE(help.ok()) << help.status();
  EXPECT_FALSE(*help);
  EXPECT_EQ(absl::GetFlag(FLAGS_test_word), "a=b");
  EXPECT_EQ(absl::GetFlag(FLAGS_test_number), 2.5);
  EXPECT_FALSE(absl::GetFlag(FLAGS_test_switch));
  ASSERT_TRUE(Parse({"--test_switch", "-test_word="}).ok());
  EXPECT_TRUE(absl::GetFlag(FLAGS_test_switch));
  EXPECT_EQ(absl::GetFlag(FLAGS_test_word), "");
  ASSERT_TRUE(Parse({"--test_switch=false", "--test_number=-1"}).ok());
  EXPECT_FALSE(absl::GetFlag(FLAGS_test_switch));
  EXPECT_EQ(absl::GetFlag(FLAGS_test_number), -1);
}

TEST(ParseFlagsTest, KeepsWhatIsNoFlagWhereThatIsWanted) {
  const absl::FlagSaver saver;
  std::vector<std::string> others;
  const auto help = ParseFlags(
      {"a.png", "--test_number", "2", "-", "--notest_switch", "--", "--b"},
      &others);
  ASSERT_TRUE(help.ok()) << help.status();
  EXPECT_FALSE(*help);
  EXPECT_EQ(others, (std::vector<std::string>{"a.png", "-", "--b"}));
  EXPECT_EQ(absl::GetFlag(FLAGS_test_number), 2);
  EXPECT_FALSE(absl::GetFlag(FLAGS_test_switch));
  EXPECT_TRUE(FailsWith(ParseFlags({"a.png", "--c"}, &others).status(),
                        absl::StatusCode::kInvalidArgument, {"--c"}));
}

TEST(ParseFlagsTest, KnowsHelp) {
  const absl::FlagSaver saver;
  EXPECT_TRUE(*Parse({"--help"}));
  EXPECT_TRUE(*Parse({"--test_number=1", "-h"}));
  EXPECT_FALSE(*Parse({}));
}

TEST(ParseFlagsTest, RefusesWhatItDoesNotKnow) {
  const absl::FlagSaver saver;
  EXPECT_TRUE(FailsWith(Parse({"--test_numbr=1"}).status(),
                        absl::StatusCode::kInvalidArgument,
                        {"--test_numbr", "did you mean --test_number?"}));
  const absl::Status far = Parse({"--zzzzzzzzzzzzzzzzzzzz=1"}).status();
  EXPECT_TRUE(FailsWith(far, absl::StatusCode::kInvalidArgument,
                        {"unknown flag", "--help"}));
  EXPECT_EQ(std::string(far.message()).find("did you mean"), std::string::npos);
  // Only switches have a "no".
  EXPECT_TRUE(FailsWith(Parse({"--notest_number"}).status(),
                        absl::StatusCode::kInvalidArgument,
                        {"--notest_number"}));
  EXPECT_TRUE(FailsWith(Parse({"train"}).status(),
                        absl::StatusCode::kInvalidArgument,
                        {"\"train\"", "flags"}));
  EXPECT_TRUE(FailsWith(Parse({"-"}).status(),
                        absl::StatusCode::kInvalidArgument, {"\"-\""}));
}

TEST(ParseFlagsTest, SuggestsByBeginningsAndByWords) {
  const absl::FlagSaver saver;
  const auto message = [](const std::string& flag) {
    return std::string(Parse({flag}).status().message());
  };
  // A beginning, a later word, and a beginning that several have.
  EXPECT_NE(message("--test_num=1").find("did you mean --test_number?"),
            std::string::npos);
  EXPECT_NE(message("--swit").find("did you mean --test_switch?"),
            std::string::npos);
  EXPECT_NE(message("--test=1")
                .find("did you mean --test_number, "
                      "--test_switch, --test_word?"),
            std::string::npos)
      << message("--test=1");
}

TEST(ParseFlagsTest, KnowsWhatWasGiven) {
  const absl::FlagSaver saver;
  ASSERT_TRUE(Parse({"--test_number=1", "--notest_switch"}).ok());
  EXPECT_EQ(GivenFlags(),
            (std::set<std::string>{"test_number", "test_switch"}));
  ASSERT_TRUE(Parse({"--test_word=x"}).ok());
  EXPECT_EQ(GivenFlags(), (std::set<std::string>{"test_word"}));
}

TEST(ParseFlagsTest, RefusesValuesOfAnotherType) {
  const absl::FlagSaver saver;
  EXPECT_TRUE(FailsWith(Parse({"--test_number=many"}).status(),
                        absl::StatusCode::kInvalidArgument,
                        {"--test_number", "\"many\"", "0.5"}));
  EXPECT_TRUE(FailsWith(Parse({"--test_switch=perhaps"}).status(),
                        absl::StatusCode::kInvalidArgument,
                        {"--test_switch", "\"perhaps\""}));
  EXPECT_TRUE(FailsWith(Parse({"--test_word"}).status(),
                        absl::StatusCode::kInvalidArgument,
                        {"--test_word needs a value", "--test_word=x"}));
}

TEST(HelpTextTest, ShowsTheFlagsOfOneFileInOrder) {
  const std::string text = HelpText("usage: test\n", {__FILE__});
  EXPECT_EQ(text,
            "usage: test\n"
            "\n"
            "  --test_number=0.5\n"
            "      A number.\n"
            "\n"
            "  --test_switch=true\n"
            "      A switch.\n"
            "\n"
            "  --test_word=x\n"
            "      A word that is explained at some length, so that the text "
            "needs more than\n"
            "      one line of the help.\n");
}

}  // namespace
}  // namespace distill
