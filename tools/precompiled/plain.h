// What nearly every file includes. Files include what they use all the same.
#ifndef DISTILL_TOOLS_PRECOMPILED_PLAIN_H_
#define DISTILL_TOOLS_PRECOMPILED_PLAIN_H_

#include "base/standard.h"
// (Before all others.)

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#endif  // DISTILL_TOOLS_PRECOMPILED_PLAIN_H_
