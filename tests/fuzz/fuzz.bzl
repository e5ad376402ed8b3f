"""Programs for libFuzzer, and tests that run what it once found."""

load("//tools:copts.bzl", "DISTILL_COPTS")

def fuzz_target(name, deps):
    """Declares what feeds NAME_fuzz.cc, which has LLVMFuzzerTestOneInput.

    NAME_fuzz is for clang and --config=fuzz (tools/fuzz runs it); NAME_replay_test
    runs the kept inputs, tests/testdata/fuzz/NAME, with any compiler.

    Args:
      name: of the inputs' folder.
      deps: of the source file.
    """
    native.cc_library(
        name = name + "_target",
        testonly = True,
        srcs = [name + "_fuzz.cc"],
        alwayslink = True,
        copts = DISTILL_COPTS,
        deps = deps + [":input"],
    )
    native.cc_binary(
        name = name + "_fuzz",
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        # "manual": gcc knows no -fsanitize=fuzzer.
        tags = ["manual"],
        deps = [":" + name + "_target"],
    )
    native.cc_test(
        name = name + "_replay_test",
        srcs = ["replay_main.cc"],
        args = ["tests/testdata/fuzz/" + name],
        copts = DISTILL_COPTS,
        data = ["//tests/testdata/fuzz:" + name],
        linkstatic = True,
        deps = [
            ":input",
            ":" + name + "_target",
        ],
    )
