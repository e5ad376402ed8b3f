"""A C++ library from the system's package, else from its pinned archive.

`system_or_archive` looks for the library's header and binaries where Linux
distributions put them. If they are there it links to them (seconds, nothing is
downloaded). If not, it downloads the archive of the same version, checks its
SHA-256 and compiles the sources. If that fails too, or if there is no archive,
the error names the package to install.

Both ways give the repository the same labels.
"""

_ROOTS = ["/usr", "/usr/local"]
_LIBRARY_FOLDERS = ["lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "lib64", "lib"]

_LOAD = "load(\"@distill_cc//:defs.bzl\", \"cc_library\")\n"

_LIBRARY = """\
cc_library(
    name = "{name}",
    srcs = glob({srcs}, exclude = {exclude}),
    hdrs = glob({hdrs}, exclude = {exclude}),
    copts = ["-w"] + {copts},
    includes = {includes},
    linkopts = {linkopts},
    deps = {deps},
    visibility = ["//visibility:public"],
)
"""

_ALIAS = """\
alias(
    name = "{name}",
    actual = "//:library",
    visibility = ["//visibility:public"],
)
"""

def _library(name, srcs = [], hdrs = [], exclude = [], copts = [], includes = [], linkopts = [], deps = []):
    return _LIBRARY.format(
        name = name,
        srcs = repr(srcs),
        hdrs = repr(hdrs),
        exclude = repr(exclude),
        copts = repr(copts),
        includes = repr(includes),
        linkopts = repr(linkopts),
        deps = repr(deps),
    )

def _matches(file_name, library):
    """Whether libNAME.a or libNAME.so is `library`, which may end in '*'."""
    for ending in [".a", ".so"]:
        if file_name.startswith("lib") and file_name.endswith(ending):
            stem = file_name[len("lib"):-len(ending)]
            if library.endswith("*"):
                return stem.startswith(library[:-1])
            return stem == library
    return False

def _find_on_system(ctx):
    """Returns (root, {library name: linker option}) or None if a header or binary is missing.

    The static archive, where there is one: a program then runs on a machine
    without the package.
    """
    for root in _ROOTS:
        if not ctx.path(root + "/include/" + ctx.attr.header).exists:
            continue
        if not ctx.attr.system_libraries:
            return root, {}
        for folder in _LIBRARY_FOLDERS:
            path = ctx.path(root + "/" + folder)
            if not path.exists:
                continue
            names = {}
            for entry in path.readdir():
                for library in ctx.attr.system_libraries:
                    if _matches(entry.basename, library):
                        stem, _, ending = entry.basename[len("lib"):].rpartition(".")
                        if ending == "a" or stem not in names:
                            names[stem] = "-l:lib{}.{}".format(stem, ending)
            if names:
                return root, names
    return None

def _system_or_archive_impl(ctx):
    found = _find_on_system(ctx)
    if found:
        root, names = found
        for header in ctx.attr.system_headers:
            ctx.symlink(root + "/include/" + header, "include/" + header)

        # The archives of one library refer to each other in any order. Where they
        # are shared objects, only those that are used may be loaded: some of
        # Abseil's crash when all of them are.
        group = [names[name] for name in sorted(names) if name not in ctx.attr.mains]
        if group:
            group = (["-Wl,--push-state,--as-needed", "-Wl,--start-group"] + group +
                     ["-Wl,--end-group", "-Wl,--pop-state"])
        build = _library(
            "library",
            hdrs = ["include/**"],
            includes = ["include"],
            linkopts = group + ctx.attr.linkopts,
            deps = ctx.attr.system_deps,
        )
        for name in ctx.attr.mains:
            build += _library(name, linkopts = [names.get(name, "-l" + name)], deps = [":library"])
    elif not ctx.attr.urls:
        fail(("\n\n  {name} is not installed.\n" +
              "  Looked for: include/{header} and its library under {roots}\n" +
              "  What to do: sudo apt-get install {package}   (Debian, Ubuntu)\n").format(
            name = ctx.name,
            header = ctx.attr.header,
            roots = " and ".join(_ROOTS),
            package = ctx.attr.package,
        ))
    else:
        result = ctx.download_and_extract(
            url = ctx.attr.urls,
            sha256 = ctx.attr.sha256,
            stripPrefix = ctx.attr.strip_prefix,
            allow_fail = True,
        )
        if not result.success:
            fail(("\n\n  {name} is not installed and its archive could not be downloaded.\n" +
                  "  Looked for: include/{header} under {roots}\n" +
                  "  Tried:      {urls}\n" +
                  "  What to do: sudo apt-get install {package}   (Debian, Ubuntu)\n").format(
                name = ctx.name,
                header = ctx.attr.header,
                roots = " and ".join(_ROOTS),
                urls = ", ".join(ctx.attr.urls),
                package = ctx.attr.package,
            ))
        build = _library(
            "library",
            srcs = ctx.attr.archive_srcs,
            hdrs = ctx.attr.archive_hdrs,
            exclude = ctx.attr.archive_exclude + ctx.attr.mains.values(),
            copts = ctx.attr.archive_copts,
            includes = ctx.attr.archive_includes,
            linkopts = ctx.attr.linkopts,
        )
        for name, source in ctx.attr.mains.items():
            build += _library(name, srcs = [source], deps = [":library"])

    packages = {"": [_LOAD, build]}
    for label in ctx.attr.targets:
        package, _, name = label.rpartition(":")
        packages.setdefault(package, []).append(
            _ALIAS.format(name = name),
        )
    for package, rules in packages.items():
        ctx.file((package + "/" if package else "") + "BUILD.bazel", "\n".join(rules))

    # An archive's own BUILD file would hide the one written above.
    if ctx.path("BUILD").exists and packages.get(""):
        ctx.delete("BUILD")

system_or_archive = repository_rule(
    implementation = _system_or_archive_impl,
    attrs = {
        "package": attr.string(mandatory = True, doc = "Debian's packages that hold it."),
        "header": attr.string(mandatory = True, doc = "A header to look for, relative to include/."),
        "system_headers": attr.string_list(mandatory = True, doc = "Entries of include/ that belong to it."),
        "system_libraries": attr.string_list(doc = "Names as in -lNAME; a final * matches many."),
        "system_deps": attr.string_list(doc = "Labels that the system's package is linked with."),
        "linkopts": attr.string_list(doc = "Further linker options, either way."),
        "mains": attr.string_dict(doc = "Targets with a main(): name (as in -lNAME) to source in the archive."),
        "targets": attr.string_list(doc = "Labels (package:name) that stand for the library."),
        "urls": attr.string_list(doc = "Of the archive; none where the system's package is the only way."),
        "sha256": attr.string(),
        "strip_prefix": attr.string(),
        "archive_srcs": attr.string_list(),
        "archive_hdrs": attr.string_list(),
        "archive_exclude": attr.string_list(),
        "archive_includes": attr.string_list(),
        "archive_copts": attr.string_list(),
    },
)
