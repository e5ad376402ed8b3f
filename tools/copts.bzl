"""Compiler options of this project's own C++ code.

Warnings are errors with --config=strict alone (.bazelrc), as CI builds: a stranger's
compiler may warn of what none that this was written with did.
"""

DISTILL_COPTS = [
    "-Wall",
    "-Wextra",
]
