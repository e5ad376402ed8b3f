"""deps.bzl for a MODULE.bazel."""

load("//:deps.bzl", "distill_deps")

def _deps_impl(_ctx):
    distill_deps(module = True)

deps = module_extension(implementation = _deps_impl)
