#include "experiment/teacher_files.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "data/batches.h"
#include "data/safetensors.h"
#include "experiment/logits_table.h"
#include "experiment/run.h"
#include "gtest/gtest.h"
#include "losses/mix_logits.h"
#include "models/weights.h"
#include "tests/testing/datasets.h"
#include "tests/testing/experiment.h"
#include "tests/testing/files.h"
#include "tests/testing/script.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using absl::StatusCode;
using testing::Cpu;
using testing::FailsWith;
using testing::ScriptBytes;
using testing::ToySplit;

struct Lines : Observer {
  void OnLine(const std::string& line) override { all += line + "\n"; }
  std::string all;
};

constexpr int64_t kTrain = 200, kTest = 60, kSide = 8, kClasses = 10;

class TeacherFilesTest : public ::testing::Test {
 protected:
  TeacherFilesTest() {
    files_.script.trust = true;
    options_.batch_size = 20;
    options_.student = "mlp:12";
    options_.learning_rate = 0.002;
    // What a good teacher looks for: each class's own mean.
    BatchesOptions batches;
    batches.normalization = NormalizationOf(*splits_.train);
    images_ = Batches::Create(splits_.train, batches)->Range(0, kTrain).images;
    weight_ =
        at::stack([this] {
          std::vector<at::Tensor> means;
          for (int64_t c = 0; c < kClasses; ++c) {
            means.push_back(images_.slice(0, c, kTrain, kClasses).mean(0));
          }
          return means;
        }())
            .flatten(1);
    weight_ = (weight_ - weight_.mean(0)) * 0.2;
  }

  // A TorchScript file of that teacher. `before` may change the images x,
  // `after` the logits y.
  std::string Script(const std::string& before = "",
                     const std::string& after = "",
                     const std::string& name = "teacher.pt") const {
    return testing::WriteFile(
        folder_.File(name),
        ScriptBytes("def forward(self, x):\n" + before +
                        "    y = torch.linear(x.flatten(1), self.weight)\n" +
                        after + "    return y\n",
                    {{"weight", weight_}}));
  }
  // A table with these tensors.
  std::string Table(
      const std::vector<std::pair<std::string, at::Tensor>>& tensors,
      const std::string& crc32 = "") const {
    SafeTensors file;
    for (const auto& [name, value] : tensors) {
      file.tensors.push_back(ToSafeTensor(name, value));
    }
    if (!crc32.empty()) file.metadata["train_images_crc32"] = crc32;
    return testing::WriteFile(folder_.File("table.safetensors"),
                              *SerializeSafeTensors(file));
  }
  at::Tensor Logits() const { return at::linear(images_.flatten(1), weight_); }

  absl::StatusOr<ExperimentResult> Run(const std::vector<std::string>& paths) {
    files_.from = paths;
    ExperimentOptions options = options_;
    lines_.all.clear();
    if (trusts_scripts_alone_) {
      files_.script.trust = std::any_of(
          paths.begin(), paths.end(),
          [](const std::string& path) { return absl::EndsWith(path, ".pt"); });
    }
    auto source = OpenTeacher(files_, &options);
    if (!source.ok()) return source.status();
    return RunExperiment(options, Cpu(), splits_, lines_, **source);
  }
  absl::Status Error(const std::vector<std::string>& paths) {
    return Run(paths).status();
  }
  // What the teacher says of the training images, and the test images.
  std::pair<at::Tensor, at::Tensor> Answers(
      const std::vector<std::string>& paths) {
    files_.from = paths;
    ExperimentOptions options = options_;
    files_.script.trust = absl::EndsWith(paths[0], ".pt");
    const auto source = OpenTeacher(files_, &options);
    EXPECT_TRUE(source.ok()) << source.status();
    const auto teacher = GetTeacher(options, Cpu(), splits_, lines_, **source,
                                    /*introduces=*/false);
    EXPECT_TRUE(teacher.ok()) << teacher.status();
    const auto data = DivideData(splits_, {});
    const Compute cpu = Cpu();
    const Stages stages(options, cpu, *data, lines_, nullptr);
    return {(*teacher)->TrainingLogits(stages),
            (*teacher)->stage().test_logits};
  }
  // Whether both runs end with the same student.
  static bool SameStudent(const ExperimentResult& a,
                          const ExperimentResult& b) {
    const auto one = a.student.model->State(), other = b.student.model->State();
    for (size_t i = 0; i < one.size(); ++i) {
      if (!one[i].value.equal(other[i].value)) return false;
    }
    return one.size() == other.size();
  }

  testing::TempFolder folder_;
  const Splits splits_ = {ToySplit(kTrain, Split::kTrain, 0.2, kSide),
                          ToySplit(kTest, Split::kTest, 0.2, kSide)};
  at::Tensor images_, weight_;
  TeacherFiles files_;
  bool trusts_scripts_alone_ = true;
  ExperimentOptions options_;
  Lines lines_;
};

TEST_F(TeacherFilesTest, AScriptTeaches) {
  const auto run = Run({Script()});
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_GT(run->teacher.test.accuracy(), 0.9);
  EXPECT_EQ(run->teacher.outline.architecture, "TorchScript Toy");
  EXPECT_EQ(run->teacher.outline.parameters, kClasses * kSide * kSide);
  EXPECT_NE(lines_.all.find("teacher: TorchScript Toy (640 parameters)\n"),
            std::string::npos)
      << lines_.all;
  EXPECT_TRUE(run->teacher.test_logits.allclose(Answers({Script()}).second));
}

TEST_F(TeacherFilesTest, ATableOfItsLogitsGivesTheSameStudent) {
  const std::string script = Script();
  const auto [logits, test_logits] = Answers({script});
  const std::string table =
      Table({{"logits", logits}, {"test_logits", test_logits}},
            absl::StrFormat("%08x", splits_.train->images_crc32));
  for (const int64_t validation : {0, 40}) {
    options_.validation = validation;
    const auto by_script = Run({script});
    ASSERT_TRUE(by_script.ok()) << by_script.status();
    const auto by_table = Run({table});
    ASSERT_TRUE(by_table.ok()) << by_table.status();
    EXPECT_TRUE(SameStudent(*by_script, *by_table)) << validation;
    EXPECT_EQ(by_table->teacher.test.errors, by_script->teacher.test.errors);
    EXPECT_EQ(by_table->teacher.validation.has_value(), validation > 0);
    if (validation > 0) {
      EXPECT_EQ(by_table->teacher.validation->loss,
                by_script->teacher.validation->loss);
    }
    EXPECT_EQ(lines_.all.find("note:"), std::string::npos) << lines_.all;
  }
}

TEST_F(TeacherFilesTest, WhatATableDoesNotSayIsSaid) {
  const auto run = Run({Table({{"logits", Logits()}})});
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->teacher.test.samples, 0);
  EXPECT_FALSE(run->teacher.test_logits.defined());
  for (const char* part : {"is judged by its accuracy alone",
                           "how good the teacher is on the test images is not "
                           "known"}) {
    EXPECT_NE(lines_.all.find(part), std::string::npos) << lines_.all;
  }
}

TEST_F(TeacherFilesTest, TablesOfOtherDtypesAreRead) {
  const auto expected = Run({Table({{"logits", Logits()}})});
  ASSERT_TRUE(expected.ok()) << expected.status();
  for (const at::ScalarType type : {at::kDouble, at::kHalf, at::kBFloat16}) {
    const std::string path = Table({{"logits", Logits().to(type)}});
    const auto table = LogitsOfTensors(*ReadSafeTensors(path), path);
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_TRUE(table->logits.equal(Logits().to(type).to(at::kFloat))) << type;
  }
  // As numpy.save writes it: float32 in C's order.
  const at::Tensor logits = Logits().contiguous();
  std::string header = absl::StrFormat(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }", kTrain,
      kClasses);
  header.resize(118 - 1, ' ');
  const std::string npy =
      std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + "\n" +
      std::string(static_cast<const char*>(logits.const_data_ptr()),
                  logits.nbytes());
  const auto run = Run({testing::WriteFile(folder_.File("t.npy"), npy)});
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(SameStudent(*run, *expected));
}

TEST_F(TeacherFilesTest, TheRestOfARowIsSpreadEvenly) {
  const at::Tensor log_p = Logits().log_softmax(1);
  const auto [values, indices] = log_p.topk(3, 1);
  const auto [logits, test_logits] =
      Answers({Table({{"values", values}, {"indices", indices}})});
  const at::Tensor p = logits.softmax(1);
  EXPECT_TRUE(p.gather(1, indices).allclose(values.exp(), 1e-4, 1e-6));
  const at::Tensor rest = (1 - values.exp().sum(1)) / (kClasses - 3);
  const at::Tensor others = p.scatter(1, indices, 1).amin(1);
  EXPECT_TRUE(others.allclose(rest, 1e-2, 1e-6));
  // All classes are a table like another.
  const auto [all, of] = log_p.topk(kClasses, 1);
  EXPECT_TRUE(Answers({Table({{"values", all}, {"indices", of}})})
                  .first.allclose(log_p));
}

TEST_F(TeacherFilesTest, BadTablesAreRefused) {
  const at::Tensor logits = Logits();
  const auto [values, indices] = logits.log_softmax(1).topk(3, 1);
  at::Tensor nan = logits.clone();
  nan[17][3] = std::nan("");
  const StatusCode kInvalid = StatusCode::kFailedPrecondition;
  const StatusCode kPrecondition = StatusCode::kFailedPrecondition;
  const struct {
    std::vector<std::pair<std::string, at::Tensor>> tensors;
    StatusCode code;
    const char* part;
    std::string crc32 = {};
  } cases[] = {
      {{{"logits", nan}}, kInvalid, "not finite in row 17"},
      {{{"logits", logits.softmax(1)}}, kInvalid, "found probabilities"},
      {{{"logits", logits.softmax(1).mul(100).round().div(100)}},
       kInvalid,
       "found probabilities"},
      {{{"logits", logits.softmax(1) * 100}}, kInvalid, "in per cent"},
      {{{"logits", logits.sigmoid()}}, kInvalid, "as a sigmoid gives"},
      {{{"logits", logits}, {"test_logits", logits.softmax(1)}},
       kInvalid,
       "found probabilities"},
      {{{"logits", logits.slice(0, 1)}}, kPrecondition, "199 rows of logits"},
      {{{"logits", logits.slice(1, 1)}}, kPrecondition, "logits of 9 classes"},
      {{{"logits", logits.flatten()}}, kInvalid, "Float [2000]"},
      {{{"logits", logits.to(at::kLong)}}, kInvalid, "Long [200, 10]"},
      {{{"test_logits", logits}, {"indices", indices}},
       kInvalid,
       "no tensor \"logits\""},
      {{{"logits", logits}, {"test_logits", logits}},
       kPrecondition,
       "expected [60, 10]"},
      {{{"logits", logits}}, kPrecondition, "is 0123abcd", "0123abcd"},
      {{{"values", values + 1}, {"indices", indices}},
       kInvalid,
       "sum to more than 1"},
      {{{"values", values}, {"indices", indices.slice(1, 1)}},
       kInvalid,
       "\"indices\" of Long [200, 2]"},
      {{{"values", values}, {"indices", indices + 1}},
       kPrecondition,
       "classes from 1 to 10"},
      {{{"values", values}, {"indices", indices * 0}},
       kPrecondition,
       "a class twice"},
      {{{"logits", logits}, {"test_logits", logits.slice(0, 1, kTest + 1)}},
       kPrecondition,
       "in the order of the test split"},
      // Another order than the data set's.
      {{{"logits", logits.flip(0)}}, kPrecondition, "in the data set's order"},
  };
  for (const auto& one : cases) {
    EXPECT_TRUE(FailsWith(Error({Table(one.tensors, one.crc32)}), one.code,
                          {"table.safetensors", one.part}));
  }
  options_.augment = *Augment::Parse("flip");
  EXPECT_TRUE(FailsWith(Error({Table({{"logits", logits}})}),
                        StatusCode::kInvalidArgument, {"--augment", "views"}));
}

TEST_F(TeacherFilesTest, SeveralAreTheMeanOfTheirSoftenedProbabilities) {
  const std::string one = Script();
  const std::string other = Script("    x = x * 0.3\n", "", "other.pt");
  const auto a = Answers({one}), b = Answers({other});
  files_.weights = {3, 1};
  const auto both = Answers({one, other});
  const double t = options_.loss.kd.temperature;
  const at::Tensor expected = 0.75 * (a.first.to(at::kDouble) / t).softmax(1) +
                              0.25 * (b.first.to(at::kDouble) / t).softmax(1);
  EXPECT_TRUE((both.first.to(at::kDouble) / t)
                  .softmax(1)
                  .allclose(expected, 1e-5, 1e-7));
  EXPECT_TRUE(
      both.second.equal(MixLogits({a.second, b.second}, {0.75, 0.25}, t)));
  // Asked about each batch, of views, they say the same.
  options_.augment = *Augment::Parse("flip");
  const auto run = Run({one, other});
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->teacher.outline.architecture,
            "the mean of TorchScript Toy (75 %) and TorchScript Toy (25 %)");
  EXPECT_EQ(run->teacher.model, nullptr);

  files_.weights = {1};
  EXPECT_TRUE(FailsWith(Error({one, other}), StatusCode::kInvalidArgument,
                        {"--teacher_shares has 1 numbers", "2 files"}));
}

TEST_F(TeacherFilesTest, AMeanKnowsNothingOfImagesThatOneDoesNotKnow) {
  const std::string table = Table({{"logits", Logits()}});
  const auto run = Run({Script(), table});
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->teacher.test.samples, 0);
}

TEST_F(TeacherFilesTest, AScriptIsRunOnlyIfItsUserSaysSo) {
  trusts_scripts_alone_ = false;
  files_.script.trust = false;
  EXPECT_TRUE(FailsWith(Error({Script()}), StatusCode::kInvalidArgument,
                        {"teacher.pt", "a program", "--trust_teacher_code"}));
}

TEST_F(TeacherFilesTest, ScriptsThatAreNoTeachersAreRefused) {
  const struct {
    const char* before;
    const char* after;
    std::vector<std::string> parts;
  } cases[] = {
      {"", "    y = torch.dropout(y, 0.5, True)\n", {"train mode"}},
      {"    x = x - x.mean(0)\n", "", {"train mode"}},
      {"", "    y = y.softmax(1)\n", {"probabilities", "softmax"}},
      {"", "    y = torch.sigmoid(y)\n", {"as a sigmoid gives"}},
      {"    x = x.view(64, 1, 8, 8)\n",
       "",
       {"shape '[64, 1, 8, 8]'", "torch.jit.script"}},
      {"", "    y = y[:, 1:]\n", {"logits of 9 classes", "the 10 of"}},
      {"", "    y = y / 0.0\n", {"not finite"}},
      {"", "    y = y.argmax(1)\n", {"answers [8]"}},
      {"", "    assert False, 'my own words'\n", {"my own words"}},
      {"    x = x[:, :, :4]\n", "", {"fails with images", "--teacher_size"}},
      // It answers, and knows nothing.
      {"    x = x * 0.0\n", "", {"training images", "--teacher_normalization"}},
  };
  for (const auto& one : cases) {
    const absl::Status status = Error({Script(one.before, one.after)});
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition)
        << one.before << one.after;
    for (const std::string& part : one.parts) {
      EXPECT_NE(std::string(status.message()).find(part), std::string::npos)
          << status;
    }
  }
}

// (As a loop over the batch does that was traced with 64 images.)
TEST_F(TeacherFilesTest, AnswersAboutSomeOfTheImagesAreAnError) {
  EXPECT_TRUE(FailsWith(
      Error({Script("", "    y = y[:64]\n")}), StatusCode::kInternal,
      {"answers [64, 10] about", "torch.jit.script", "TorchScript Toy"}));
}

TEST_F(TeacherFilesTest, AnAnswerThatIsNotFiniteIsFoundBeforeAnybodyLearns) {
  for (const auto& [image, when] : std::vector<std::pair<int, std::string>>{
           {99, "logits for the student"}, {50, "testing"}}) {
    const std::string spoil = absl::StrCat(
        "    n = torch.arange(x.size(0)).unsqueeze(1)\n"
        "    y = torch.where(n == ",
        image, ", y * float('nan'), y)\n");
    EXPECT_TRUE(FailsWith(
        Error({Script("", spoil)}), StatusCode::kInternal,
        {"teacher: " + when, absl::StrCat("image ", image, " (counted from 0)"),
         "not finite"}));
  }
}

TEST_F(TeacherFilesTest, AScriptMayWriteIntoItsInput) {
  const auto plain = Run({Script()});
  const auto writes = Run({Script("", "    x.zero_()\n")});
  ASSERT_TRUE(writes.ok()) << writes.status();
  EXPECT_TRUE(SameStudent(*plain, *writes));
}

TEST_F(TeacherFilesTest, ScriptsMayHaveStateOfAnyKind) {
  const auto plain = Answers({Script()});
  // Integers stay integers, and an answer may be of half precision.
  const std::string path = testing::WriteFile(
      folder_.File("index.pt"),
      ScriptBytes("def forward(self, x):\n"
                  "    y = torch.linear(x.flatten(1), self.weight.float())\n"
                  "    return y[:, self.order].half()\n",
                  {{"weight", weight_.to(at::kDouble)}},
                  {{"order", at::arange(kClasses)}}));
  EXPECT_TRUE(Answers({path}).first.allclose(plain.first, 1e-2, 1e-2));
  // Without any: one that answers, and knows nothing.
  files_.script.normalization = "0.5/0.5";
  EXPECT_TRUE(FailsWith(
      Error({testing::WriteFile(
          folder_.File("none.pt"),
          ScriptBytes("def forward(self, x):\n"
                      "    return torch.linear(x.flatten(1)[:, :10], "
                      "torch.ones([10, 10]))\n",
                      {}))}),
      StatusCode::kFailedPrecondition, {"none.pt", "training images"}));
}

TEST_F(TeacherFilesTest, FlagsWithoutEffectAreRefused) {
  const std::string table = Table({{"logits", Logits()}});
  trusts_scripts_alone_ = false;
  EXPECT_TRUE(FailsWith(Error({table}), StatusCode::kInvalidArgument,
                        {"--trust_teacher_code", "table.safetensors is none"}));
  files_.weights = {2};
  EXPECT_TRUE(FailsWith(Error({Script()}), StatusCode::kInvalidArgument,
                        {"--teacher_shares would change nothing"}));
}

TEST_F(TeacherFilesTest, AnswersThatAreNoTensorsAreRefused) {
  const std::string path = testing::WriteFile(
      folder_.File("tuple.pt"),
      ScriptBytes("def forward(self, x):\n    return (x, x)\n", {}));
  EXPECT_TRUE(FailsWith(Error({path}), StatusCode::kFailedPrecondition,
                        {"returns Tuple"}));
}

TEST_F(TeacherFilesTest, AFileCutAnywhereIsAnError) {
  const std::string bytes = testing::ReadFile(Script());
  for (int percent = 0; percent < 100; ++percent) {
    const std::string cut = bytes.substr(0, bytes.size() * percent / 100);
    const absl::Status status =
        Error({testing::WriteFile(folder_.File("cut.pt"), cut)});
    EXPECT_FALSE(status.ok()) << percent;
    EXPECT_NE(std::string(status.message()).find("cut.pt"), std::string::npos)
        << status;
  }
}

TEST_F(TeacherFilesTest, OtherFilesAreNamed) {
  const auto error = [&](const std::string& bytes) {
    return std::string(
        Error({testing::WriteFile(folder_.File("f.pt"), bytes)}).message());
  };
  const std::string zip = "PK\3\4";
  EXPECT_NE(error(zip + "model/data.pkl").find("what torch.save writes"),
            std::string::npos);
  EXPECT_NE(error(zip + "m/archive_format").find("torch.export.save"),
            std::string::npos);
  EXPECT_NE(error(zip).find("another zip archive"), std::string::npos);
  EXPECT_NE(error("GGUF" + std::string(99, 2)).find("GGUF"), std::string::npos);
}

TEST_F(TeacherFilesTest, ScriptsAreFedAsTheyWereTrained) {
  const auto plain = Answers({Script()});
  // What the script's own pixels are: x / 255 - 0.5, and then twice as large.
  const Normalization usual = NormalizationOf(*splits_.train);
  const std::string undo = absl::StrFormat("    x = (x + 0.5 - %.9g) / %.9g\n",
                                           usual.mean[0], usual.std[0]);
  files_.script.normalization = "0.5/1";
  files_.script.batch = 7;
  EXPECT_TRUE(Answers({Script(undo)}).first.allclose(plain.first, 1e-3, 1e-4));
  files_.script.normalization = "";
  // Twice the size, of which it takes the means.
  files_.script.size = 2 * kSide;
  const auto scaled = Answers({Script("    x = torch.avg_pool2d(x, 2)\n")});
  EXPECT_GT(scaled.first.argmax(1)
                .eq(plain.first.argmax(1))
                .to(at::kDouble)
                .mean()
                .item<double>(),
            0.9);
  files_.script.size = 0;
  // Grey images for a net of colours.
  const auto colour =
      Answers({Script("    assert x.size(1) == 3\n    x = x.mean(1)\n")});
  EXPECT_TRUE(colour.first.allclose(plain.first, 1e-3, 1e-4));
  files_.script.normalization = "imagenet";
  EXPECT_TRUE(
      Run({Script("    assert x.size(1) == 3\n    x = x.mean(1)\n")}).ok());
  for (const char* wrong : {"image", "0.5", "0.5/0", "1,2/1", "0.5/x", "/"}) {
    files_.script.normalization = wrong;
    EXPECT_TRUE(FailsWith(Error({Script()}), StatusCode::kInvalidArgument,
                          {"--teacher_normalization is", wrong}));
  }
}

TEST_F(TeacherFilesTest, ADictOffersFeatures) {
  const std::string path = testing::WriteFile(
      folder_.File("dict.pt"),
      ScriptBytes("def forward(self, x):\n"
                  "    y = torch.linear(x.flatten(1), self.weight)\n"
                  "    return {'logits': y, 'half': torch.relu(y)[:, :5]}\n",
                  {{"weight", weight_}}));
  options_.loss.method = "rkd";
  options_.student = "mlp:12";
  const auto run = Run({path});
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_TRUE(run->features.has_value());
  EXPECT_EQ(run->features->teacher.name, "half");
  EXPECT_EQ(run->features->teacher.sizes, Shape{5});
}

TEST_F(TeacherFilesTest, TheTeacherMustBeWhatTheUserSays) {
  options_.teacher = "cnn:8";
  EXPECT_TRUE(FailsWith(Error({Script()}), StatusCode::kInvalidArgument,
                        {"--teacher is cnn:8", "TorchScript Toy"}));
}

}  // namespace
}  // namespace distill
