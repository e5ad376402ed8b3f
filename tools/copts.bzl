"""Compiler options of this project's own C++ code."""

DISTILL_COPTS = [
    "-Wall",
    "-Wextra",
    "-Werror",
    # Wrong about std::optional in GCC 12 to 16, depending on what is inlined.
    "-Wno-error=maybe-uninitialized",
]
