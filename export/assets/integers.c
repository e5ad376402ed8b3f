/* What a step does with the bytes in the scratch area: images [row, column,
 * channel]. A byte stands for scale * (byte - zero). Negative numbers are
 * shifted with their sign, as all compilers for these machines do it. */
typedef struct {
  int32_t kind;                     /* Of the functions below, by its number. */
  int32_t in, other, out;           /* Places in the scratch area. */
  int32_t channels, height, width;  /* Of what is taken. */
  int32_t outputs, rows, columns;   /* Of what is written. */
  int32_t kernel, stride, padding, of_one, pool, first;
  int32_t in_zero, other_zero, zero, out_zero;
  int32_t times, other_times, shift;
  const int8_t *weight;             /* [outputs, kernel, kernel, of_one] */
  const int32_t *bias, *multiplier; /* [outputs] */
  const uint8_t *shifts;
} distill_step;

static inline int8_t distill_byte(int64_t value) {
  return (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
}

/* sum * multiplier / 2^shift, halves upwards. */
static inline int64_t distill_scale(int32_t sum, int32_t multiplier,
                                    int32_t shift) {
  return ((int64_t)sum * multiplier + ((int64_t)1 << (shift - 1))) >> shift;
}

/* a + b, of other scales. */
static inline int8_t distill_add(const distill_step *s, int32_t a, int32_t b) {
  const int32_t sum =
      (a - s->zero) * s->times + (b - s->other_zero) * s->other_times;
  return distill_byte(((sum + ((int32_t)1 << (s->shift - 1))) >> s->shift) +
                      s->out_zero);
}

/* The sum of products of output o at (y, x). */
static inline int32_t distill_sum(const distill_step *s, const int8_t *in,
                                  int32_t o, int32_t y, int32_t x) {
  const int32_t groups = s->channels / s->of_one;
  const int32_t first = o / (s->outputs / groups) * s->of_one;
  const int8_t *weight = s->weight + o * s->kernel * s->kernel * s->of_one;
  int32_t sum = s->bias[o];
  y = y * s->stride - s->padding;
  x = x * s->stride - s->padding;
  for (int32_t row = y; row < y + s->kernel; ++row) {
    for (int32_t column = x; column < x + s->kernel; ++column) {
      if (row >= 0 && row < s->height && column >= 0 && column < s->width) {
        const int8_t *p = in + (row * s->width + column) * s->channels + first;
        for (int32_t i = 0; i < s->of_one; ++i) {
          sum += (p[i] - s->in_zero) * weight[i];
        }
      }
      weight += s->of_one;
    }
  }
  return sum;
}

/* 0: A convolution, or a fully connected layer; then the largest of pool x pool;
 * then what lies at `other`, if it is to be added. */
static inline void distill_convolve(const distill_step *s, int8_t *scratch) {
  int8_t *out = scratch + s->out;
  const int8_t *other = scratch + s->other;
  for (int32_t i = 0; i < s->rows * s->columns; ++i) {
    const int32_t y = i / s->columns * s->pool, x = i % s->columns * s->pool;
    for (int32_t o = 0; o < s->outputs; ++o) {
      int32_t sum = distill_sum(s, scratch + s->in, o, y, x);
      int8_t byte;
      for (int32_t k = 1; k < s->pool * s->pool; ++k) {
        const int32_t next = distill_sum(s, scratch + s->in, o,
                                         y + k / s->pool, x + k % s->pool);
        if (next > sum) sum = next;
      }
      byte = distill_byte(
          distill_scale(sum, s->multiplier[o], s->shifts[o]) + s->zero);
      *out++ = s->shift == 0 ? byte : distill_add(s, byte, *other++);
    }
  }
}

/* 1: The largest of kernel x kernel; zeros before and after the channels. */
static inline void distill_pool(const distill_step *s, int8_t *scratch) {
  int8_t *out = scratch + s->out;
  for (int32_t i = 0; i < s->rows * s->columns; ++i) {
    const int8_t *in = scratch + s->in +
                       (i / s->columns * s->width + i % s->columns) *
                           s->stride * s->channels;
    for (int32_t o = s->first; o < s->first + s->outputs; ++o) {
      int8_t largest = -128;
      if (o < 0 || o >= s->channels) {
        *out++ = (int8_t)s->in_zero;
        continue;
      }
      for (int32_t k = 0; k < s->kernel * s->kernel; ++k) {
        const int8_t p =
            in[(k / s->kernel * s->width + k % s->kernel) * s->channels + o];
        if (p > largest) largest = p;
      }
      *out++ = largest;
    }
  }
}

/* 2: The mean of each channel. */
static inline void distill_average(const distill_step *s, int8_t *scratch) {
  for (int32_t o = 0; o < s->outputs; ++o) {
    int32_t sum = 0;
    for (int32_t i = 0; i < s->height * s->width; ++i) {
      sum += scratch[s->in + i * s->channels + o] - s->in_zero;
    }
    scratch[s->out + o] = distill_byte(
        distill_scale(sum, s->multiplier[0], s->shifts[0]) + s->zero);
  }
}

/* 3: The sum of two. */
static inline void distill_join(const distill_step *s, int8_t *scratch) {
  for (int32_t i = 0; i < s->rows * s->columns * s->outputs; ++i) {
    scratch[s->out + i] =
        distill_add(s, scratch[s->in + i], scratch[s->other + i]);
  }
}

/* The numbers that the classes are compared by. */
static inline void distill_classify(const distill_step *s,
                                    const int8_t *scratch, int32_t *logits) {
  for (int32_t o = 0; o < s->outputs; ++o) {
    const int64_t logit =
        distill_scale(distill_sum(s, scratch + s->in, o, 0, 0),
                      s->multiplier[o], s->shifts[o]);
    logits[o] = (int32_t)(logit > INT32_MAX   ? INT32_MAX
                          : logit < INT32_MIN ? INT32_MIN
                                              : logit);
  }
}
