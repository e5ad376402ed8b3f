// What a sweep leaves to read: a table for a terminal, one for programs, and a
// page with a map.
#ifndef DISTILL_REPORT_SWEEP_REPORT_H_
#define DISTILL_REPORT_SWEEP_REPORT_H_

#include <string>
#include <vector>

#include "experiment/sweep.h"

namespace distill {

// "T=2, alpha=0.5", with the method in front if it is not "kd".
std::string CellName(const SweepCell& cell);

// What a chosen cell achieved, on the validation images and on the test set, in
// a sentence or two.
std::string ChosenLine(const SweepCellResult& chosen);

// A line a cell, in columns.
std::string SweepTable(const SweepResult& result);

// A line of names, and a line a cell, with commas between the values:
// accuracies and differences in [-1, 1] to six digits after the point, and
// nothing where one run has no interval or a cell was not chosen. No times: a
// sweep that was stopped and resumed has the bytes of one that was not.
std::string SweepCsv(const SweepResult& result);

// The document of sweep.html: for each number of labels, and each method, a map
// of temperature and alpha, coloured by the difference to the control. `facts`
// are rows of a name and a value: what ran.
std::string SweepPage(const SweepResult& result,
                      const std::vector<std::vector<std::string>>& facts);

}  // namespace distill

#endif  // DISTILL_REPORT_SWEEP_REPORT_H_
