"""This project's own C++ targets: Bazel's rules with the options that all of them have.

A library that names neither sources nor headers is the pair of files of its name. All
libraries but those of kernels, which say `abseil = False`, have Abseil's errors and texts.

Warnings are errors with --config=strict alone (.bazelrc), as CI builds: a stranger's
compiler may warn of what none that this was written with did.
"""

COPTS = [
    "-Wall",
    "-Wextra",
]

_ABSEIL = [
    "@com_google_absl//absl/status",
    "@com_google_absl//absl/status:statusor",
    "@com_google_absl//absl/strings",
    "@com_google_absl//absl/strings:str_format",
]

def cc_library(name, srcs = None, hdrs = None, copts = [], deps = [], abseil = True, **kwargs):
    """A library; without `srcs` and `hdrs` of NAME.cc and NAME.h, where these exist."""
    if abseil:
        deps = deps + _ABSEIL
    if srcs == None:
        srcs = native.glob([name + ".cc"], allow_empty = True)
    if hdrs == None:
        hdrs = native.glob([name + ".h"], allow_empty = True)
    native.cc_library(name = name, srcs = srcs, hdrs = hdrs, copts = COPTS + copts, deps = deps, **kwargs)

def cc_binary(name, copts = [], **kwargs):
    native.cc_binary(name = name, copts = COPTS + copts, **kwargs)

def cc_test(name, copts = [], **kwargs):
    native.cc_test(name = name, copts = COPTS + copts, linkstatic = True, **kwargs)
