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

// Whether these are names that the data set itself has: digits and letters have
// them, and Fashion-MNIST. Else they are numbers that stand for names which an
// IDX file does not hold.
bool HasClassNames(const Dataset& dataset);

// Whether names are just numbers in their order.
bool AreNumbers(const std::vector<std::string>& names);

}  // namespace distill

#endif  // DISTILL_DATA_CLASS_NAMES_H_
