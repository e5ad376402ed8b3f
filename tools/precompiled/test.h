// What nearly every test includes.
#ifndef DISTILL_TOOLS_PRECOMPILED_TEST_H_
#define DISTILL_TOOLS_PRECOMPILED_TEST_H_

#include "base/standard.h"
// (Before all others.)

#include "gtest/gtest.h"
#include "tools/precompiled/torch.h"

#endif  // DISTILL_TOOLS_PRECOMPILED_TEST_H_
