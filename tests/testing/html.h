// Checks of a page.
#ifndef DISTILL_TESTS_TESTING_HTML_H_
#define DISTILL_TESTS_TESTING_HTML_H_

#include <string>

#include "gtest/gtest.h"

namespace distill {
namespace testing {

// Whether `html` is a document that stands alone: it starts with a doctype,
// every element is closed in its order, and nothing in it is a script or comes
// from elsewhere.
::testing::AssertionResult IsWholePage(const std::string& html);

// The same of a part of a page: without the doctype.
::testing::AssertionResult IsBalanced(const std::string& html);

}  // namespace testing
}  // namespace distill

#endif  // DISTILL_TESTS_TESTING_HTML_H_
