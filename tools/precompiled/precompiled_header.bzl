"""Precompiled headers: what most files include, parsed once for each configuration.

A target of this rule is a dependency like a library; the macros of tools/cc.bzl
add it and `-include NAME.h`. A compiler that finds NAME.h.gch beside NAME.h and cannot use
it, because it was made with other options, reads NAME.h. So nothing depends on it but time.
--define=precompiled_headers=no makes no NAME.h.gch: Clang, which takes one of other options for
an error, wants that where options differ from file to file.
"""

load("@distill_cc//:defs.bzl", "CcInfo", "cc_common", "find_cpp_toolchain")

def _precompile(ctx, header, context):
    """Returns the file that `header`, whose includes are in `context`, is compiled to."""
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    precompiled = ctx.actions.declare_file("{0}/{0}.h.gch".format(ctx.label.name))
    options = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts
    variables = cc_common.create_compile_variables(
        feature_configuration = features,
        cc_toolchain = toolchain,
        user_compile_flags = options + ctx.attr.copts + ["-x", "c++-header"],
        source_file = header.path,
        output_file = precompiled.path,
        include_directories = context.includes,
        quote_include_directories = depset([ctx.label.workspace_root or "."], transitive = [context.quote_includes]),
        # Bazel 7 has those of other repositories apart.
        system_include_directories = depset(transitive = [
            context.system_includes,
            getattr(context, "external_includes", depset()),
        ]),
        preprocessor_defines = context.defines,
    )
    action = "c++-compile"
    ctx.actions.run(
        executable = cc_common.get_tool_for_action(
            feature_configuration = features,
            action_name = action,
        ),
        arguments = cc_common.get_memory_inefficient_command_line(
            feature_configuration = features,
            action_name = action,
            variables = variables,
        ),
        env = cc_common.get_environment_variables(
            feature_configuration = features,
            action_name = action,
            variables = variables,
        ),
        inputs = depset([header] + ctx.files.hdrs, transitive = [context.headers, toolchain.all_files]),
        outputs = [precompiled],
        mnemonic = "CppCompile",
        progress_message = "Precompiling %s" % header.short_path,
    )
    return precompiled

def _impl(ctx):
    deps = [CcInfo(compilation_context = dep[CcInfo].compilation_context) for dep in ctx.attr.deps]
    context = cc_common.merge_cc_infos(cc_infos = deps).compilation_context

    header = ctx.actions.declare_file("{0}/{0}.h".format(ctx.label.name))
    ctx.actions.expand_template(template = ctx.file.header, output = header, substitutions = {})
    outputs = [header]
    if ctx.var.get("precompiled_headers") != "no":
        outputs.append(_precompile(ctx, header, context))
    mine = cc_common.create_compilation_context(
        headers = depset(outputs + ctx.files.hdrs),
        quote_includes = depset([header.dirname]),
    )
    return [
        cc_common.merge_cc_infos(cc_infos = deps + [CcInfo(compilation_context = mine)]),
        DefaultInfo(files = depset(outputs)),
    ]

precompiled_header = rule(
    implementation = _impl,
    attrs = {
        "header": attr.label(allow_single_file = [".h"], doc = "Includes what is to be parsed once."),
        "hdrs": attr.label_list(allow_files = [".h"], doc = "This project's own that it includes."),
        "deps": attr.label_list(providers = [CcInfo]),
        "copts": attr.string_list(),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
