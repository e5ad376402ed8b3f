// A model that was trained on images of one normalisation, fed with another's.
#ifndef DISTILL_MODELS_RENORMALIZED_H_
#define DISTILL_MODELS_RENORMALIZED_H_

#include <memory>

#include "data/image_spec.h"
#include "models/classifier.h"

namespace distill {

// `own` is of as many channels as the model's images have, `fed` too or of one
// that is then all of them. `model` itself if they are the same. Else a model
// that turns images normalised by `fed` into what `own` would have made of
// their pixels, and feeds `model` with that; its parameters are named "model."
// and the name there.
std::shared_ptr<Classifier> Renormalize(std::shared_ptr<Classifier> model,
                                        const Normalization& own,
                                        const Normalization& fed);

}  // namespace distill

#endif  // DISTILL_MODELS_RENORMALIZED_H_
