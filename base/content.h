// What a file is that is not what it was taken for, by its first bytes.
#ifndef DISTILL_BASE_CONTENT_H_
#define DISTILL_BASE_CONTENT_H_

#include "absl/strings/string_view.h"

namespace distill {

struct Content {
  const char* name;    // "a zip archive": for "found ..." in a message.
  const char* advice;  // What to do where a model was expected; may be empty.
  bool known = true;
};

// "something else" where the bytes tell nothing.
Content ContentOf(absl::string_view bytes);

}  // namespace distill

#endif  // DISTILL_BASE_CONTENT_H_
