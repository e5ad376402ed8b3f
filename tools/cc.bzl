"""This project's own C++ targets: Bazel's rules with the options that all of them have.

A library that names neither sources nor headers is the pair of files of its name. All
libraries but those of kernels, which say `abseil = False`, have Abseil's errors and texts.

Warnings are errors with --config=strict alone (.bazelrc), as CI builds: a stranger's
compiler may warn of what none that this was written with did.
"""

load("@distill_cc//:defs.bzl", _binary = "cc_binary", _library = "cc_library", _test = "cc_test")

COPTS = [
    "-Wall",
    "-Wextra",
]

ABSEIL = [
    "@com_google_absl//absl/status",
    "@com_google_absl//absl/status:statusor",
    "@com_google_absl//absl/strings",
    "@com_google_absl//absl/strings:str_format",
]

# at::parallel_for is a template that is serial without it. The library behind it is
# LibTorch's own copy, which is linked anyway.
TORCH_COPTS = ["-fopenmp"]

def _with_headers(deps, copts):
    """`deps` and `copts` with Abseil, and with the headers that are parsed before such a file."""

    # (A list that a select was added to has no `in`.)
    torch = "\"//third_party/libtorch\"" in repr(deps)
    name = "precompiled_torch" if torch else "precompiled_plain"
    return (
        deps + ABSEIL + ["//tools/precompiled:" + name],
        ["-include", name + ".h"] + copts + (TORCH_COPTS if torch else []),
    )

def cc_library(name, srcs = None, hdrs = None, copts = [], deps = [], abseil = True, **kwargs):
    """A library; without `srcs` and `hdrs` of NAME.cc and NAME.h, where these exist."""
    if abseil:
        deps, copts = _with_headers(deps, copts)
    if srcs == None:
        srcs = native.glob([name + ".cc"], allow_empty = True)
    if hdrs == None:
        hdrs = native.glob([name + ".h"], allow_empty = True)
    _library(name = name, srcs = srcs, hdrs = hdrs, copts = COPTS + copts, deps = deps, **kwargs)

def cc_binary(name, copts = [], deps = [], **kwargs):
    deps, copts = _with_headers(deps, copts)
    _binary(name = name, copts = COPTS + copts, deps = deps, **kwargs)

def cc_test(name, copts = [], deps = [], **kwargs):
    _test(
        name = name,
        copts = COPTS + ["-include", "precompiled_test.h"] + copts + TORCH_COPTS,
        deps = deps + ["//tools/precompiled:precompiled_test"],
        linkstatic = True,
        **kwargs
    )
