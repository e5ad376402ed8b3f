#include "cli/data_hash.h"

#include <string>

#include "absl/strings/str_format.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/errors.h"

namespace distill {

int RunDataHash(const DataHashOptions& options, std::ostream& out,
                std::ostream& err, const ConsoleOptions& console_options) {
  Console console(out, err, console_options);
  const auto splits = LoadSplits(options.data, console);
  if (!splits.ok()) {
    return EndWithError("data_hash", splits.status(), out, err,
                        console_options.brief_errors());
  }
  Json json = {{"status", "success"},
               {"message", "The data set has been read."},
               {"dataset", splits->train->name}};
  for (const Dataset* split : {splits->train.get(), splits->test.get()}) {
    const std::string name = SplitName(split->split);
    const std::string images = absl::StrFormat("%08x", split->images_crc32);
    const std::string labels = absl::StrFormat("%08x", split->labels_crc32);
    console.OnLine(absl::StrFormat(
        "%s: %s images of %s, %s_images_crc32 %s, %s_labels_crc32 %s", name,
        WithCommas(split->count), split->image.Describe(), name, images, name,
        labels));
    json[name + "Images"] = split->count;
    json[name + "ImagesCrc32"] = images;
    json[name + "LabelsCrc32"] = labels;
  }
  PrintResult(json, console_options.brief, out);
  return 0;
}

}  // namespace distill
