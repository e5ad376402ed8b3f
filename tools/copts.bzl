"""Compiler options of this project's own C++ code."""

DISTILL_COPTS = [
    "-Wall",
    "-Wextra",
    "-Werror",
]
