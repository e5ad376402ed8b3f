#include "report/context.h"

#include "absl/strings/str_format.h"
#include "torch/version.h"

namespace distill {
namespace {

Json DatasetJson(const Dataset& dataset) {
  Json json = {{"name", dataset.name},
               {"images", dataset.count},
               {"channels", dataset.image.channels},
               {"height", dataset.image.height},
               {"width", dataset.image.width},
               {"classes", dataset.classes},
               {"imagesCrc32", absl::StrFormat("%08x", dataset.images_crc32)},
               {"labelsCrc32", absl::StrFormat("%08x", dataset.labels_crc32)}};
  if (!dataset.skipped.empty()) json["skipped"] = dataset.skipped.size();
  return json;
}

}  // namespace

Json ProvenanceJson(const ReportContext& context) {
  return {
      {"deviceDescription", context.compute.description},
      {"versions", {{"libtorch", TORCH_VERSION}, {"compiler", __VERSION__}}},
      {"data",
       {{"train", DatasetJson(*context.train)},
        {"test", DatasetJson(*context.test)}}}};
}

}  // namespace distill
