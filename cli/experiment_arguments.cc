#include "cli/experiment_arguments.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/files.h"
#include "base/status.h"
#include "base/text.h"
#include "data/catalog.h"
#include "losses/methods.h"

namespace distill {
namespace {

// The fields of a run's configuration that are no settings.
const std::set<std::string>& Facts() {
  static const auto* const facts =
      new std::set<std::string>{"dataset",
                                "trainImages",
                                "trainImagesCrc32",
                                "trainLabelsCrc32",
                                "testImagesCrc32",
                                "testLabelsCrc32",
                                "validationCrc32",
                                "unlabelledCrc32",
                                "deviceDescription",
                                "teacherWeightsCrc32",
                                "studentWeightsCrc32"};
  return *facts;
}

absl::StatusOr<Json> ReadConfiguration(const std::string& path) {
  ASSIGN_OR_RETURN(const auto text, ReadFile(path));
  Json json = ParseJson(text);
  if (!json.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--config is ", path,
                     ": found no JSON object; expected a run's config.json"));
  }
  return json;
}

}  // namespace

void AddLossConditions(Settings& table, const std::function<LossUse()>& use) {
  std::set<std::string> settings;
  for (const Method& method : Methods()) {
    settings.insert(method.settings.begin(), method.settings.end());
  }
  for (const std::string& setting : settings) {
    table.Find(setting)->Unless([setting, use]() -> std::string {
      const LossUse what = use();
      if (!what.has_soft_term) {
        return "--alpha=0 leaves no term of the teacher's";
      }
      for (const std::string& method : what.methods) {
        if (UsesSetting(method, setting)) return "";
      }
      return absl::StrCat("--method=", absl::StrJoin(what.methods, ","),
                          " does not use it");
    });
  }
  table.Find("unlabelled")->Unless([use] {
    const LossUse what = use();
    return std::string(
        !what.has_soft_term   ? "--alpha=0 leaves no term of the teacher's"
        : what.labelled_alone ? "--transfer_set=labelled leaves them out"
                              : "");
  });
  table.Find("transfer_set")->Unless([use] {
    return std::string(use().has_few_labels ? ""
                                            : "all training images have labels "
                                              "without --labels");
  });
}

Json ConfigurationOf(const Settings& settings, const Compute& compute,
                     const Splits& data) {
  Json facts = {
      {"dataset", data.train->name},
      {"trainImages", data.train->count},
      {"classes", data.train->classes},
      {"trainImagesCrc32", absl::StrFormat("%08x", data.train->images_crc32)},
      {"trainLabelsCrc32", absl::StrFormat("%08x", data.train->labels_crc32)},
      {"testImagesCrc32", absl::StrFormat("%08x", data.test->images_crc32)},
      {"testLabelsCrc32", absl::StrFormat("%08x", data.test->labels_crc32)},
      {"device", compute.device_name},
      {"deviceDescription", compute.description},
      {"precision", compute.precision_name},
      {"threads", compute.threads}};
  const auto add = [&facts](const char* name, const auto& set) {
    if (set != nullptr) {
      facts[name] = absl::StrFormat("%08x", set->images_crc32);
    }
  };
  add("validationCrc32", data.validation);
  add("unlabelledCrc32", data.unlabelled);
  Json configuration = facts;  // First, for a reader.
  configuration.update(settings.Configuration());
  configuration.update(facts);
  return configuration;
}

namespace {

// A configuration has a file's checksum and not its path: InvalidArgument
// unless the user has typed one of `flags`, which say where it is.
absl::Status CheckFile(const Json& json, const char* field,
                       const std::vector<const char*>& flags,
                       const std::string& path, Settings& table) {
  if (!json.contains(field) || !json.at(field).is_string()) {
    return absl::OkStatus();
  }
  for (const char* flag : flags) {
    const Setting* const row = table.Find(flag);
    if (row == nullptr || row->typed()) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--config is ", path, ", of a run with a file whose ", field,
                   " is ", json.at(field).get<std::string>(),
                   "; pass that file too, with --", flags[0]));
}

}  // namespace

absl::Status CheckSame(const Compute& compute, Settings& settings,
                       Json configuration) {
  Ranks& ranks = *compute.ranks;
  for (const char* name : {"seeds", "margin", "ranks_per_run", "temperature",
                           "alpha", "labels", "method"}) {
    const Setting* const row = settings.Find(name);
    if (row == nullptr || row->in_configuration()) continue;
    configuration[row->name()] = absl::StrJoin(row->Elements(), ",");
  }
  if (compute.ranks_per_run > ranks.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--ranks_per_run is ", compute.ranks_per_run, ", and there ",
        ranks.size() == 1 ? "is one process (mpirun starts more)"
                          : absl::StrCat("are ", ranks.size(), " processes"),
        "; pass no more than that"));
  }
  if (ranks.size() == 1) return absl::OkStatus();
  Json first = Json::parse(ranks.Broadcast(JsonText(configuration)));
  // (Each may have a GPU of its own, and those on other machines other
  // processors.)
  for (const char* own : {"device", "deviceDescription"}) {
    first[own] = configuration[own];
  }
  const std::string differences = Differences(first, configuration);
  if (differences.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("found other data or settings than rank 0's: ", differences,
                   " here; expected the same on all ranks"));
}

void LogRanks(const Compute& compute, Observer& observer) {
  const int64_t size = compute.ranks->size();
  if (compute.runs_at_once > 1) {
    observer.OnLine(absl::StrCat("runs:    ", compute.runs_at_once,
                                 " at once, with ",
                                 Count(compute.threads, "thread"), " each"));
  }
  if (size == 1) return;
  observer.OnLine(absl::StrCat("ranks:   ", size, " processes",
                               compute.ranks_per_run > 1
                                   ? absl::StrCat(", ", compute.ranks_per_run,
                                                  " for each of several runs")
                                   : ""));
}

absl::Status ApplyConfiguration(const std::string& path, Settings& table) {
  ASSIGN_OR_RETURN(const auto json, ReadConfiguration(path));
  RETURN_IF_ERROR(CheckFile(json, "teacherWeightsCrc32",
                            {"teacher_from", "teacher_weights"}, path, table));
  RETURN_IF_ERROR(CheckFile(json, "studentWeightsCrc32",
                            {"student_from", "student_weights"}, path, table));
  // Nor has it the data's place.
  const bool names_data =
      table.Find("dataset")->typed() || table.Find("data_dir")->typed();
  const auto dataset = json.find("dataset");
  if (!names_data && dataset != json.end() && dataset->is_string() &&
      *dataset != FindInCatalog("mnist")->name) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--config is ", path, ", of a run on ", dataset->get<std::string>(),
        "; pass that data set too, with --data_dir or --dataset"));
  }
  return table.Configure(json, Facts(), path);
}

std::string DifferencesFromFile(const std::string& path,
                                const Json& configuration) {
  const auto json = ReadConfiguration(path);
  if (!json.ok()) return std::string(json.status().message());
  Json compared =
      Json::object();  // What the file does not say is no difference.
  for (const auto& field : json->items()) {
    if (configuration.contains(field.key())) {
      compared[field.key()] = configuration.at(field.key());
    }
  }
  return Differences(*json, compared);
}

}  // namespace distill
