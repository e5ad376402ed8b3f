// Models that come from PyTorch, and go back: with the documented programs.
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/data_hash.h"
#include "cli/distill.h"
#include "cli/evaluate.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/testing/files.h"
#include "tests/testing/python.h"

namespace distill {
namespace {

using nlohmann::json;
using testing::RunPyTorch;
using testing::Source;

class PyTorchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::WhyNoPyTorch().empty())
      GTEST_SKIP() << testing::WhyNoPyTorch();
    // Colour images whose classes are easily told apart.
    const std::string script = testing::WriteFile(
        folder_.File("make.py"),
        "import sys, numpy as np\n"
        "random = np.random.default_rng(5)\n"
        "means = random.integers(40, 215, (4, 1, 1, 3))\n"
        "def split(n):\n"
        "    labels = np.arange(n) % 4\n"
        "    noise = random.integers(-40, 40, (n, 16, 16, 3))\n"
        "    return (means[labels] + noise).astype('uint8'), labels\n"
        "a, b = split(240); c, d = split(80)\n"
        "np.savez(sys.argv[1], train_images=a, train_labels=b, test_images=c,\n"
        "         test_labels=d)\n");
    Python("'" + script + "' '" + data_ + "'");
    options_.compute.device = "cpu";
    options_.data.data_dir = data_;
    options_.experiment.batch_size = 20;
    options_.experiment.student = "mlp:8";
  }

  static std::string Python(const std::string& arguments) {
    const testing::ProcessResult result = RunPyTorch(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.out;
    return result.LastLine();
  }
  static int Distill(const DistillOptions& options, std::ostream& out,
                     std::ostream& err, const ConsoleOptions& console) {
    return RunDistill(options, out, err, console);
  }
  template <typename Options, typename Run>
  json Ran(const Run& run, const Options& options) {
    std::ostringstream out, err;
    EXPECT_EQ(run(options, out, err, ConsoleOptions()), 0) << err.str();
    text_ = out.str();
    const std::string lines = text_.substr(0, text_.size() - 1);
    return json::parse(lines.substr(lines.rfind('\n') + 1));
  }
  // ResNet-20 of 4 classes, not trained.
  std::string ResNet() {
    const std::string path = folder_.File("resnet.pt");
    Python(absl::StrCat(
        "-c \"import sys; sys.path.insert(0, ", Source("docs/examples"),
        "); import torch, ", "cifar_resnet as c; torch.manual_seed(0); ",
        "m = c.ResNet(1, 4); m.conv1.weight.requires_grad_(False); ",
        "torch.jit.script(m).save('", path, "')\""));
    return path;
  }

  testing::TempFolder folder_;
  const std::string data_ = folder_.File("data.npz");
  DistillOptions options_;
  std::string text_;
};

TEST_F(PyTorchTest, AStudentOfTheirsComesBackAsItWasJudged) {
  options_.experiment.teacher = "mlp:16";
  options_.experiment.teacher_epochs = 4;
  options_.experiment.student_epochs = 3;
  options_.experiment.student = ExperimentOptions().student;
  options_.student_files.from = ResNet();
  options_.student_files.trust = true;
  options_.student_files.reset = true;
  options_.seeds = 2;
  options_.output_dir = folder_.File("out");
  const json run = Ran(Distill, options_);
  EXPECT_EQ(run["studentModel"], "TorchScript ResNet");
  EXPECT_GT(run["student"]["testAccuracy"], 0.8);
  // The seeds differ in their weights, and so from the first step on.
  EXPECT_NE(run["runs"][0]["student"]["trainLoss"],
            run["runs"][1]["student"]["trainLoss"]);

  const std::string onnx = folder_.File("student.onnx");
  const json theirs = json::parse(Python(
      absl::StrCat(Source("docs/examples/use_student.py"), " '",
                   options_.output_dir, "' '", data_, "' '", onnx, "'")));
  EXPECT_EQ(theirs["errors"], run["runs"][0]["student"]["testErrors"]);

  // What did not learn is as it was, though all else was drawn anew.
  Python(absl::StrCat("-c \"import torch; a = torch.jit.load('",
                      options_.student_files.from, "'); b = torch.jit.load('",
                      options_.output_dir,
                      "/student.pt'); assert torch.equal(a.conv1.weight, "
                      "b.conv1.weight); assert not torch.equal(a.linear.weight,"
                      " b.linear.weight)\""));

  EvaluateOptions evaluate;
  evaluate.model = options_.output_dir + "/student.pt";
  evaluate.data = options_.data;
  evaluate.script.trust = true;
  EXPECT_EQ(Ran(RunEvaluate, evaluate)["errors"], theirs["errors"]);

  // And by another runtime, through their exporter.
  const testing::ProcessResult runtime = testing::RunPython(absl::StrCat(
      "-c \"import json, sys, numpy as np, onnxruntime as o; ", "i = np.load('",
      data_, "')['test_images'].transpose(0, 3, 1, 2); ", "h = open('",
      options_.output_dir, "/student.safetensors', 'rb'); ",
      "m = json.loads(h.read(int.from_bytes(h.read(8), 'little'))); ",
      "m = m['__metadata__']; ",
      "f = lambda k: np.array(m[k].split(','), 'f4').reshape(3, 1, 1); ",
      "x = (i.astype('f4') / 255 - f('mean')) / f('std'); ",
      "s = o.InferenceSession('", onnx, "'); ",
      "print(json.dumps(s.run(None, {'images': x})[0].tolist()))\""));
  ASSERT_EQ(runtime.exit_code, 0) << runtime.out;
  const json logits = json::parse(runtime.LastLine());
  ASSERT_EQ(logits.size(), 80u);
  for (size_t i = 0; i < logits.size(); ++i) {
    for (size_t c = 0; c < 4; ++c) {
      EXPECT_NEAR(logits[i][c].get<double>(),
                  theirs["logits"][i][c].get<double>(), 1e-3);
    }
  }
}

TEST_F(PyTorchTest, ATableThatTheyWriteSaysOfWhichImagesItIs) {
  // The teacher: what is nearest to a class's own colour.
  const std::string teacher = folder_.File("teacher.pt");
  Python(absl::StrCat(
      "-c \"import torch, numpy as np\n"
      "a = np.load('",
      data_,
      "')\n"
      "x = torch.from_numpy(a['train_images']).float().div(255).mean((1, 2))\n"
      "w = torch.stack([x[c::4].mean(0) for c in range(4)])\n"
      "m = torch.nn.Sequential(torch.nn.AvgPool2d(16), torch.nn.Flatten(), "
      "torch.nn.Linear(3, 4))\n"
      "m[2].weight.data = 60 * w; m[2].bias.data = -30 * (w * w).sum(1)\n"
      "torch.jit.trace(m.eval(), torch.zeros(2, 3, 16, 16)).save('",
      teacher, "')\""));
  const std::string table = folder_.File("table.safetensors");
  Python(absl::StrCat(Source("docs/examples/logits_table.py"), " '", teacher,
                      "' '", data_, "' '", table, "'"));
  options_.teacher_files.from = {table};
  const json by_table = Ran(Distill, options_);
  EXPECT_EQ(text_.find("note:"), std::string::npos) << text_;
  EXPECT_GT(by_table["teacher"]["testAccuracy"], 0.9);

  DataHashOptions hash;
  hash.data = options_.data;
  EXPECT_EQ(Ran(RunDataHash, hash)["trainImagesCrc32"],
            by_table["trainImagesCrc32"]);

  options_.teacher_files.from = {teacher};
  options_.teacher_files.script.trust = true;
  options_.teacher_files.script.normalization = "0/1";
  const json by_script = Ran(Distill, options_);
  EXPECT_EQ(by_script["teacher"]["testErrors"],
            by_table["teacher"]["testErrors"]);
  EXPECT_NEAR(by_script["student"]["testLoss"].get<double>(),
              by_table["student"]["testLoss"].get<double>(), 1e-2);
}

TEST_F(PyTorchTest, WhatAModelSaysOfItsErrorIsPassedOn) {
  const std::string path = folder_.File("raises.pt");
  testing::WriteFile(folder_.File("raises.py"),
                     "import sys, torch\n"
                     "class M(torch.nn.Module):\n"
                     "    def forward(self, x):\n"
                     "        if x.size(0) > 0:\n"
                     "            raise RuntimeError('my own words')\n"
                     "        return x\n"
                     "torch.jit.script(M()).save(sys.argv[1])\n");
  Python("'" + folder_.File("raises.py") + "' '" + path + "'");
  options_.teacher_files.from = {path};
  options_.teacher_files.script.trust = true;
  std::ostringstream out, err;
  EXPECT_EQ(RunDistill(options_, out, err, ConsoleOptions()), 1);
  EXPECT_NE(err.str().find("my own words"), std::string::npos) << err.str();
}

// In train mode its batch norm and dropout are part of the trace.
TEST_F(PyTorchTest, ATraceInTrainModeIsRefused) {
  const std::string path = folder_.File("traced.pt");
  Python(absl::StrCat(
      "-c \"import torch\nm = torch.nn.Sequential(torch.nn.BatchNorm2d(3), "
      "torch.nn.Flatten(), torch.nn.Linear(768, 4))\n"
      "torch.jit.trace(m.train(), torch.randn(2, 3, 16, 16)).save('",
      path, "')\""));
  options_.teacher_files.from = {path};
  options_.teacher_files.script.trust = true;
  std::ostringstream out, err;
  EXPECT_EQ(RunDistill(options_, out, err, ConsoleOptions()), 1);
  EXPECT_NE(err.str().find("train mode"), std::string::npos) << err.str();
}

}  // namespace
}  // namespace distill
