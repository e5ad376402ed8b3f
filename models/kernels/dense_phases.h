// Fully connected layers and Adam on a GPU, as products and phases.
#ifndef DISTILL_MODELS_KERNELS_DENSE_PHASES_H_
#define DISTILL_MODELS_KERNELS_DENSE_PHASES_H_

#include <cmath>
#include <cstdint>

#include "base/host_device.h"
#include "models/kernels/product_phases.h"

namespace distill {
namespace kernels {

// Rows, columns and depths of a layer's products are their numbers.
struct PlainIndices {
  using Row = int;
  using Column = int;
  using Depth = int;
  DISTILL_HOST_DEVICE int RowOf(int m) const { return m; }
  DISTILL_HOST_DEVICE int ColumnOf(int n) const { return n; }
  DISTILL_HOST_DEVICE int DepthOf(int k) const { return k; }
};

// As in dense_kernels.h: x [batch, inputs], weight [outputs, inputs], out and
// its gradient [batch, outputs]; all indices fit into 31 bits.
struct DenseArrays : PlainIndices {
  int batch, inputs, outputs;
  bool relu;
  bool four_inputs, four_outputs;  // They can be read four at a time.
  const float *x, *weight, *bias;
  const float* grad_out;
  float *out, *grad_x, *grad_weight, *grad_bias;

  // The gradient before ReLU, of kMany outputs.
  template <int kMany>
  DISTILL_HOST_DEVICE void Gradient(int row, int output, float* values) const {
    const int at = row * outputs + output;
    Load<kMany>(grad_out + at, values);
    if (!relu) return;
    float outs[kMany];
    Load<kMany>(out + at, outs);
    DISTILL_UNROLL
    for (int i = 0; i < kMany; ++i) {
      if (!(outs[i] > 0)) values[i] = 0;
    }
  }
};

// [batch, inputs] times [inputs, outputs].
struct DenseForward : DenseArrays {
  static constexpr bool kAlongA = true, kAlongB = true, kWindows = false;
  DISTILL_HOST_DEVICE bool FourA() const { return four_inputs; }
  DISTILL_HOST_DEVICE bool FourB() const { return four_inputs; }
  template <int kMany>
  DISTILL_HOST_DEVICE void A(int m, int k, float* values) const {
    Load<kMany>(x + m * inputs + k, values);
  }
  template <int kMany>
  DISTILL_HOST_DEVICE void B(int k, int n, float* values) const {
    Load<kMany>(weight + n * inputs + k, values);
  }
  DISTILL_HOST_DEVICE void Store(int m, int n, float value) const {
    value += bias[n];
    // NaN stays NaN.
    out[m * outputs + n] = relu && value < 0 ? 0 : value;
  }
};

// [batch, outputs] times [outputs, inputs].
struct DenseInputGradient : DenseArrays {
  static constexpr bool kAlongA = true, kAlongB = false, kWindows = false;
  DISTILL_HOST_DEVICE bool FourA() const { return four_outputs; }
  DISTILL_HOST_DEVICE bool FourB() const { return four_inputs; }
  template <int kMany>
  DISTILL_HOST_DEVICE void A(int m, int k, float* values) const {
    Gradient<kMany>(m, k, values);
  }
  template <int kMany>
  DISTILL_HOST_DEVICE void B(int k, int n, float* values) const {
    Load<kMany>(weight + k * inputs + n, values);
  }
  DISTILL_HOST_DEVICE void Store(int m, int n, float value) const {
    grad_x[m * inputs + n] = value;
  }
};

// [outputs, batch] times [batch, inputs + 1], of which the last column, of
// ones, gives the bias.
struct DenseWeightGradient : DenseArrays {
  static constexpr bool kAlongA = false, kAlongB = false, kWindows = false;
  DISTILL_HOST_DEVICE bool FourA() const { return four_outputs; }
  DISTILL_HOST_DEVICE bool FourB() const { return four_inputs; }
  template <int kMany>
  DISTILL_HOST_DEVICE void A(int m, int k, float* values) const {
    Gradient<kMany>(k, m, values);
  }
  // (After the column of ones there are none.)
  template <int kMany>
  DISTILL_HOST_DEVICE void B(int k, int n, float* values) const {
    if (n < inputs) {
      Load<kMany>(x + k * inputs + n, values);
    } else {
      Fill<kMany>(1, values);
    }
  }
  DISTILL_HOST_DEVICE void Store(int m, int n, float value) const {
    if (n < inputs) {
      grad_weight[m * inputs + n] = value;
    } else {
      grad_bias[m] = value;
    }
  }
};

// One step of Adam for up to kMost tensors at once (D. Kingma, J. Ba, 2015,
// algorithm 1; with weight decay Loshchilov and Hutter 2019, algorithm 2), in
// float32; the steps were counted before.
struct AdamTensors {
  static constexpr int kMost = 40;
  int count;
  float* parameter[kMost];
  const float* gradient[kMost];
  float* mean[kMost];
  float* square[kMost];
  const float* step[kMost];
  int64_t size[kMost];
  int first_block[kMost + 1];
  const float* learning_rate;
  // (1 - beta of a float32 beta would have lost its digits.)
  double beta1, beta2;
  float epsilon, weight_decay;
};

struct Adam {
  using Params = AdamTensors;
  static constexpr int kThreads = 256;
  static constexpr int kNumbers = 4 * kThreads;  // Of a block.
  static constexpr int kPhases = 2, kFirstOfRound = 0, kEndOfRound = 0;
  struct Shared {
    float scale, square_scale;
  };
  struct Registers {};

  static DISTILL_HOST_DEVICE int TensorOf(const Params& p, int block) {
    int tensor = 0;
    while (p.first_block[tensor + 1] <= block) ++tensor;
    return tensor;
  }
  static DISTILL_HOST_DEVICE int Rounds(const Params&, int) { return 0; }
  // 0: one thread corrects for the number of steps. 1: the numbers.
  template <int kPhase>
  static DISTILL_HOST_DEVICE void Phase(const Params& p, int block,
                                        int /*round*/, int thread,
                                        Shared& shared, Registers&) {
    const int t = TensorOf(p, block);
    if constexpr (kPhase == 0) {
      if (thread > 0) return;
      const double step = *p.step[t];
      shared.scale =
          static_cast<float>(*p.learning_rate / (1 - pow(p.beta1, step)));
      shared.square_scale =
          static_cast<float>(1 / sqrt(1 - pow(p.beta2, step)));
    } else {
      const int64_t first = int64_t{block - p.first_block[t]} * kNumbers;
      for (int i = thread; i < kNumbers; i += kThreads) {
        const int64_t at = first + i;
        if (at >= p.size[t]) return;
        const float gradient = p.gradient[t][at];
        const float mean = static_cast<float>(p.beta1) * p.mean[t][at] +
                           static_cast<float>(1 - p.beta1) * gradient;
        const float square =
            static_cast<float>(p.beta2) * p.square[t][at] +
            static_cast<float>(1 - p.beta2) * gradient * gradient;
        float value = p.parameter[t][at];
        value -= *p.learning_rate * p.weight_decay * value;
        p.mean[t][at] = mean;
        p.square[t][at] = square;
        p.parameter[t][at] =
            value - shared.scale * mean /
                        (sqrtf(square) * shared.square_scale + p.epsilon);
      }
    }
  }
};

}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_DENSE_PHASES_H_
