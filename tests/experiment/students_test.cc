#include "experiment/students.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/uniform_tensor.h"
#include "experiment/run.h"
#include "gtest/gtest.h"
#include "models/weights.h"
#include "tests/testing/experiment.h"
#include "tests/testing/files.h"
#include "tests/testing/script.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using absl::StatusCode;
using testing::Cpu;
using testing::FailsWith;
using testing::ToySplit;

constexpr int64_t kSide = 8, kClasses = 10;

// With a batch norm of its own and dropout, as PyTorch's modules have them.
constexpr char kNet[] = R"(
def forward(self, x):
    y = torch.linear(x.flatten(1), self.weight, self.bias)
    y = torch.batch_norm(y, None, None, self.mean, self.variance, self.training,
                         0.1, 1e-5, False)
    y = torch.dropout(torch.relu(y), 0.1, self.training)
    return torch.linear(y, self.last)
)";

class StudentsTest : public ::testing::Test {
 protected:
  StudentsTest() {
    files_.trust = true;
    options_.batch_size = 20;
    options_.teacher = "mlp:32";
    options_.teacher_epochs = 3;
    options_.learning_rate = 0.01;
    files_.from = Write("student.pt", kNet);
  }

  std::string Write(const std::string& name, const std::string& source) {
    Random random(3, "a student's weights");
    const auto draw = [&](at::IntArrayRef sizes) {
      return UniformTensor(sizes, 0.1, random);
    };
    return testing::WriteFile(
        folder_.File(name),
        testing::ScriptBytes(
            source,
            {{"weight", draw({16, kSide * kSide})},
             {"bias", draw({16})},
             {"last", draw({kClasses, 16})}},
            {{"mean", at::zeros({16})}, {"variance", at::ones({16})}}));
  }
  absl::StatusOr<ExperimentResult> Run() {
    ExperimentOptions options = options_;
    auto source = OpenStudent(files_, &options);
    if (!source.ok()) return source.status();
    source_ = *std::move(source);
    TrainedHere teacher;
    spelling_ = options.student;
    return RunExperiment(options, Cpu(), splits_, observer_, teacher, nullptr,
                         *source_);
  }
  // The tensors that its students begin with.
  std::vector<NamedTensor> Begin() {
    ExperimentOptions options = options_;
    const auto source = OpenStudent(files_, &options);
    EXPECT_TRUE(source.ok()) << source.status();
    EXPECT_TRUE((*source)->Outline(options, *splits_.train).ok());
    const auto data = DivideData(splits_, {});
    const Compute cpu = Cpu();
    const Stages stages(options, cpu, *data, observer_, nullptr);
    const auto model = (*source)->Make(stages);
    EXPECT_TRUE(model.ok()) << model.status();
    spelling_ = options.student;
    return (*model)->State();
  }
  static bool SameTensors(const SafeTensors& file,
                          const std::vector<NamedTensor>& state) {
    for (const NamedTensor& one : state) {
      const SafeTensor* tensor = file.Find(one.name);
      if (tensor == nullptr ||
          tensor->bytes != ToSafeTensor(one.name, one.value).bytes) {
        return false;
      }
    }
    return file.tensors.size() == state.size();
  }
  static bool SameState(const StageResult& a, const StageResult& b) {
    const auto one = a.model->State(), other = b.model->State();
    for (size_t i = 0; i < one.size(); ++i) {
      if (!one[i].value.equal(other[i].value)) return false;
    }
    return one.size() == other.size();
  }

  testing::TempFolder folder_;
  const Splits splits_ = {ToySplit(400, Split::kTrain, 0.2, kSide),
                          ToySplit(80, Split::kTest, 0.2, kSide)};
  StudentFiles files_;
  ExperimentOptions options_;
  Observer observer_;
  std::unique_ptr<StudentSource> source_;
  std::string spelling_;
};

TEST_F(StudentsTest, AScriptLearns) {
  options_.student_epochs = 6;
  const auto run = Run();
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(spelling_, "TorchScript Toy");
  EXPECT_GT(run->student.test.accuracy(), 0.9);
  EXPECT_EQ(run->student.outline.parameters, 16 * 64 + 16 + 160);
  EXPECT_TRUE(run->control.has_value());
  // What the run leaves is what it has judged.
  const auto bytes = source_->ScriptFile(run->student);
  ASSERT_TRUE(bytes.ok() && *bytes) << bytes.status();
  auto script = Script::Read(**bytes, "student.pt");
  ASSERT_TRUE(script.ok()) << script.status();
  const auto data = DivideData(splits_, {});
  FrozenClassifier read(*script);
  EXPECT_TRUE(read.Logits(data->test.Range(0, 80).images)
                  .equal(run->student.test_logits));
  const auto file = source_->File(options_, run->student, *splits_.train);
  ASSERT_TRUE(file.ok()) << file.status();
  for (const char* name : {"weight", "bias", "last", "mean", "variance"}) {
    ASSERT_NE(file->Find(name), nullptr) << name;
  }
  EXPECT_EQ(file->tensors.size(), 5u);
}

TEST_F(StudentsTest, AllSeedsBeginWithTheFilesWeights) {
  // With no teacher's term the control is the student.
  options_.loss.kd.alpha = 0;
  const auto run = Run();
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(SameState(run->student, *run->control));
  const auto again = Run();
  EXPECT_TRUE(SameState(run->student, again->student));
  // The seed still chooses the order and the dropout.
  options_.seed = 1;
  const auto other = Run();
  EXPECT_FALSE(SameState(run->student, other->student));
}

TEST_F(StudentsTest, GivenWeightsAreWhereItBegins) {
  const auto first = Run();
  ASSERT_TRUE(first.ok()) << first.status();
  const auto file = source_->File(options_, first->student, *splits_.train);
  EXPECT_FALSE(SameTensors(*file, Begin()));
  files_.weights = testing::WriteFile(folder_.File("weights.safetensors"),
                                      *SerializeSafeTensors(*file));
  EXPECT_TRUE(SameTensors(*file, Begin()));
  // Of another net.
  SafeTensors less = *file;
  less.tensors.pop_back();
  testing::WriteFile(files_.weights, *SerializeSafeTensors(less));
  EXPECT_TRUE(FailsWith(Run().status(), StatusCode::kDataLoss,
                        {"weights.safetensors", "TorchScript Toy"}));
  files_.reset = true;
  EXPECT_TRUE(FailsWith(Run().status(), StatusCode::kInvalidArgument,
                        {"--reset_parameters", "--student_weights"}));
}

TEST_F(StudentsTest, ANetThatIsSpelledMayBeginWithWeightsToo) {
  files_ = {};
  options_.student = "mlp:12";
  const auto first = Run();
  ASSERT_TRUE(first.ok()) << first.status();
  const auto file = source_->File(options_, first->student, *splits_.train);
  files_.weights = testing::WriteFile(folder_.File("s.safetensors"),
                                      *SerializeSafeTensors(*file));
  options_.student = ExperimentOptions().student;
  EXPECT_TRUE(SameTensors(*file, Begin()));
  EXPECT_EQ(spelling_, "mlp:12");
  options_.student = "mlp:13";
  EXPECT_TRUE(FailsWith(Run().status(), StatusCode::kInvalidArgument,
                        {"--student is mlp:13", "mlp:12"}));
}

TEST_F(StudentsTest, AScriptsRandomNumbersAreTheProcesss) {
  auto source = OpenStudent(files_, &options_);
  ASSERT_TRUE(source.ok()) << source.status();
  Compute compute = Cpu();
  compute.runs_at_once = 2;
  TrainedHere teacher;
  EXPECT_TRUE(FailsWith(RunExperiment(options_, compute, splits_, observer_,
                                      teacher, nullptr, **source)
                            .status(),
                        StatusCode::kInvalidArgument,
                        {"--runs_at_once is 2", "--student_from"}));
}

TEST_F(StudentsTest, ALastBatchOfOneImageIsRefusedBeforeTheTeacherTrains) {
  const std::vector<std::string> parts = {"--batch_size is 21",
                                          "student's 400 images", "like 20"};
  options_.batch_size = 21;  // 19 * 21 + 1.
  EXPECT_TRUE(FailsWith(Run().status(), StatusCode::kInvalidArgument, parts));
  options_.student = "mobile:8,16s,16s,16s";
  TrainedHere teacher;
  const auto spelled = [&] {
    return RunExperiment(options_, Cpu(), splits_, observer_, teacher).status();
  };
  EXPECT_TRUE(FailsWith(spelled(), StatusCode::kInvalidArgument, parts));
  options_.batch_size = 20;
  EXPECT_TRUE(spelled().ok()) << spelled();
}

TEST_F(StudentsTest, WhatCannotBeTrainedIsRefused) {
  files_.reset = true;
  EXPECT_TRUE(
      FailsWith(Run().status(), StatusCode::kFailedPrecondition,
                {"student.pt", "\"weight\" of Toy", "--reset_parameters"}));
  files_.reset = false;
  files_.from = Write("deaf.pt", R"(
def forward(self, x):
    return torch.linear(x.flatten(1)[:, :16], self.last) + self.bias[0]
)");
  EXPECT_TRUE(FailsWith(Run().status(), StatusCode::kFailedPrecondition,
                        {"\"weight\", which the logits do not depend on"}));
  files_.trust = false;
  EXPECT_TRUE(FailsWith(Run().status(), StatusCode::kInvalidArgument,
                        {"deaf.pt", "--trust_student_code"}));
  files_.trust = true;
  options_.student = "mlp:4";
  EXPECT_TRUE(FailsWith(Run().status(), StatusCode::kInvalidArgument,
                        {"--student is mlp:4", "TorchScript Toy"}));
}

}  // namespace
}  // namespace distill
