"""This project's own C++ targets: Bazel's rules with the options that all of them have.

A library that names neither sources nor headers is the pair of files of its name.

Warnings are errors with --config=strict alone (.bazelrc), as CI builds: a stranger's
compiler may warn of what none that this was written with did.
"""

COPTS = [
    "-Wall",
    "-Wextra",
]

def cc_library(name, srcs = None, hdrs = None, copts = [], **kwargs):
    """A library; without `srcs` and `hdrs` of NAME.cc and NAME.h, where these exist."""
    if srcs == None:
        srcs = native.glob([name + ".cc"], allow_empty = True)
    if hdrs == None:
        hdrs = native.glob([name + ".h"], allow_empty = True)
    native.cc_library(name = name, srcs = srcs, hdrs = hdrs, copts = COPTS + copts, **kwargs)

def cc_binary(name, copts = [], **kwargs):
    native.cc_binary(name = name, copts = COPTS + copts, **kwargs)

def cc_test(name, copts = [], **kwargs):
    native.cc_test(name = name, copts = COPTS + copts, linkstatic = True, **kwargs)
