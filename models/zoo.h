// The models that a run chooses from: so far the specification's two.
#ifndef DISTILL_MODELS_ZOO_H_
#define DISTILL_MODELS_ZOO_H_

#include <cstdint>

#include "models/conv_net.h"

namespace distill {

// conv 1-32, ReLU, pool; conv 32-64, ReLU, pool; linear 3136-128, ReLU; linear
// 128-10: 421,642 parameters for 28 x 28 images of 10 classes.
ConvNetOptions TeacherOptions(int64_t height, int64_t width, int64_t classes);

// conv 1-16, ReLU, pool; linear 3136-10: 31,530 parameters for 28 x 28 images
// of 10 classes.
ConvNetOptions StudentOptions(int64_t height, int64_t width, int64_t classes);

}  // namespace distill

#endif  // DISTILL_MODELS_ZOO_H_
