"""Makes a Markdown table of distill's results, one JSON object a line.

usage: seeds_table.py < RESULTS

A row a run, then the mean, the standard deviation and the least of each column.
Exit status 1 if a run failed.
"""

import json
import statistics
import sys


def percent(fraction):
    return f"{100 * fraction:.2f}"


def main():
    runs = [json.loads(line) for line in sys.stdin]
    good = [run for run in runs if run["status"] == "success"]
    names = [name for name in ("teacher", "student", "control") if good and good[0][name]]
    print("| seed |", " | ".join(names), "| final loss | seconds |")
    print("|---" * (len(names) + 3) + "|")
    for number, run in enumerate(runs):
        if run["status"] != "success":
            print(f"| {number} | failed: {run['message']} |")
            continue
        cells = [percent(run[name]["testAccuracy"]) for name in names]
        print(f"| {run['seed']} |", " | ".join(cells),
              f"| {run['finalLoss']:.4f} | {run['seconds']:.1f} |")
    columns = [[run[name]["testAccuracy"] for run in good] for name in names]
    summaries = [("mean", statistics.fmean), ("least", min)]
    if len(good) > 1:
        summaries.insert(1, ("deviation", statistics.stdev))
    for label, summary in summaries if good else []:
        print(f"| {label} |", " | ".join(percent(summary(column)) for column in columns), "| | |")
    return 0 if len(good) == len(runs) else 1


if __name__ == "__main__":
    sys.exit(main())
