#include "models/shortcut.h"

#include <vector>

#include "ATen/core/grad_mode.h"
#include "ATen/ops/zeros.h"
#include "base/known_gradient.h"

namespace distill {

at::Tensor ZeroPadShortcut(const at::Tensor& x, int64_t outputs,
                           int64_t stride) {
  TORCH_CHECK(x.dim() == 4 && stride >= 1 && outputs >= x.size(3) &&
                  (outputs - x.size(3)) % 2 == 0,
              "x is ", x.sizes(), ", for ", outputs, " channels at stride ",
              stride,
              "; it must be [batch, height, width, channels], with an even "
              "number of channels less");
  const std::vector<int64_t> sizes = x.sizes().vec();
  const int64_t zeros = (outputs - sizes[3]) / 2;
  const auto taken = [=](const at::Tensor& image) {
    return image.slice(1, 0, sizes[1], stride).slice(2, 0, sizes[2], stride);
  };
  const auto filled = [=](const at::Tensor& padded) {
    return padded.narrow(3, zeros, sizes[3]);
  };
  const bool needs_graph = at::GradMode::is_enabled() && x.requires_grad();
  const at::NoGradGuard no_grad;
  const at::Tensor from = taken(x);
  const at::Tensor out =
      at::zeros({sizes[0], from.size(1), from.size(2), outputs}, x.options());
  filled(out).copy_(from);
  if (!needs_graph) return out;
  return WithKnownGradient(
      out, {x}, {},
      [=](const std::vector<at::Tensor>& /*saved*/, const at::Tensor& gradient,
          const std::vector<bool>& /*needed*/) {
        const at::Tensor of_x = at::zeros(sizes, gradient.options());
        taken(of_x).copy_(filled(gradient));
        return std::vector<at::Tensor>{of_x};
      });
}

}  // namespace distill
