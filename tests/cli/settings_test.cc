// The tables of the programs' settings: that nothing is missing there.
#include "base/settings.h"

#include <cstddef>
#include <set>
#include <string>
#include <type_traits>
#include <utility>

#include "cli/distill.h"
#include "cli/sweep.h"
#include "gtest/gtest.h"
#include "tests/testing/status.h"

namespace distill {
namespace {

using testing::FailsWith;

// What any member can be initialised with.
struct Anything {
  template <typename T>
  operator T() const;  // NOLINT: never called.
};

template <typename T, size_t... kIndex>
auto CanBeMadeOf(std::index_sequence<kIndex...>)
    -> decltype(T{(static_cast<void>(kIndex), Anything())...},
                std::true_type());
template <typename T, size_t... kIndex>
std::false_type CanBeMadeOf(...);

// The number of members and bases of an aggregate: as many as it can be
// initialised with and no more.
template <typename T, size_t kCount = 40>
constexpr size_t FieldCount() {
  if constexpr (decltype(CanBeMadeOf<T>(
                    std::make_index_sequence<kCount>()))::value) {
    return kCount;
  } else {
    return FieldCount<T, kCount - 1>();
  }
}

struct Three {
  std::string text;
  double number;
  std::vector<int> list;
};
static_assert(FieldCount<Three>() == 3);

// Rows whose value is a part of `object`.
template <typename T>
size_t RowsIn(const Settings& settings, const T& object) {
  const char* const begin = reinterpret_cast<const char*>(&object);
  std::set<const void*> members;
  for (const Setting& row : settings.rows()) {
    const char* const at = static_cast<const char*>(row.address());
    if (at >= begin && at < begin + sizeof(T)) members.insert(at);
  }
  return members.size();
}

// A member that is in no table would be a setting without a flag, and one that
// changes the result without being in the configuration: --resume would mix two
// runs in silence.
TEST(ProgramSettingsTest, EveryMemberOfTheOptionsHasARow) {
  DistillOptions options;
  const Settings settings = SettingsOf(options);
  const ExperimentOptions& experiment = options.experiment;
  const size_t in_loss = RowsIn(settings, experiment.loss);
  EXPECT_EQ(RowsIn(settings, experiment.loss.kd), FieldCount<KdOptions>());
  EXPECT_EQ(in_loss, FieldCount<MethodOptions>() - 1 + 2) << "KdOptions has 2";
  EXPECT_EQ(RowsIn(settings, experiment) - in_loss,
            FieldCount<ExperimentOptions>() - 2)
      << "the loss has a table of its own, and judges_epochs is no setting";
  EXPECT_EQ(RowsIn(settings, static_cast<const SeedsOptions&>(options)) -
                RowsIn(settings, experiment),
            FieldCount<SeedsOptions>() - 1);
  EXPECT_EQ(RowsIn(settings, options.compute), FieldCount<ComputeOptions>());
  const size_t of_pictures = RowsIn(settings, options.data.pictures);
  EXPECT_EQ(of_pictures, FieldCount<PictureOptions>());
  EXPECT_EQ(RowsIn(settings, options.data) - of_pictures,
            FieldCount<DataOptions>() - 2)
      << "but the program's own path, and the pictures' options";
  EXPECT_EQ(RowsIn(settings, options.output), FieldCount<OutputOptions>());
  const size_t of_script = RowsIn(settings, options.teacher_files.script);
  EXPECT_EQ(of_script, FieldCount<ScriptOptions>());
  EXPECT_EQ(RowsIn(settings, options.teacher_files) - of_script,
            FieldCount<TeacherFiles>() - 1);
  EXPECT_EQ(RowsIn(settings, options.student_files),
            FieldCount<StudentFiles>());
  // The rest: its own, without its two bases and what is said above.
  EXPECT_EQ(
      RowsIn(settings, options) -
          RowsIn(settings, static_cast<const SeedsOptions&>(options)) -
          RowsIn(settings, static_cast<const ExperimentArguments&>(options)) -
          RowsIn(settings, options.output) -
          RowsIn(settings, options.teacher_files) -
          RowsIn(settings, options.student_files),
      FieldCount<DistillOptions>() - 5);
}

TEST(ProgramSettingsTest, EverySideOfTheGridHasARow) {
  SweepArguments arguments;
  const Settings settings = SettingsOf(arguments);
  EXPECT_EQ(RowsIn(settings, static_cast<const SweepOptions&>(arguments)) -
                RowsIn(settings, arguments.experiment),
            FieldCount<SweepOptions>() - 1);
}

// What a run depends on is in its configuration, but for what these say by
// facts: the data by their checksums, the teacher's file by its own, labels by
// their number.
TEST(ProgramSettingsTest, OnlyTheseAreNoPartOfTheConfiguration) {
  DistillOptions options;
  const Settings settings = SettingsOf(options);
  std::set<std::string> not_there;
  for (const Setting& row : settings.rows()) {
    if (!row.in_configuration()) not_there.insert(row.name());
  }
  EXPECT_EQ(not_there, (std::set<std::string>{"cache_dir",
                                              "checkpoint_every",
                                              "config",
                                              "data_dir",
                                              "dataset",
                                              "json",
                                              "labels_per_class",
                                              "margin",
                                              "output_dir",
                                              "overwrite",
                                              "print_config",
                                              "quiet",
                                              "ranks_per_run",
                                              "resume",
                                              "runs_at_once",
                                              "skip_unreadable",
                                              "student_from",
                                              "student_weights",
                                              "teacher_batch",
                                              "teacher_from",
                                              "teacher_weights",
                                              "trust_student_code",
                                              "trust_teacher_code",
                                              "unlabelled"}));
  EXPECT_EQ(settings.Configuration().size(),
            settings.rows().size() - not_there.size());
}

TEST(ProgramSettingsTest, NamesAreThereOnce) {
  DistillOptions options;
  SweepArguments arguments;
  for (const Settings& settings :
       {SettingsOf(options), SettingsOf(arguments)}) {
    std::set<std::string> names, fields;
    for (const Setting& row : settings.rows()) {
      EXPECT_TRUE(names.insert(row.name()).second) << row.name();
      EXPECT_TRUE(fields.insert(row.configuration_name()).second) << row.name();
      EXPECT_FALSE(row.group().empty()) << row.name();
      EXPECT_FALSE(row.Help().empty()) << row.name();
    }
  }
}

TEST(ProgramSettingsTest, WordsThatAreNoValuesAreRefused) {
  DistillOptions options;
  Settings settings = SettingsOf(options);
  const auto refuses = [](Settings& table, const std::string& name,
                          const std::string& text) {
    return FailsWith(table.Find(name)->Set(text),
                     absl::StatusCode::kInvalidArgument, {"--" + name, text});
  };
  EXPECT_TRUE(refuses(settings, "lr_schedule", "sine"));
  EXPECT_TRUE(refuses(settings, "omit_classes", "three"));
  EXPECT_TRUE(refuses(settings, "omit_classes", "3,"));
  EXPECT_TRUE(refuses(settings, "transfer_set", "some"));
  SweepArguments arguments;
  Settings grid = SettingsOf(arguments);
  EXPECT_TRUE(refuses(grid, "temperature", "1,,2"));
  EXPECT_TRUE(refuses(grid, "temperature", "warm"));
  EXPECT_TRUE(refuses(grid, "labels", "1.5"));
  EXPECT_TRUE(refuses(grid, "lr_schedule", "sine"));
}

}  // namespace
}  // namespace distill
