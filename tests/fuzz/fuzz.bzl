"""Programs for libFuzzer, and tests that run what it once found."""

load("//tools:cc.bzl", "cc_binary", "cc_library", "cc_test")

def fuzz_target(name, deps):
    """Declares what feeds NAME_fuzz.cc, which has LLVMFuzzerTestOneInput.

    NAME_fuzz is for clang and --config=fuzz (tools/fuzz runs it); NAME_replay_test
    runs the kept inputs, tests/testdata/fuzz/NAME.tar.gz, with any compiler.

    Args:
      name: of the inputs' archive.
      deps: of the source file.
    """
    cc_library(
        name = name + "_target",
        testonly = True,
        srcs = [name + "_fuzz.cc"],
        alwayslink = True,
        deps = deps + [":input"],
    )
    cc_binary(
        name = name + "_fuzz",
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        # "manual": gcc knows no -fsanitize=fuzzer.
        tags = ["manual"],
        deps = [":" + name + "_target"],
    )
    cc_test(
        name = name + "_replay_test",
        srcs = ["replay_main.cc"],
        args = ["tests/testdata/fuzz/{}.tar.gz".format(name)],
        data = ["//tests/testdata/fuzz:{}.tar.gz".format(name)],
        deps = [
            ":input",
            ":" + name + "_target",
        ],
    )
