#include "cli/flags.h"

#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "base/settings.h"
#include "gtest/gtest.h"
#include "tests/testing/files.h"
#include "tests/testing/process.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;

struct Options {
  std::string word = "x";
  double number = 0.5;
  bool on = true;

  template <typename Table>
  void AddSettings(Table& table) {
    table.Add("test_number", &number, "A number.");
    table.Group("Others");
    table.Add("test_switch", &on, "A switch.");
    table.Add("test_word", &word,
              "A word that is explained at some length, so that the text needs "
              "more than one line of the help.");
  }
};

class ParseFlagsTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> Parse(
      const std::vector<std::string>& arguments,
      std::vector<std::string>* others = nullptr) {
    return ParseFlags(arguments, settings_, others);
  }
  Options options_;
  Settings settings_ = SettingsOf(options_);
};

TEST_F(ParseFlagsTest, ReadsEveryForm) {
  const auto help =
      Parse({"--test_word=a=b", "--test_number", "2.5", "--notest_switch"});
  ASSERT_TRUE(help.ok()) << help.status();
  EXPECT_EQ(*help, "");
  EXPECT_EQ(options_.word, "a=b");
  EXPECT_EQ(options_.number, 2.5);
  EXPECT_FALSE(options_.on);
  ASSERT_TRUE(Parse({"--test_switch", "-test_word="}).ok());
  EXPECT_TRUE(options_.on);
  EXPECT_EQ(options_.word, "");
  ASSERT_TRUE(Parse({"--test_switch=false", "--test_number=-1"}).ok());
  EXPECT_FALSE(options_.on);
  EXPECT_EQ(options_.number, -1);
}

TEST_F(ParseFlagsTest, KeepsWhatIsNoFlagWhereThatIsWanted) {
  std::vector<std::string> others;
  const auto help = Parse(
      {"a.png", "--test_number", "2", "-", "--notest_switch", "--", "--b"},
      &others);
  ASSERT_TRUE(help.ok()) << help.status();
  EXPECT_EQ(*help, "");
  EXPECT_EQ(others, (std::vector<std::string>{"a.png", "-", "--b"}));
  EXPECT_EQ(options_.number, 2);
  EXPECT_FALSE(options_.on);
  EXPECT_TRUE(FailsWith(Parse({"a.png", "--c"}, &others).status(),
                        absl::StatusCode::kInvalidArgument, {"--c"}));
}

TEST_F(ParseFlagsTest, KnowsHelp) {
  EXPECT_EQ(*Parse({"--help"}), "help");
  EXPECT_EQ(*Parse({"--test_number=1", "-h"}), "help");
  EXPECT_EQ(*Parse({"--help=all"}), "help=all");
  EXPECT_EQ(*Parse({"--version"}), "version");
  EXPECT_EQ(*Parse({"--completion=zsh"}), "completion=zsh");
  EXPECT_EQ(*Parse({}), "");
}

TEST_F(ParseFlagsTest, RefusesWhatItDoesNotKnow) {
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

TEST_F(ParseFlagsTest, SuggestsByBeginningsAndByWords) {
  const auto message = [this](const std::string& flag) {
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

TEST_F(ParseFlagsTest, KnowsWhatWasGiven) {
  ASSERT_TRUE(Parse({"--test_number=1", "--notest_switch"}).ok());
  EXPECT_EQ(settings_.typed(),
            (std::set<std::string>{"test_number", "test_switch"}));
}

TEST_F(ParseFlagsTest, RefusesValuesOfAnotherType) {
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

TEST_F(ParseFlagsTest, TheHelpShowsTheFlagsByGroup) {
  EXPECT_EQ(HelpText("usage: test\n", settings_),
            "usage: test\n"
            "\n"
            "  --test_number=0.5\n"
            "      A number.\n"
            "\n"
            "Others\n"
            "\n"
            "  --test_switch=true\n"
            "      A switch.\n"
            "\n"
            "  --test_word=x\n"
            "      A word that is explained at some length, so that the text "
            "needs more than\n"
            "      one line of the help.\n");
}

TEST_F(ParseFlagsTest, TheShortHelpHasTheCommonFlagsAlone) {
  settings_.Find("test_number")->Common("how many");
  EXPECT_EQ(ShortHelpText("usage: test\n", settings_),
            "usage: test\n"
            "\n"
            "  --test_number=0.5            how many\n"
            "  --help=all                   all 3 flags\n");
}

// What bash, if it is there, makes of the script for it.
TEST_F(ParseFlagsTest, BashCompletesFlags) {
  const testing::TempFolder folder;
  const std::string script = folder.File("test");
  testing::WriteFile(script, CompletionText("test", "bash", settings_));
  const auto result = testing::RunInShell(
      "command -v bash >/dev/null || exit 77; bash -c '. " + script +
      "; COMP_WORDS=(test --test_n) COMP_CWORD=1; _test 2>/dev/null; "
      "echo ${COMPREPLY[@]}'");
  if (result.exit_code == 77) GTEST_SKIP() << "there is no bash";
  EXPECT_EQ(result.out, "--test_number=\n");
}

TEST_F(ParseFlagsTest, ZshIsToldWhatFlagsAreFor) {
  const std::string script = CompletionText("test", "zsh", settings_);
  EXPECT_EQ(script.find("#compdef test\n_arguments"), 0u);
  EXPECT_NE(script.find("'--test_number=[A number.]:value:'"),
            std::string::npos)
      << script;
  EXPECT_NE(script.find("'--test_switch[A switch.]'"), std::string::npos);
}

TEST(FromUsersFolderTest, FollowsBazelRunsVariable) {
  unsetenv("BUILD_WORKING_DIRECTORY");
  EXPECT_EQ(FromUsersFolder("data"), "data");
  setenv("BUILD_WORKING_DIRECTORY", "/home/me", 1);
  EXPECT_EQ(FromUsersFolder("data"), "/home/me/data");
  EXPECT_EQ(FromUsersFolder("../x"), "/home/me/../x");
  EXPECT_EQ(FromUsersFolder("/data"), "/data");
  EXPECT_EQ(FromUsersFolder(""), "");
  setenv("HOME", "/home/her", 1);
  EXPECT_EQ(FromUsersFolder("~/data"), "/home/her/data");
  EXPECT_EQ(FromUsersFolder("~"), "/home/her");
  EXPECT_EQ(FromUsersFolder("x~/data"), "/home/me/x~/data");
  unsetenv("BUILD_WORKING_DIRECTORY");
}

}  // namespace
}  // namespace distill
