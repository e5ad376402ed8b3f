// Files that are there in full or not at all.
#ifndef DISTILL_DATA_FILES_H_
#define DISTILL_DATA_FILES_H_

#include <string>

#include "absl/status/status.h"

namespace distill {

// Makes `path` a file with `contents`, in place of one that was there. Nobody
// ever sees half of it, also after a power cut: it is written under a name of
// this process in the same folder, flushed to the disk, and renamed; then the
// folder is flushed. Not for two threads and one path.
//
// Errors have the path, what failed, and what to do, with the code of the
// system's error (absl::ErrnoToStatus); InvalidArgument never is one of them.
// After an error `path` is what it was, and no other file is left.
absl::Status WriteFile(const std::string& path, const std::string& contents);

// Makes the folder and those above it where they are missing, and tries that
// files can be written there, by writing one and removing it. Errors: as
// WriteFile's.
absl::Status MakeFolder(const std::string& path);

}  // namespace distill

#endif  // DISTILL_DATA_FILES_H_
