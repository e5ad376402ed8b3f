"""Checks the JSON that distill prints last, as its users would read it.

usage: distill ... | tail -n 1 | check_result.py

Exit status 1, with the reason, unless it is one object of a successful run on all
of MNIST whose teacher reached 98.5 % and whose student reached 97.5 %.
"""

import json
import sys

LEAST = {"teacher": 0.985, "student": 0.975, "control": 0.975}
PARAMETERS = {"teacher": 421642, "student": 31530, "control": 31530}


def problems(result):
    """Yields a sentence for each thing that is not as it must be."""
    if result.get("status") != "success":
        yield f"status is {result.get('status')!r}: {result.get('message')!r}"
        return
    if not 0 < result["finalLoss"] < 10:
        yield f"finalLoss is {result['finalLoss']}"
    if (result["dataset"], result["trainImages"]) != ("MNIST", 60000):
        yield f"it is of {result['trainImages']} images of {result['dataset']}"
    for name, least in LEAST.items():
        stage = result[name]
        if stage["parameters"] != PARAMETERS[name]:
            yield f"{name} has {stage['parameters']} parameters, not {PARAMETERS[name]}"
        if stage["testAccuracy"] < least:
            yield f"{name}'s test accuracy is {stage['testAccuracy']}, below {least}"
        if round(10000 * (1 - stage["testAccuracy"])) != stage["testErrors"]:
            yield f"{name}'s accuracy and errors disagree"


def main():
    found = list(problems(json.load(sys.stdin)))
    for problem in found:
        print("check_result:", problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
