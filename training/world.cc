#include "training/world.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace distill {

std::string NameOf(const Ranks& ranks) {
  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  return absl::StrCat("rank ", ranks.rank(), " of ", ranks.size(), " on ",
                      host);
}

}  // namespace distill
