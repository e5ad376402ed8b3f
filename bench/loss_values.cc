// Prints every method's soft term, with weights of 1 and T = 4, of the tensors
// in a file, for tools/peers to compare with others' libraries.
//
// usage: loss_values TENSORS.safetensors
//
// float32 student_logits and teacher_logits [batch, classes], student_maps and
// teacher_maps [batch, channels, height, width]; int64 labels [batch]. One line
// of JSON: the values by method.
#include <cstring>
#include <iostream>
#include <string>

#include "ATen/ops/empty.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/json.h"
#include "base/status.h"
#include "base/torch_status.h"
#include "data/safetensors.h"
#include "losses/methods.h"

namespace distill {
namespace {

absl::StatusOr<at::Tensor> TensorOf(const SafeTensors& file,
                                    const std::string& name) {
  const SafeTensor* const found = file.Find(name);
  if (found == nullptr || (found->dtype != "F32" && found->dtype != "I64")) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": found no such tensor of float32 or int64"));
  }
  at::Tensor tensor =
      at::empty(found->shape, found->dtype == "F32" ? at::kFloat : at::kLong);
  std::memcpy(tensor.mutable_data_ptr(), found->bytes.data(),
              found->bytes.size());
  return tensor;
}

absl::Status Run(const std::string& path) {
  ASSIGN_OR_RETURN(const SafeTensors file, ReadSafeTensors(path));
  ASSIGN_OR_RETURN(const auto student, TensorOf(file, "student_logits"));
  ASSIGN_OR_RETURN(const auto teacher, TensorOf(file, "teacher_logits"));
  ASSIGN_OR_RETURN(const auto labels, TensorOf(file, "labels"));
  ASSIGN_OR_RETURN(const auto student_maps, TensorOf(file, "student_maps"));
  ASSIGN_OR_RETURN(const auto teacher_maps, TensorOf(file, "teacher_maps"));
  Json values;
  for (const Method& method : Methods()) {
    for (const bool standardize : {false, true}) {
      MethodOptions options;
      options.method = method.name;
      options.kd = {/*temperature=*/4, /*alpha=*/1};
      options.standardize_logits = standardize;
      options.attention_weight = 1;
      const bool logits = method.compares == Compares::kLogits;
      if (!logits && standardize) continue;
      const LossTerms terms =
          logits ? MethodLoss(student, teacher, labels, options)
                 : FeatureLoss(student, {student_maps, teacher_maps}, labels,
                               options);
      values[absl::StrCat(method.name, standardize ? ", standardised" : "")] =
          terms.total.item<double>();
    }
  }
  // RKD's terms apart.
  for (const char* const part : {"distance", "angle"}) {
    MethodOptions options;
    options.method = "rkd";
    options.kd.alpha = 1;
    options.rkd_distance_weight = part[0] == 'd' ? 1 : 0;
    options.rkd_angle_weight = part[0] == 'a' ? 1 : 0;
    values[absl::StrCat("rkd, ", part)] =
        FeatureLoss(student, {student_maps, teacher_maps}, labels, options)
            .total.item<double>();
  }
  std::cout << JsonText(values) << std::endl;
  return absl::OkStatus();
}

}  // namespace
}  // namespace distill

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: loss_values TENSORS.safetensors\n";
    return 2;
  }
  const absl::Status status = distill::CatchTorchErrors(
      "computing losses", [&] { return distill::Run(argv[1]); });
  if (!status.ok()) std::cerr << "loss_values: " << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
