#include "data/division.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status.h"
#include "data/draw.h"

namespace distill {
namespace {

absl::Status CheckOmitted(const std::vector<int64_t>& omitted,
                          const Dataset& dataset) {
  std::vector<bool> named(dataset.classes);
  for (int64_t c : omitted) {
    if (c < 0 || c >= dataset.classes) {
      return absl::InvalidArgumentError(
          absl::StrCat("--omit_classes has ", c, "; the classes of ",
                       dataset.name, " are 0 to ", dataset.classes - 1));
    }
    if (named[c]) {
      return absl::InvalidArgumentError(
          absl::StrCat("--omit_classes has ", c, " twice"));
    }
    named[c] = true;
  }
  if (static_cast<int>(omitted.size()) + 2 > dataset.classes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--omit_classes has ", omitted.size(), " of ", dataset.classes,
        " classes; at least two must be left to learn"));
  }
  return absl::OkStatus();
}

std::vector<int64_t> WithoutClasses(const Dataset& dataset,
                                    const std::vector<int64_t>& omitted) {
  std::vector<int64_t> positions;
  for (int64_t i = 0; i < dataset.count; ++i) {
    if (std::find(omitted.begin(), omitted.end(), dataset.labels[i]) ==
        omitted.end()) {
      positions.push_back(i);
    }
  }
  return positions;
}

std::vector<int64_t> Labelled(const Dataset& dataset) {
  std::vector<int64_t> positions;
  for (int64_t i = 0; i < dataset.count; ++i) {
    if (dataset.labels[i] != kNoLabel) positions.push_back(i);
  }
  return positions;
}

// The samples of `dataset` at `positions`.
absl::StatusOr<Subset> Take(const Dataset& dataset,
                            std::vector<int64_t> positions,
                            const BatchesOptions& options) {
  ASSIGN_OR_RETURN(Dataset part, Select(dataset, positions));
  ASSIGN_OR_RETURN(
      Batches batches,
      Batches::Create(std::make_shared<const Dataset>(std::move(part)),
                      options));
  return Subset{std::move(batches), std::move(positions)};
}

// The positions of the images to hold out.
absl::StatusOr<std::vector<int64_t>> DrawValidation(const Splits& splits,
                                                    int64_t count) {
  const Dataset& train = *splits.train;
  if (splits.validation != nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("--validation is ", count, ", and ", train.name, " has ",
                     splits.validation->count,
                     " images for validation of its own, which are used: pass "
                     "--validation=0, or leave it out"));
  }
  if (count >= train.count) {
    return absl::InvalidArgumentError(
        absl::StrCat("--validation is ", count, "; it must leave some of the ",
                     train.count, " training images to train on"));
  }
  // The same for every seed: one teacher may serve several.
  Random random(0, "validation");
  return DrawBalanced(train, count, "--validation", random);
}

}  // namespace

absl::StatusOr<DataDivision> DivideData(const Splits& splits,
                                        const DivisionOptions& options) {
  std::shared_ptr<const Dataset> train = splits.train;
  BatchesOptions plain;
  plain.batch_size = options.batch_size;
  plain.seed = options.seed;
  plain.normalization = NormalizationOf(*train);
  BatchesOptions student = plain, teacher = plain;
  student.augment = options.augment;
  teacher.augment = options.teacher_augment;
  const std::string name = train->name;
  std::optional<Batches> validation;
  std::vector<int64_t> train_at, validation_at;
  if (options.validation > 0) {
    ASSIGN_OR_RETURN(const auto positions,
                     DrawValidation(splits, options.validation));
    ASSIGN_OR_RETURN(const Subset held_out, Take(*train, positions, plain));
    validation = held_out.batches;
    train_at = AllBut(positions, train->count);
    validation_at = positions;
    ASSIGN_OR_RETURN(Dataset rest, Select(*train, train_at));
    train = std::make_shared<const Dataset>(std::move(rest));
  } else if (splits.validation != nullptr) {
    ASSIGN_OR_RETURN(validation, Batches::Create(splits.validation, plain));
  }
  ASSIGN_OR_RETURN(Batches all, Batches::Create(train, student));
  ASSIGN_OR_RETURN(Batches tests, Batches::Create(splits.test, plain));
  ASSIGN_OR_RETURN(Batches teachers, Batches::Create(train, teacher));
  Batches transfer = all;
  if (splits.unlabelled != nullptr) {
    ASSIGN_OR_RETURN(
        transfer,
        Batches::Create(std::make_shared<const Dataset>(
                            WithUnlabelled(*train, *splits.unlabelled)),
                        student));
  }
  DataDivision data = {name,
                       std::move(all),
                       std::move(tests),
                       std::move(transfer),
                       std::move(teachers),
                       std::move(validation),
                       std::nullopt,
                       std::nullopt,
                       std::move(train_at),
                       std::move(validation_at)};
  if (!options.omit_classes.empty()) {
    RETURN_IF_ERROR(CheckOmitted(options.omit_classes, *train));
    ASSIGN_OR_RETURN(data.seen, Take(data.transfer.dataset(),
                                     WithoutClasses(data.transfer.dataset(),
                                                    options.omit_classes),
                                     student));
  }
  const Dataset& from = data.students().dataset();
  if (options.labels > 0) {
    Random random(options.seed, "labelled images");
    ASSIGN_OR_RETURN(auto drawn,
                     DrawBalanced(from, options.labels, "--labels", random));
    ASSIGN_OR_RETURN(data.labelled, Take(from, std::move(drawn), student));
  } else if (splits.unlabelled != nullptr) {
    ASSIGN_OR_RETURN(data.labelled, Take(from, Labelled(from), student));
  }
  return data;
}

}  // namespace distill
