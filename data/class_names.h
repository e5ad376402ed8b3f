// What the classes of a data set are called.
#ifndef DISTILL_DATA_CLASS_NAMES_H_
#define DISTILL_DATA_CLASS_NAMES_H_

#include <string>
#include <vector>

#include "data/dataset.h"

namespace distill {

// One a class: those of Fashion-MNIST's authors, the letters of EMNIST Letters,
// and else the classes' numbers.
std::vector<std::string> ClassNames(const Dataset& dataset);

}  // namespace distill

#endif  // DISTILL_DATA_CLASS_NAMES_H_
