"""Texts in files of their own (CSS, JavaScript), as constants of C++."""

load("//tools:cc.bzl", "cc_library")

def embed(name, texts):
    """Declares a library of NAME.h with a `constexpr char` in namespace distill for each text.

    Args:
      name: of the library and the header; the header's folder is the package's.
      texts: the constants' names by the files they are read from.
    """
    parts = [
        "printf 'constexpr char %s[] = R\"embedded(' {}; cat $(location {}); printf ')embedded\";\\n'".format(constant, file)
        for file, constant in texts.items()
    ]
    native.genrule(
        name = name + "_header",
        srcs = texts.keys(),
        outs = [name + ".h"],
        cmd = "{ printf '#pragma once\\nnamespace distill {\\n'; " + "; ".join(parts) +
              "; printf '}  // namespace distill\\n'; } > $@",
    )
    cc_library(
        name = name,
        hdrs = [name + ".h"],
    )
