// Where the tests find the real MNIST.
#ifndef DISTILL_TESTS_TESTING_MNIST_H_
#define DISTILL_TESTS_TESTING_MNIST_H_

#include <string>

namespace distill {
namespace testing {

// The folder with MNIST's four files, plain or .gz: the external repository
// @mnist among the test's data, else the environment variable MNIST_DIR, else
// "". A test that needs MNIST fails without it, saying kNoMnist; it does not
// skip, since a check that never ran would look like one that passed.
std::string RealMnistFolder();

extern const char kNoMnist[];

}  // namespace testing
}  // namespace distill

#endif  // DISTILL_TESTS_TESTING_MNIST_H_
