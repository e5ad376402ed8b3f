// Faults that really happen to the program, each made to happen.
#include <sys/stat.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "models/weights.h"
#include "nlohmann/json.hpp"
#include "tests/testing/datasets.h"
#include "tests/testing/files.h"
#include "tests/testing/process.h"

namespace distill {
namespace {

using nlohmann::json;
using testing::ProcessResult;

// A sanitizer has memory, addresses and preloaded libraries of its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

class FaultsTest : public ::testing::Test {
 protected:
  FaultsTest() { WriteData("data"); }

  void WriteData(const std::string& name) {
    testing::ToyOptions toy;
    toy.count = 320;
    testing::WriteDataset(*testing::ToyDataset(toy), folder_.File(name));
    toy.seed = 2;
    toy.split = Split::kTest;
    testing::WriteDataset(*testing::ToyDataset(toy), folder_.File(name));
  }

  // Runs a script in the test's folder, with
  //   $DISTILL  the program and flags of a short run of small models
  //   $LONG     the same with so many epochs that there is time to do something
  // and what the script says on stdout and stderr in `out`.
  // In the script, G/ stands for the folder `group`.
  ProcessResult Run(const std::string& script, const std::string& group = "") {
    testing::WriteFile(
        folder_.File("script"),
        absl::StrCat(
            "exec 2>&1\n"
            "cd '",
            folder_.path(), "'\n", "DISTILL=\"",
            testing::ProgramPath("cli/distill"),
            " --device=cpu --data_dir=data --batch_size=16 --teacher=mlp:20 "
            "--student=mlp:8 --learning_rate=0.002 --teacher_epochs=3\"\n"
            "LONG=\"$DISTILL --student_epochs=120 --control=false\"\n"
            // Waits until $1 is there, or the last background process is not.
            "await() {\n"
            "  while [ ! -e \"$1\" ] && kill -0 $!; do sleep 0.01; done\n"
            "}\n",
            absl::StrReplaceAll(script, {{" G/", " " + group + "/"}})));
    return testing::RunInShell("sh '" + folder_.File("script") + "'");
  }
  // What a namespace of mounts is made with; empty where it cannot be.
  static std::string Unshare() {
    for (const char* command : {"unshare -m", "unshare -rm"}) {
      if (testing::RunInShell(
              absl::StrCat(command, " sh -c 'mount -t tmpfs none /mnt' 2>&1"))
              .exit_code == 0) {
        return command;
      }
    }
    return "";
  }

  std::string Read(const std::string& name) {
    return testing::ReadFile(folder_.File(name));
  }
  static json Last(const ProcessResult& result) {
    return json::parse(result.LastLine(), nullptr, false);
  }
  // An end with a reason: exit code 1, and a last line that has it.
  static void ExpectError(const ProcessResult& result,
                          const std::string& reason) {
    EXPECT_EQ(result.exit_code, 1) << result.out;
    const json last = Last(result);
    ASSERT_TRUE(last.is_object()) << result.out;
    EXPECT_EQ(last["status"], "error");
    EXPECT_NE(last["message"].get<std::string>().find(reason),
              std::string::npos)
        << result.out;
  }

  // That a script, which leaves a run's folder "out", ends well and with the
  // bytes that $LONG leaves where nothing happens to it.
  void ExpectTheBytesOfACalmRun(const std::string& script) {
    const ProcessResult calm = Run("$LONG --output_dir=calm");
    ASSERT_EQ(calm.exit_code, 0) << calm.out;
    const ProcessResult result = Run(script);
    ASSERT_EQ(result.exit_code, 0) << result.out;
    EXPECT_EQ(Read("out/student.safetensors"),
              Read("calm/student.safetensors"));
  }

  testing::TempFolder folder_;
};

// --- The disk ---

TEST_F(FaultsTest, ADiskThatIsFullAtAnyWriteLosesNothing) {
  const std::string unshare = Unshare();
  if (unshare.empty()) GTEST_SKIP() << "nothing may be mounted here";
  ASSERT_EQ(Run("$DISTILL --output_dir=whole").exit_code, 0);
  const std::string student = Read("whole/student.safetensors");
  int failed = 0;
  bool succeeded = false;
  // From room for nothing to room for all, in steps smaller than most files.
  for (int kilobytes = 4; !succeeded; kilobytes += kilobytes < 64 ? 12 : 56) {
    ASSERT_LT(kilobytes, 4000) << "a small run takes so much?";
    testing::WriteFile(
        folder_.File("mounting"),
        absl::StrReplaceAll(
            "mkdir -p disk && mount -t tmpfs -o size=SIZEk tmpfs disk\n"
            "$1 --output_dir=disk/out > first\n"
            "echo $? > code\n"
            // Nobody sees half of a file.
            "for file in disk/out/*.safetensors disk/out/*.json; do\n"
            "  case $file in *'*'*) ;; *) cat \"$file\" | tail -c 1 > last;\n"
            "    [ -s last ] || echo \"$file is empty\" >> torn;; esac\n"
            "done\n"
            "ls disk/out/*.part* 2>/dev/null >> torn\n"
            "mount -o remount,size=100m disk\n"
            "$1 --output_dir=disk/out --resume > second || exit 9\n"
            "cp disk/out/student.safetensors .\n",
            {{"SIZE", absl::StrCat(kilobytes)}}));
    const ProcessResult result = Run(unshare + " sh mounting \"$DISTILL\" ");
    // A run that came to its end is not gone on with.
    const std::string code = Read("code");
    succeeded = code == "0\n";
    if (succeeded) break;
    ++failed;
    EXPECT_EQ(code, "1\n") << kilobytes << " KB: " << Read("first");
    EXPECT_NE(Read("first").find("No space left on device"), std::string::npos)
        << kilobytes << " KB: " << Read("first");
    EXPECT_EQ(Read("torn"), "") << kilobytes << " KB";
    ASSERT_EQ(result.exit_code, 0) << kilobytes << " KB: " << result.out;
    EXPECT_EQ(Read("student.safetensors"), student) << kilobytes << " KB";
  }
  // Before the first step, in the middle, and in the report.
  EXPECT_GE(failed, 5);
}

TEST_F(FaultsTest, AReadOnlyFolderIsAnErrorBeforeAnythingIsTrained) {
  const std::string unshare = Unshare();
  if (unshare.empty()) GTEST_SKIP() << "nothing may be mounted here";
  testing::WriteFile(folder_.File("mounting"),
                     "mkdir -p disk && mount -t tmpfs -o ro tmpfs disk\n"
                     "$1 --output_dir=disk/out\n");
  const ProcessResult result = Run(unshare + " sh mounting \"$DISTILL\"");
  ExpectError(result, "disk/out: found \"Read-only file system\"");
  EXPECT_EQ(result.out.find("teacher:"), std::string::npos) << result.out;
}

TEST_F(FaultsTest, AFolderThatIsRemovedWhileItRunsIsNamed) {
  const ProcessResult result = Run(
      "$LONG --output_dir=out & await out/checkpoint/running-a.safetensors\n"
      "mv out elsewhere; wait $!");
  ExpectError(result, "out/checkpoint/");
  EXPECT_NE(result.out.find("No such file or directory"), std::string::npos)
      << result.out;
}

TEST_F(FaultsTest, DataThatAreReplacedWhileItRunsChangeNothing) {
  ExpectTheBytesOfACalmRun(
      "$LONG --output_dir=out & await out/checkpoint/running-a.safetensors\n"
      "for file in data/*; do echo other > new; mv new $file; done\n"
      "wait $!");
}

TEST_F(FaultsTest, DataThatAreReplacedBeforeItGoesOnAreRefused) {
  const ProcessResult result = Run(
      "$LONG --output_dir=out & await out/checkpoint/running-a.safetensors\n"
      "kill -TERM $!; wait $!\n"
      "tr '\\001' '\\002' < data/train-labels-idx1-ubyte > new\n"
      // The header's first byte that is 1 is none of the labels.
      "head -c 8 data/train-labels-idx1-ubyte > head\n"
      "tail -c +9 new >> head; mv head data/train-labels-idx1-ubyte\n"
      "$LONG --output_dir=out --resume");
  ExpectError(result, "trainLabelsCrc32 was ");
}

// --- What is printed ---

TEST_F(FaultsTest, AReaderOfStdoutThatGoesAwayCostsNoResult) {
  const ProcessResult result =
      Run("{ $DISTILL --output_dir=out 2>err; echo $? > code; } | head -c 1\n"
          "cat code err");
  EXPECT_NE(result.out.find("1\ndistill: stdout: found that it takes no more"),
            std::string::npos)
      << result.out;
  EXPECT_TRUE(LoadModel(folder_.File("out/student.safetensors")).ok());
  EXPECT_TRUE(json::accept(Read("out/report.json")));
}

TEST_F(FaultsTest, AFullOrClosedStdoutIsAnError) {
  for (const char* stdout_is : {"> /dev/full", ">&-"}) {
    const std::string commands[] = {
        "$DISTILL --output_dir=out --overwrite", "$DISTILL --help",
        "$DISTILL --alpha=3",
        testing::ProgramPath("cli/doctor") + " --data_dir=data",
        testing::ProgramPath("cli/predict") + " --help"};
    for (const std::string& command : commands) {
      const ProcessResult result =
          Run(command + " 2>err " + stdout_is + "\necho $?; cat err");
      EXPECT_EQ(result.out.find("0\n"), std::string::npos)
          << command << " " << stdout_is << ": " << result.out;
      EXPECT_NE(result.out.find("stdout: found that it takes no more"),
                std::string::npos)
          << command << " " << stdout_is << ": " << result.out;
    }
  }
  EXPECT_TRUE(LoadModel(folder_.File("out/student.safetensors")).ok());
}

TEST_F(FaultsTest, AClosedStderrCostsNothing) {
  const ProcessResult result = Run("$DISTILL 2>&-");
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_EQ(Last(result)["status"], "success");
}

// --- The environment ---

TEST_F(FaultsTest, NoHomeAndNoEnvironmentAreNoMatter) {
  const ProcessResult result = Run("env -i $DISTILL --output_dir=out");
  EXPECT_EQ(result.exit_code, 0) << result.out;
}

TEST_F(FaultsTest, TheUsersUmaskDecidesWhoReadsTheResults) {
  ASSERT_EQ(Run("umask 077; $DISTILL --output_dir=private").exit_code, 0);
  ASSERT_EQ(Run("umask 022; $DISTILL --output_dir=public").exit_code, 0);
  for (const auto& [folder, mode] :
       {std::pair<std::string, mode_t>("private", 0600), {"public", 0644}}) {
    int files = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(folder_.File(folder))) {
      struct stat found = {};
      ASSERT_EQ(stat(entry.path().c_str(), &found), 0);
      EXPECT_EQ(found.st_mode & 0777, mode) << entry.path();
      ++files;
    }
    EXPECT_GE(files, 7);
  }
}

TEST_F(FaultsTest, PathsMayHaveSpacesQuotesAndAnyLetters) {
  const std::string name = "mes donn\xc3\xa9\x65s 'du' \"jour\" \xe6\x97\xa5";
  WriteData(name);
  testing::WriteFile(folder_.File("name"), name);
  const ProcessResult result =
      Run("name=$(cat name)\n"
          "$DISTILL --data_dir=\"$name\" --output_dir=\"$name/out\"");
  ASSERT_EQ(result.exit_code, 0) << result.out;
  EXPECT_EQ(Last(result)["outputDir"], folder_.File(name + "/out"));
  EXPECT_TRUE(LoadModel(folder_.File(name + "/out/student.safetensors")).ok());
}

TEST_F(FaultsTest, TooLittleAddressSpaceIsAnErrorWithAReason) {
  if (kSanitized) GTEST_SKIP() << "not with a sanitizer";
  // No signal, no hang: it runs, or says why not; the loader of shared
  // libraries does so with 127.
  constexpr int kLoader = 127;
  const auto run = [&](int megabytes) {
    const ProcessResult result =
        Run(absl::StrCat("ulimit -v ", megabytes, "000\n$DISTILL"));
    if (result.exit_code == kLoader) {
      EXPECT_TRUE(result.out.find("failed to map") != std::string::npos ||
                  result.out.find("annot ") != std::string::npos)
          << megabytes << " MB: " << result.out;
    } else if (result.exit_code != 0) {
      EXPECT_EQ(result.exit_code, 1) << megabytes << " MB: " << result.out;
      EXPECT_NE(result.out.find("emory"), std::string::npos)
          << megabytes << " MB: " << result.out;
    }
    return result.exit_code;
  };
  // From where the libraries are loaded to where there is enough, closely:
  // what their initialisers and the threads want is between.
  int loaded = 65536, not_loaded = 256;
  ASSERT_EQ(run(loaded), 0);
  ASSERT_EQ(run(not_loaded), kLoader);
  while (loaded - not_loaded > 8) {
    const int middle = (loaded + not_loaded) / 2;
    (run(middle) == kLoader ? not_loaded : loaded) = middle;
  }
  int refused = 0;
  for (int megabytes = loaded; run(megabytes) != 0; megabytes += 20) {
    ++refused;
  }
  EXPECT_GE(refused, 1) << "from " << loaded << " MB";
}

constexpr char kAsNobody[] =
    "setpriv --reuid=65534 --regid=65534 --clear-groups ";

bool CanBeNobody() {
  return testing::RunInShell(absl::StrCat(kAsNobody, "true 2>&1")).exit_code ==
         0;
}

// Takes the program, its libraries and the data where an ordinary user may read
// them, and goes there: $there, from $here.
constexpr char kWhereNobodyMayRead[] =
    "here=$PWD program=${DISTILL%% *} flags=${DISTILL#* }\n"
    "there=$(mktemp -d) && trap 'rm -rf $there' EXIT\n"
    "mkdir $there/lib && cp $program $there/lib/distill &&\n"
    "cp -r data $there && cd $there || exit 1\n"
    "for library in $(ldd $program | grep -o '/[^ ]*'); do\n"
    "  cp -L $library lib/ || exit 1\n"
    "done\n";

// As a user who may not write them: root may write all.
TEST_F(FaultsTest, AResultThatMayNotBeWrittenIsFoundBeforeAnythingIsTrained) {
  if (!CanBeNobody()) GTEST_SKIP() << "only root becomes another user";
  const ProcessResult all =
      Run(std::string(kWhereNobodyMayRead) +
          "mkdir out locked && echo mine >out/report.html\n"
          "chmod -R a+rX . && chmod 777 out && chmod 700 locked\n"
          "run() {\n"
          "  " +
          kAsNobody +
          "env LD_LIBRARY_PATH=$there/lib lib/distill $flags --overwrite "
          "--output_dir=out >$here/$1 2>&1\n"
          "  echo $? >>$here/$1\n"
          "}\n"
          "run file\n"
          "rm out/report.html && ln -s ../locked/one out/report.html\n"
          "run link\n"
          "ls -A out | grep -v report.html >$here/left\n"
          "rm out/report.html\n"
          "run right\n");
  ASSERT_EQ(all.exit_code, 0) << all.out;
  const auto has = [this](const std::string& file, const std::string& part) {
    return Read(file).find(part) != std::string::npos;
  };
  EXPECT_TRUE(has("file", "report.html: found a file that may not be written"))
      << Read("file");
  EXPECT_TRUE(has("file", "\"}\n1\n")) << Read("file");
  EXPECT_FALSE(has("file", "teacher:")) << Read("file");
  EXPECT_TRUE(has("link", "report.html: found \"Permission denied\""))
      << Read("link");
  EXPECT_EQ(Read("left"), "") << "nothing was written";
  EXPECT_TRUE(has("right", "\n0\n")) << Read("right");
}

// As a user who may have few processes: what root does is not limited.
TEST_F(FaultsTest, TooFewThreadsAreAnErrorOrFewerThreadsAndNeverAHang) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer has threads of its own";
  if (!CanBeNobody()) GTEST_SKIP() << "only root becomes another user";
  // Each run leaves its output and exit code here.
  const ProcessResult all =
      Run(std::string(kWhereNobodyMayRead) +
          "chmod -R a+rX . && chmod 777 .\n"
          "run() {\n"  // NAME PROCESSES FLAG
          "  " +
          kAsNobody +
          "prlimit --nproc=$2 env LD_LIBRARY_PATH=$there/lib "
          "timeout 100 lib/distill $flags $3 >$here/$1 2>&1\n"
          "  echo $? >>$here/$1\n"
          "}\n"
          // `timeout` and the program are two, and a thread needs room for two.
          "run four 4 --threads=4\n"
          "run enough 8 --threads=4\n"
          "run fewer 2 --seed=1\n");
  ASSERT_EQ(all.exit_code, 0) << all.out;
  const auto has = [this](const std::string& file, const std::string& part) {
    return Read(file).find(part) != std::string::npos;
  };
  EXPECT_TRUE(has("four",
                  "distill: --threads is 4: found that no more than 2 "
                  "can be started (ulimit -u "))
      << Read("four");
  EXPECT_TRUE(has("four", "\"}\n1\n")) << Read("four");
  EXPECT_FALSE(has("four", "teacher:")) << "it trained";
  EXPECT_TRUE(has("enough", "\"threads\":4")) << Read("enough");
  EXPECT_TRUE(has("enough", "}\n0\n")) << Read("enough");
  EXPECT_TRUE(has("fewer", "\"threads\":1")) << Read("fewer");
  EXPECT_TRUE(has("fewer", "}\n0\n")) << Read("fewer");
  if (std::thread::hardware_concurrency() > 1) {
    EXPECT_TRUE(has("fewer", "distill: note: computes with 1 of "))
        << Read("fewer");
  }
}

TEST_F(FaultsTest, ALimitOfFileSizesIsAFailedWrite) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer writes files of its own";
  const ProcessResult result =
      Run("ulimit -f 20; $DISTILL --output_dir=out; code=$?\n"
          "find out -name '*.part*'; exit $code");
  ExpectError(result, "File too large");
  EXPECT_NE(result.out.find("ulimit -f"), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find(".part"), std::string::npos) << result.out;
}

TEST_F(FaultsTest, ALimitOfOpenFilesIsAnErrorThatNamesIt) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer needs more of both";
  // From too few to start with to enough.
  int failed = 0;
  for (int files = 4; files <= 24; ++files) {
    const ProcessResult result = Run(absl::StrCat(
        "ulimit -n ", files, "; rm -rf out; $DISTILL --output_dir=out"));
    if (result.exit_code == 0) continue;
    ++failed;
    EXPECT_TRUE(result.exit_code == 1 || result.exit_code == 127)
        << files << ": " << result.out;
    EXPECT_NE(result.out.find("Too many open files"), std::string::npos)
        << files << ": " << result.out;
  }
  EXPECT_GE(failed, 1);
}

TEST_F(FaultsTest, ALimitOfProcessorTimeKeepsTheState) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer needs more of both";
  const ProcessResult result =
      Run("ulimit -S -t 2; $DISTILL --student_epochs=1000000 --control=false "
          "--output_dir=out; code=$?; [ -e "
          "out/checkpoint/seed-0-teacher.safetensors"
          " ] && ls out/checkpoint/running-* >&2; exit $code");
  EXPECT_EQ(result.exit_code, 128 + SIGXCPU) << result.out;
  EXPECT_NE(result.out.find("the limit of processor time, ulimit -t"),
            std::string::npos)
      << result.out;
  EXPECT_NE(result.out.find("running-"), std::string::npos) << result.out;
}

TEST_F(FaultsTest, ASmallStackIsEnoughOrAnError) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's frames are larger";
  for (const int kilobytes : {64, 128, 256, 512, 1023, 1024}) {
    const ProcessResult result =
        Run(absl::StrCat("ulimit -s ", kilobytes, "; $DISTILL"));
    EXPECT_EQ(result.exit_code, kilobytes < 1024 ? 1 : 0)
        << kilobytes << " KB: " << result.out;
    EXPECT_EQ(result.out.find("ulimit -s") != std::string::npos,
              kilobytes < 1024)
        << kilobytes << " KB: " << result.out;
  }
}

TEST_F(FaultsTest, ASmallStackIsRaisedWhereTheUserMay) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's frames are larger";
  // With and without being started a second time.
  for (const char* const environment : {"", "GOMP_SPINCOUNT=1"}) {
    const ProcessResult result =
        Run(absl::StrCat("ulimit -S -s 64; ", environment, " $DISTILL"));
    EXPECT_EQ(result.exit_code, 0) << environment << ": " << result.out;
  }
}

TEST_F(FaultsTest, OneCoreIsEnoughAndGivesTheBitsOfOneThread) {
  const ProcessResult result = Run(
      "taskset -c $(taskset -cp $$ | sed 's/.*: //; s/[-,].*//') "
      "$DISTILL --output_dir=core && $DISTILL --threads=1 --output_dir=thread");
  ASSERT_EQ(result.exit_code, 0) << result.out;
  EXPECT_EQ(Read("core/student.safetensors"),
            Read("thread/student.safetensors"));
}

// A control group made for the test, of whichever version is here; removed at
// its end. Empty `path` where none may be made.
struct ControlGroup {
  explicit ControlGroup(const std::string& controller) {
    const std::string name = absl::StrCat(
        "distill-test-", testing::RunInShell("echo $$").LastLine());
    // Version 1 has a folder for each controller, version 2 one for all.
    const std::string root = "/sys/fs/cgroup/";
    const bool second = std::filesystem::exists(root + "cgroup.controllers");
    const std::string wanted = root + (second ? "" : controller + "/") + name;
    std::error_code error;
    if (!std::filesystem::create_directory(wanted, error)) return;
    path = wanted;
    version = second ? 2 : 1;
  }
  ~ControlGroup() {
    std::error_code error;
    if (!path.empty()) std::filesystem::remove(path, error);
  }
  std::string path;
  int version = 0;
};

TEST_F(FaultsTest, NoMoreThreadsThanAControlGroupHasTimeFor) {
  const ControlGroup group("cpu");
  if (group.path.empty()) GTEST_SKIP() << "no control group may be made here";
  const ProcessResult result =
      Run(absl::StrCat(
              group.version == 1
                  ? "echo 100000 > G/cpu.cfs_period_us; echo 90000 > "
                    "G/cpu.cfs_quota_us"
                  : "echo 90000 100000 > G/cpu.max",
              " || exit 77\necho $$ > G/cgroup.procs || exit 77\n$DISTILL\n"),
          group.path);
  if (result.exit_code == 77) GTEST_SKIP() << result.out;
  ASSERT_EQ(result.exit_code, 0) << result.out;
  EXPECT_EQ(Last(result)["threads"], 1);
}

TEST_F(FaultsTest, KilledForMemoryByItsControlGroupItGoesOnLater) {
  if (kSanitized) GTEST_SKIP() << "not with a sanitizer";
  const ControlGroup group("memory");
  if (group.path.empty()) GTEST_SKIP() << "no control group may be made here";
  ASSERT_EQ(Run("$DISTILL --output_dir=calm").exit_code, 0);
  int killed = 0;
  for (int megabytes = 20; megabytes <= 200; megabytes += 30) {
    const ProcessResult result =
        Run(absl::StrCat(
                "rm -rf out\n", "echo ", megabytes, "M > G/",
                group.version == 1 ? "memory.limit_in_bytes" : "memory.max",
                " || exit 77\n",
                "sh -c 'echo $$ > G/cgroup.procs || exit 77; exec $*' - "
                "$DISTILL --output_dir=out\n"),
            group.path);
    if (result.exit_code == 77) GTEST_SKIP() << result.out;
    if (result.exit_code == 0) continue;
    ++killed;
    // 137: the kernel killed it; 1: it was told that there is no memory.
    EXPECT_TRUE(result.exit_code == 137 || result.exit_code == 1)
        << megabytes << " MB: " << result.exit_code << " " << result.out;
    const ProcessResult later = Run("$DISTILL --output_dir=out --resume");
    ASSERT_EQ(later.exit_code, 0) << megabytes << " MB: " << later.out;
    EXPECT_EQ(Read("out/student.safetensors"), Read("calm/student.safetensors"))
        << megabytes << " MB";
  }
  EXPECT_GE(killed, 1);
}

TEST_F(FaultsTest, AClockThatGoesBackIsNotLookedAt) {
  if (kSanitized) GTEST_SKIP() << "not with a sanitizer";
  ASSERT_EQ(Run("$DISTILL --output_dir=calm").exit_code, 0);
  const std::string clock =
      testing::ProgramPath("tests/reliability/libbackward_clock.so");
  ASSERT_TRUE(std::filesystem::exists(clock));
  const ProcessResult result =
      Run("first=$(LD_PRELOAD='" + clock +
          "' date +%s)\n"
          "[ \"$first\" -lt \"$(date +%s)\" ] || exit 99\n"
          "LD_PRELOAD='" +
          clock + "' $DISTILL --output_dir=out");
  ASSERT_EQ(result.exit_code, 0) << result.out;
  EXPECT_GT(Last(result)["seconds"].get<double>(), 0);
  EXPECT_LT(Last(result)["seconds"].get<double>(), 3000);
  EXPECT_EQ(Read("out/student.safetensors"), Read("calm/student.safetensors"));
}

// --- Signals ---

TEST_F(FaultsTest, StoppedAndContinuedItEndsWithTheSameBytes) {
  ExpectTheBytesOfACalmRun(
      "$LONG --output_dir=out & await out/checkpoint/running-a.safetensors\n"
      "for i in 1 2 3; do kill -STOP $!; sleep 0.1; kill -CONT $!; done\n"
      "wait $!");
}

TEST_F(FaultsTest, ATerminalThatGoesAwayKeepsTheState) {
  const ProcessResult hung_up = Run(
      "$LONG --output_dir=out & await out/checkpoint/running-a.safetensors\n"
      "kill -HUP $!; wait $!");
  EXPECT_EQ(hung_up.exit_code, 129) << hung_up.out;
  ExpectTheBytesOfACalmRun("$LONG --output_dir=out --resume");
}

TEST_F(FaultsTest, UnderNohupItGoesOn) {
  const ProcessResult result =
      Run("nohup $LONG --output_dir=out > log & "
          "await out/checkpoint/running-a.safetensors\n"
          "kill -HUP $!; wait $!");
  EXPECT_EQ(result.exit_code, 0) << result.out;
}

TEST_F(FaultsTest, OfTwoRunsAtOnceInOneFolderOneIsRefused) {
  const ProcessResult result =
      Run("$LONG --output_dir=out > log & "
          "await out/checkpoint/running-a.safetensors\n"
          // So that it is not over before the second one begins.
          "kill -STOP $!\n"
          "$LONG --output_dir=out --resume; code=$?\n"
          "kill -CONT $!\n"
          "wait $! || exit 9\nexit $code");
  EXPECT_EQ(result.exit_code, 1) << result.out;
  EXPECT_NE(result.out.find("found another run at work in it"),
            std::string::npos)
      << result.out;
}

}  // namespace
}  // namespace distill
