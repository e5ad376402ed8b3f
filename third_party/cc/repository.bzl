"""The C++ rules: Bazel's own, or those of the module rules_cc.

A WORKSPACE takes Bazel's own: Debian's Bazel 4 has no others. A MODULE.bazel takes those of
rules_cc: Bazel 9 has none of its own. All BUILD files load them from here.
"""

_RULES = ["cc_binary", "cc_library", "cc_test"]
_VALUES = ["CcInfo", "cc_common"]

def _cc_rules_impl(ctx):
    names = _RULES + _VALUES
    if ctx.attr.module:
        file, prefix = "@rules_cc//cc:defs.bzl", ""
        toolchain = "@rules_cc//cc:find_cc_toolchain.bzl"
    else:
        file, prefix = ":own.bzl", "own_"
        toolchain = "@bazel_tools//tools/cpp:toolchain_utils.bzl"

        # A file of its own, because none can define a name by Bazel's value of that name.
        own = ["own_{0} = native.{0}".format(name) for name in _RULES]
        own += ["own_{0} = {0}".format(name) for name in _VALUES]
        ctx.file("own.bzl", "\n".join(own) + "\n")
    lines = ["load(\"{0}\", _{1} = \"{2}{1}\")".format(file, name, prefix) for name in names]
    lines.append("load(\"{}\", _find_cpp_toolchain = \"find_cpp_toolchain\")".format(toolchain))
    lines += ["{0} = _{0}".format(name) for name in names + ["find_cpp_toolchain"]]
    ctx.file("defs.bzl", "\n".join(lines) + "\n")
    ctx.file("BUILD.bazel")

cc_rules = repository_rule(
    implementation = _cc_rules_impl,
    attrs = {"module": attr.bool(doc = "Whether those of rules_cc.")},
)
