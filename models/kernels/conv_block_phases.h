// Convolution 3x3, max-pooling 2x2 and ReLU (conv_block_kernels.h) on a GPU:
// with several input channels as products, with one as phases of its own.
#ifndef DISTILL_MODELS_KERNELS_CONV_BLOCK_PHASES_H_
#define DISTILL_MODELS_KERNELS_CONV_BLOCK_PHASES_H_

#include <cstdint>

#include "base/host_device.h"
#include "models/kernels/conv_block_kernels.h"
#include "models/kernels/divider.h"
#include "models/kernels/product_phases.h"

namespace distill {
namespace kernels {

// A pixel, for a row or a depth, and a tap of the kernel with a channel, for a
// column or a depth. All indices fit into 31 bits.
struct ImagePixel {
  int row, column;
  int at;       // Of the pixel among all images' pixels.
  int windows;  // Of all images before this one.
};
struct TapChannel {
  int row, column;  // Of the tap: from -1 to 1.
  int at;           // In pixels, from the middle of the kernel.
  int channel;
};

// The arrays of conv_block_kernels.h.
struct ConvBlockArrays {
  int images, height, width, in, out;
  // By the number of windows of an image, of windows in a row, of pixels of an
  // image, in a row, and by the numbers of channels.
  Divider by_windows, by_windows_wide, by_pixels, by_width, by_in, by_out;
  bool channels_first;
  bool four_in, four_out;  // Channels can be read four at a time.
  const float *x, *weight, *bias;
  const float* grad_out;
  uint8_t* winner;  // May be null in the forward pass.
  float *y, *grad_x, *grad_weight, *grad_bias;

  DISTILL_HOST_DEVICE int WindowsWide() const { return width / 2; }
  DISTILL_HOST_DEVICE int Windows() const { return height / 2 * (width / 2); }
  // Of y, its gradient and the winners.
  DISTILL_HOST_DEVICE int64_t OutputAt(int image, int window, int c) const {
    return channels_first ? (int64_t{image} * out + c) * Windows() + window
                          : (int64_t{image} * Windows() + window) * out + c;
  }
  DISTILL_HOST_DEVICE ImagePixel PixelOf(int index) const {
    const int image = by_pixels.Quotient(index), pixel = by_pixels.Rest(index);
    return {by_width.Quotient(pixel), by_width.Rest(pixel), index,
            image * Windows()};
  }
  DISTILL_HOST_DEVICE TapChannel TapOf(int index, int channels,
                                       const Divider& by_channels) const {
    const int tap = by_channels.Quotient(index);
    const int row = tap / 3 - 1, column = tap % 3 - 1;
    return {row, column, row * width + column, index - tap * channels};
  }
  // What a tap sees of the input, around a pixel, in kMany channels.
  template <int kMany>
  DISTILL_HOST_DEVICE void Input(const ImagePixel& pixel, const TapChannel& tap,
                                 float* values) const {
    if (static_cast<unsigned>(pixel.row + tap.row) >=
            static_cast<unsigned>(height) ||
        static_cast<unsigned>(pixel.column + tap.column) >=
            static_cast<unsigned>(width)) {
      Fill<kMany>(0, values);
    } else {
      Load<kMany>(x + (pixel.at + tap.at) * in + tap.channel, values);
    }
  }
  // The gradient of what is pooled, at a pixel of the image that `pixel` is of,
  // in kMany channels from c on.
  template <int kMany>
  DISTILL_HOST_DEVICE void Gradient(const ImagePixel& pixel, int row,
                                    int column, int c, float* values) const {
    if (static_cast<unsigned>(row) >= static_cast<unsigned>(height / 2 * 2) ||
        static_cast<unsigned>(column) >= static_cast<unsigned>(width / 2 * 2)) {
      Fill<kMany>(0, values);
      return;
    }
    const int window = row / 2 * WindowsWide() + column / 2;
    const int at = channels_first ? pixel.windows * out + c * Windows() + window
                                  : (pixel.windows + window) * out + c;
    const int stride = channels_first ? Windows() : 1;
    DISTILL_UNROLL
    for (int i = 0; i < kMany; ++i) {
      values[i] = winner[at + i * stride] == row % 2 * 2 + column % 2
                      ? grad_out[at + i * stride]
                      : 0;
    }
  }
  // One weight's and those of the next input channels.
  template <int kMany>
  DISTILL_HOST_DEVICE void Weights(int at, float* values) const {
    DISTILL_UNROLL
    for (int i = 0; i < kMany; ++i) values[i] = weight[at + 9 * i];
  }
  // Of one input channel.
  DISTILL_HOST_DEVICE float Pixel(int image, int row, int column) const {
    return row < 0 || row >= height || column < 0 || column >= width
               ? 0
               : x[(image * height + row) * width + column];
  }
  // Pools, cuts and stores the four values of a window; the first of equals
  // wins, and NaN stays NaN.
  DISTILL_HOST_DEVICE void Pool(int image, int window, int c,
                                const float* values) const {
    float best = values[0] + bias[c], sum = best;
    int which = 0;
    for (int i = 1; i < 4; ++i) {
      const float value = values[i] + bias[c];
      sum += value;
      if (value > best) {
        best = value;
        which = i;
      }
    }
    const int64_t at = OutputAt(image, window, c);
    y[at] = sum != sum ? sum : best > 0 ? best : 0;
    if (winner != nullptr) {
      winner[at] = static_cast<uint8_t>(best > 0 ? which : kNoWinner);
    }
  }
};

// Windows of all images times four, [.., 9 in], times [9 in, out].
struct ConvBlockForward : ConvBlockArrays {
  static constexpr bool kAlongA = true, kAlongB = true, kWindows = true;
  using Row = ImagePixel;
  using Column = int;
  using Depth = TapChannel;
  DISTILL_HOST_DEVICE int Rows() const {
    return (images * Windows() + 7) / 8 * 32;
  }
  DISTILL_HOST_DEVICE Row RowOf(int m) const {
    const int index = m / 32 * 8 + m % 8, place = m % 32 / 8;
    const int image = by_windows.Quotient(index);
    const int window = by_windows.Rest(index);
    const int row = by_windows_wide.Quotient(window) * 2 + place / 2;
    const int column = by_windows_wide.Rest(window) * 2 + place % 2;
    // Windows beyond the last image see nothing.
    return {image < images ? row : -2, column,
            (image * height + row) * width + column, image * Windows()};
  }
  DISTILL_HOST_DEVICE Column ColumnOf(int n) const { return n * in * 9 + 4; }
  DISTILL_HOST_DEVICE Depth DepthOf(int k) const { return TapOf(k, in, by_in); }
  DISTILL_HOST_DEVICE bool FourA() const { return four_in; }
  DISTILL_HOST_DEVICE bool FourB() const { return four_in; }
  template <int kMany>
  DISTILL_HOST_DEVICE void A(const Row& row, const Depth& depth,
                             float* values) const {
    Input<kMany>(row, depth, values);
  }
  template <int kMany>
  DISTILL_HOST_DEVICE void B(const Depth& depth, int column,
                             float* values) const {
    Weights<kMany>(column + depth.channel * 9 + depth.row * 3 + depth.column,
                   values);
  }
  DISTILL_HOST_DEVICE void StoreWindow(int index, int n,
                                       const float* values) const {
    const int image = by_windows.Quotient(index);
    if (image < images) Pool(image, by_windows.Rest(index), n, values);
  }
};

// [pixels of all images, 9 out] times [9 out, in].
struct ConvBlockInputGradient : ConvBlockArrays {
  static constexpr bool kAlongA = true, kAlongB = false, kWindows = false;
  using Row = ImagePixel;
  using Column = int;
  using Depth = TapChannel;
  DISTILL_HOST_DEVICE Row RowOf(int m) const { return PixelOf(m); }
  DISTILL_HOST_DEVICE Column ColumnOf(int n) const { return n * 9 + 4; }
  DISTILL_HOST_DEVICE Depth DepthOf(int k) const {
    return TapOf(k, out, by_out);
  }
  DISTILL_HOST_DEVICE bool FourA() const { return four_out; }
  DISTILL_HOST_DEVICE bool FourB() const { return four_in; }
  template <int kMany>
  DISTILL_HOST_DEVICE void A(const Row& row, const Depth& depth,
                             float* values) const {
    Gradient<kMany>(row, row.row - depth.row, row.column - depth.column,
                    depth.channel, values);
  }
  template <int kMany>
  DISTILL_HOST_DEVICE void B(const Depth& depth, int column,
                             float* values) const {
    Weights<kMany>(
        depth.channel * in * 9 + column + depth.row * 3 + depth.column, values);
  }
  DISTILL_HOST_DEVICE void Store(int m, int n, float value) const {
    grad_x[int64_t{m} * in + n] = value;
  }
};

// [out, pixels of all images] times [pixels, 9 in + 1], of which the last
// column, of ones, gives the bias.
struct ConvBlockWeightGradient : ConvBlockArrays {
  static constexpr bool kAlongA = false, kAlongB = false, kWindows = false;
  using Row = int;
  using Column = TapChannel;
  using Depth = ImagePixel;
  DISTILL_HOST_DEVICE Row RowOf(int m) const { return m; }
  DISTILL_HOST_DEVICE Column ColumnOf(int n) const {
    return TapOf(n, in, by_in);  // That of ones has row 2.
  }
  DISTILL_HOST_DEVICE Depth DepthOf(int k) const { return PixelOf(k); }
  DISTILL_HOST_DEVICE bool FourA() const { return four_out; }
  DISTILL_HOST_DEVICE bool FourB() const { return four_in; }
  template <int kMany>
  DISTILL_HOST_DEVICE void A(int m, const Depth& depth, float* values) const {
    Gradient<kMany>(depth, depth.row, depth.column, m, values);
  }
  // (After the column of ones there are none.)
  template <int kMany>
  DISTILL_HOST_DEVICE void B(const Depth& depth, const Column& tap,
                             float* values) const {
    if (tap.row == 2) {
      Fill<kMany>(1, values);
    } else {
      Input<kMany>(depth, tap, values);
    }
  }
  DISTILL_HOST_DEVICE void Store(int m, int n, float value) const {
    const int tap = by_in.Quotient(n);
    if (tap == 9) {
      grad_bias[m] = value;
    } else {
      grad_weight[(int64_t{m} * in + n - tap * in) * 9 + tap] = value;
    }
  }
};

// One input channel: an image with its margin in shared memory.
struct OneChannelParams : ConvBlockArrays {
  int splits;    // Forward: blocks of an image. Gradient: blocks of the batch.
  float* parts;  // [splits, out, 10]: what each block adds to the gradient.
};
constexpr int kOneChannelPixels = 6144;  // With the margin, at most.
constexpr int kOneChannelOutputs = 256;  // Channels, at most.

DISTILL_HOST_DEVICE inline void LoadPadded(const OneChannelParams& p, int image,
                                           int thread, int threads,
                                           float* padded) {
  const int wide = p.width + 2;
  for (int i = thread; i < (p.height + 2) * wide; i += threads) {
    padded[i] = p.Pixel(image, i / wide - 1, i % wide - 1);
  }
}

struct OneChannelForward {
  using Params = OneChannelParams;
  static constexpr int kThreads = 256;
  static constexpr int kPhases = 2, kFirstOfRound = 0, kEndOfRound = 0;
  struct Shared {
    float padded[kOneChannelPixels];
    float weight[9 * kOneChannelOutputs];
  };
  struct Registers {};

  static DISTILL_HOST_DEVICE int Rounds(const Params&, int) { return 0; }
  // 0: image and weights to shared memory. 1: outputs, in the memory's order.
  template <int kPhase>
  static DISTILL_HOST_DEVICE void Phase(const Params& p, int block,
                                        int /*round*/, int thread,
                                        Shared& shared, Registers&) {
    const int image = block / p.splits, split = block % p.splits;
    if constexpr (kPhase == 0) {
      LoadPadded(p, image, thread, kThreads, shared.padded);
      for (int i = thread; i < 9 * p.out; i += kThreads) {
        shared.weight[i] = p.weight[i];
      }
    } else {
      const int all = p.Windows() * p.out;
      const int last = static_cast<int>(int64_t{all} * (split + 1) / p.splits);
      for (int i = static_cast<int>(int64_t{all} * split / p.splits) + thread;
           i < last; i += kThreads) {
        const int window =
            p.channels_first ? p.by_windows.Rest(i) : p.by_out.Quotient(i);
        const int c =
            p.channels_first ? p.by_windows.Quotient(i) : p.by_out.Rest(i);
        const float* const corner =
            shared.padded +
            p.by_windows_wide.Quotient(window) * 2 * (p.width + 2) +
            p.by_windows_wide.Rest(window) * 2;
        float inputs[16], values[4] = {};
        DISTILL_UNROLL
        for (int k = 0; k < 16; ++k) {
          inputs[k] = corner[k / 4 * (p.width + 2) + k % 4];
        }
        DISTILL_UNROLL
        for (int k = 0; k < 9; ++k) {
          const float weight = shared.weight[9 * c + k];
          DISTILL_UNROLL
          for (int q = 0; q < 4; ++q) {
            values[q] += weight * inputs[(q / 2 + k / 3) * 4 + q % 2 + k % 3];
          }
        }
        p.Pool(image, window, c, values);
      }
    }
  }
};

// A round is an image; each thread sums for one channel over some windows.
struct OneChannelWeightGradient {
  using Params = OneChannelParams;
  static constexpr int kThreads = 256;
  static constexpr int kPhases = 4, kFirstOfRound = 0, kEndOfRound = 2;
  struct Shared {
    float padded[kOneChannelPixels];
    float sums[10 * kThreads];
  };
  struct Registers {
    float sums[10] = {};
  };

  static DISTILL_HOST_DEVICE int FirstImage(const Params& p, int block) {
    return static_cast<int>(int64_t{p.images} * block / p.splits);
  }
  static DISTILL_HOST_DEVICE int Rounds(const Params& p, int block) {
    return FirstImage(p, block + 1) - FirstImage(p, block);
  }
  // Threads of a channel: its windows are dealt among them.
  static DISTILL_HOST_DEVICE int Slices(const Params& p) {
    return kThreads / p.out;
  }
  static DISTILL_HOST_DEVICE int ChannelOf(const Params& p, int thread) {
    return p.channels_first ? thread / Slices(p) : thread % p.out;
  }
  static DISTILL_HOST_DEVICE int SliceOf(const Params& p, int thread) {
    return p.channels_first ? thread % Slices(p) : thread / p.out;
  }

  // In rounds, 0: the image to shared memory. 1: each thread's sums. 2: they go
  // to shared memory. 3: over the threads of each channel, in order.
  template <int kPhase>
  static DISTILL_HOST_DEVICE void Phase(const Params& p, int block, int round,
                                        int thread, Shared& shared,
                                        Registers& registers) {
    const int image = FirstImage(p, block) + round, slices = Slices(p);
    if constexpr (kPhase == 0) {
      LoadPadded(p, image, thread, kThreads, shared.padded);
    } else if constexpr (kPhase == 1) {
      const int wide = p.width + 2;
      if (thread >= Slices(p) * p.out) return;
      for (int window = SliceOf(p, thread); window < p.Windows();
           window += Slices(p)) {
        const int64_t at = p.OutputAt(image, window, ChannelOf(p, thread));
        const int which = p.winner[at];
        if (which == kNoWinner) continue;
        const float gradient = p.grad_out[at];
        const float* const patch =
            shared.padded + (window / p.WindowsWide() * 2 + which / 2) * wide +
            window % p.WindowsWide() * 2 + which % 2;
        DISTILL_UNROLL
        for (int k = 0; k < 9; ++k) {
          registers.sums[k] += gradient * patch[k / 3 * wide + k % 3];
        }
        registers.sums[9] += gradient;
      }
    } else if constexpr (kPhase == 2) {
      if (thread >= slices * p.out) return;
      const int first = SliceOf(p, thread) * p.out + ChannelOf(p, thread);
      DISTILL_UNROLL
      for (int k = 0; k < 10; ++k) {
        shared.sums[k * kThreads + first] = registers.sums[k];
      }
    } else {
      for (int i = thread; i < 10 * p.out; i += kThreads) {
        const int k = i / p.out, c = i % p.out;
        float sum = 0;
        for (int slice = 0; slice < slices; ++slice) {
          sum += shared.sums[k * kThreads + slice * p.out + c];
        }
        p.parts[(int64_t{block} * p.out + c) * 10 + k] = sum;
      }
    }
  }
};

// What SumParts (product_phases.h) does with them: [out, 10].
struct OneChannelSums : ConvBlockArrays {
  DISTILL_HOST_DEVICE void Store(int m, int n, float value) const {
    if (n == 9) {
      grad_bias[m] = value;
    } else {
      grad_weight[9 * m + n] = value;
    }
  }
};

}  // namespace kernels
}  // namespace distill

#endif  // DISTILL_MODELS_KERNELS_CONV_BLOCK_PHASES_H_
