"""One cc_test for each *_test.cc of a folder: no test is listed by hand."""

load("//tools:cc.bzl", "cc_test")

def folder_tests(deps, data = [], size = "medium"):
    """Declares the tests of the folder whose BUILD file calls this.

    A *_gpu_test.cc is tagged "gpu"; where there is no GPU it skips its tests.

    Args:
      deps: libraries of every test, besides GoogleTest and its main().
      data: files that every test may read.
      size: Bazel's test size, for its time limit.
    """
    for source in native.glob(["*_test.cc"]):
        name = source[:-len(".cc")]
        cc_test(
            name = name,
            size = size,
            srcs = [source],
            data = data,
            tags = ["gpu"] if name.endswith("_gpu_test") else [],
            deps = deps + ["@com_google_googletest//:gtest_main"],
        )
