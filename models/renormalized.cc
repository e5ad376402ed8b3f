#include "models/renormalized.h"

#include <string>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"

namespace distill {
namespace {

class Renormalized : public Classifier {
 public:
  Renormalized(std::shared_ptr<Classifier> model, const Normalization& own,
               const Normalization& fed)
      : model_(std::move(model)),
        // The pixel is fed.mean + fed.std x, and is wanted less own.mean, over
        // own.std.
        factor_(static_cast<double>(fed.std) / own.std),
        offset_((static_cast<double>(fed.mean) - own.mean) / own.std) {
    for (const NamedTensor& one : model_->named_parameters()) {
      AddParameter("model." + one.name, one.value);
    }
    for (const NamedTensor& one : model_->named_buffers()) {
      AddBuffer("model." + one.name, one.value, one.persistent);
    }
  }

  void train(bool on) override {
    Classifier::train(on);
    model_->train(on);
  }

  Outputs Forward(const at::Tensor& images,
                  const std::vector<std::string>& features) override {
    return model_->Forward(images * factor_ + offset_, features);
  }
  std::vector<Feature> Features() const override { return model_->Features(); }
  int64_t FlopPerImage() const override { return model_->FlopPerImage(); }
  std::string Describe() const override { return model_->Describe(); }

 private:
  std::shared_ptr<Classifier> model_;
  const double factor_, offset_;
};

}  // namespace

std::shared_ptr<Classifier> Renormalize(std::shared_ptr<Classifier> model,
                                        const Normalization& own,
                                        const Normalization& fed) {
  if (own.mean == fed.mean && own.std == fed.std) return model;
  return std::make_shared<Renormalized>(std::move(model), own, fed);
}

}  // namespace distill
