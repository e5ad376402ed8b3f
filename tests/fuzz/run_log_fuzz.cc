// The two files of JSON that a program goes on from: a sweep's runs.jsonl and a
// run's config.json.
#include <cstdlib>
#include <string>

#include "base/files.h"
#include "cli/run_folder.h"
#include "cli/run_log.h"
#include "tests/fuzz/input.h"

namespace {

// A folder of its own, in memory if there is one.
std::string MakeTempFolder() {
  std::string folder = "/dev/shm/fuzz-XXXXXX";
  if (mkdtemp(folder.data()) != nullptr) return folder;
  folder = "/tmp/fuzz-XXXXXX";
  distill::fuzz::Require(mkdtemp(folder.data()) != nullptr,
                         "a folder can be made");
  return folder;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using distill::fuzz::Require;
  static const std::string* const folder = new std::string(MakeTempFolder());
  const std::string bytes(data, data + size);
  const nlohmann::ordered_json configuration = {{"teacher", "mlp:4"},
                                                {"seed", 3}};
  const std::string runs = *folder + "/runs.jsonl";
  std::FILE* file = std::fopen(runs.c_str(), "wb");
  Require(file != nullptr && std::fwrite(bytes.data(), 1, size, file) == size &&
              std::fclose(file) == 0,
          "a file can be written");
  const auto log = distill::RunLog::Open(*folder, configuration);
  if (!log.ok()) distill::fuzz::RequireGoodError(log.status(), runs);

  const auto json = distill::Json::parse(bytes, nullptr, false);
  if (!json.is_object()) return 0;
  Require(distill::Differences(json, json).empty(),
          "nothing differs from itself");
  return 0;
}
