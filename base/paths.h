// Paths as error messages show them.
#ifndef DISTILL_BASE_PATHS_H_
#define DISTILL_BASE_PATHS_H_

#include <string>

namespace distill {

// `path` from the root, so that a message does not depend on the folder the
// program was started in. Nothing need exist there, and links stay as written.
// Returns `path` itself if it is empty or the current folder has no name.
std::string AbsolutePath(const std::string& path);

// What is in `folder`, for a message: "a, b/, c", sorted, folders with a slash;
// at most `most` names and then "and 7 more"; "nothing" for an empty folder,
// and the reason in brackets if it cannot be listed.
std::string ListFolder(const std::string& folder, int most = 20);

}  // namespace distill

#endif  // DISTILL_BASE_PATHS_H_
