// A quantised model as one C file that computes in integers alone.
#ifndef DISTILL_EXPORT_C_INTEGERS_H_
#define DISTILL_EXPORT_C_INTEGERS_H_

#include "export/c_text.h"
#include "models/quantize.h"

namespace distill {

// A header like that of export/c_header.h, of any model and of colour, too:
//
//   void distill_logits(const unsigned char pixels[], int32_t logits[]);
//   int distill_predict(const unsigned char pixels[]);
//   const char *distill_class_name(int predicted);
//   void distill_logits_in(pixels, int8_t scratch[], logits);
//
// with pixels [DISTILL_HEIGHT, DISTILL_WIDTH, DISTILL_CHANNELS] as cameras and
// decoders give them, and logits in units of 1 / DISTILL_LOGIT_ONE: those of
// Simulate (models/integers.h), to the bit. There is no float in it.
//
// Pooling and additions that follow a layer are computed with it, and an
// addition takes the place of what it adds to: of a net of plain or residual
// blocks no more than two activations are in the scratch area at a time, of
// inverted residuals (MobileNetV2) the block's input too.
CHeaderFile CHeader(const QuantizedModel& model,
                    const CHeaderOptions& options = {});

}  // namespace distill

#endif  // DISTILL_EXPORT_C_INTEGERS_H_
