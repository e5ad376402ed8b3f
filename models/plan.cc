#include "models/plan.h"

#include <algorithm>
#include <utility>

namespace distill {
namespace {

using Kind = Operation::Kind;

bool IsConvolution3x3(const Operation& o) {
  return o.kind == Kind::kConvolution && o.kernel == 3 && o.stride == 1 &&
         o.padding == 1 && o.groups == 1 && o.bias;
}

bool IsPooling2x2(const Operation& o) {
  return o.kind == Kind::kMaxPool && o.kernel == 2 && o.stride == 2;
}

}  // namespace

std::vector<PlanStep> MakePlan(const Graph& graph) {
  const std::vector<Operation>& operations = graph.operations;
  const int count = static_cast<int>(operations.size());
  const std::vector<std::vector<int>> users = UsersOf(graph);
  // Whether nobody but the operation behind it sees what `i` makes.
  const auto is_inner = [&](int i) {
    return users[i] == std::vector<int>{i + 1} && operations[i].feature.empty();
  };
  std::vector<PlanStep> plan;
  std::vector<bool> begins_block(count, false);
  for (int i = 0; i < count;) {
    PlanStep step;
    step.first = step.last = i;
    const bool with_relu = is_inner(i) && operations[i + 1].kind == Kind::kRelu;
    if (operations[i].kind == Kind::kLinear && operations[i].bias) {
      step.kind = PlanStep::Kind::kDense;
      step.last = with_relu ? i + 1 : i;
    } else if (operations[i].kind == Kind::kBatchNorm) {
      step.kind = PlanStep::Kind::kBatchNorm;
      const int input = operations[i].inputs[0];
      if (input != kImages && is_inner(input) &&
          operations[input].kind == Kind::kConvolution) {
        step.convolution = input;
      }
      for (const Kind next : {Kind::kAdd, Kind::kRelu}) {
        const int last = step.last;
        if (is_inner(last) && operations[last + 1].kind == next) ++step.last;
      }
    } else if (IsConvolution3x3(operations[i]) && with_relu &&
               is_inner(i + 1) && IsPooling2x2(operations[i + 2])) {
      step.kind = PlanStep::Kind::kConvBlock;
      step.last = i + 2;
      begins_block[i] = true;
    }
    i = step.last + 1;
    plan.push_back(std::move(step));
  }
  std::vector<int> step_of(count);
  for (size_t number = 0; number < plan.size(); ++number) {
    PlanStep& step = plan[number];
    step.inputs = operations[step.first].inputs;
    for (int i = step.first; i <= step.last; ++i) {
      step_of[i] = static_cast<int>(number);
      if (i == step.first) continue;
      for (const int input : operations[i].inputs) {
        if (input != i - 1) step.inputs.push_back(input);
      }
    }
  }
  for (PlanStep& step : plan) {
    if (step.kind != PlanStep::Kind::kBatchNorm || step.inputs.size() < 2) {
      continue;
    }
    const int added = step.inputs[1];
    if (added == kImages || users[added].size() < 2) continue;
    PlanStep& maker = plan[step_of[added]];
    if (maker.kind != PlanStep::Kind::kBatchNorm || maker.is_carried_to) {
      continue;
    }
    step.carries_to = added;
    maker.is_carried_to = true;
  }
  // Those of the step that take what comes into it as it is.
  const auto takes_compact = [&](int taker) {
    const PlanStep& step = plan[step_of[taker]];
    const Kind kind = operations[step.first].kind;
    return step.kind == PlanStep::Kind::kBatchNorm ||
           (step.kind == PlanStep::Kind::kOperation &&
            (kind == Kind::kConvolution || kind == Kind::kZeroPadShortcut ||
             kind == Kind::kGlobalAveragePool));
  };
  std::vector<bool> is_needed(count, false);
  for (auto step = plan.rbegin(); step != plan.rend(); ++step) {
    const std::vector<int>& takers = users[step->last];
    step->channels_last =
        step->kind == PlanStep::Kind::kConvBlock &&
        std::all_of(takers.begin(), takers.end(),
                    [&](int taker) { return begins_block[taker]; });
    step->compact = std::all_of(takers.begin(), takers.end(), takes_compact);
    for (const int input : step->inputs) {
      if (input == kImages || is_needed[input]) continue;
      is_needed[input] = true;
      step->done.push_back(input);
    }
  }
  return plan;
}

}  // namespace distill
