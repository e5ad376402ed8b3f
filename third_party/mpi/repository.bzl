"""The machine's MPI: Open MPI or MPICH, as its compiler wrapper describes it.

Asks $MPICC, else the first of mpicc, mpicc.openmpi and mpicc.mpich on the PATH, what it
adds to the compiler's command line. Never fails: where there is none, only what needs it
does, and says what to install.
"""

# Open MPI's words, and MPICH's.
_QUESTIONS = [("--showme:compile", "--showme:link"), ("-compile_info", "-link_info")]

_LIBRARY = """\
load("@distill_cc//:defs.bzl", "cc_library")

cc_library(
    name = "mpi",
    hdrs = glob(["include*/**"]),
    # Their bindings for C++ are long gone from the standard.
    defines = ["OMPI_SKIP_MPICXX", "MPICH_SKIP_MPICXX"],
    includes = {includes},
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
)
"""

_MISSING = """\
load("@distill_cc//:defs.bzl", "cc_library")

genrule(
    name = "missing",
    outs = ["mpi.h"],
    cmd = "echo >&2; echo '  MPI: found no mpicc; expected the one of Open MPI or MPICH.' >&2; " +
          "echo '  What to do: sudo apt-get install libopenmpi-dev openmpi-bin, or set MPICC=/path/to/mpicc' >&2; false",
)

cc_library(
    name = "mpi",
    hdrs = ["mpi.h"],
    visibility = ["//visibility:public"],
)
"""

def _ask(ctx, mpicc):
    """Returns (compile, link), lists of options, or None."""
    for questions in _QUESTIONS:
        answers = [ctx.execute([mpicc, question]) for question in questions]
        if all([answer.return_code == 0 for answer in answers]):
            return [[word for word in answer.stdout.replace("\n", " ").split(" ") if word] for answer in answers]
    return None

def _local_mpi_impl(ctx):
    named = ctx.os.environ.get("MPICC", "")
    found = [named] if named else [
        str(ctx.which(name))
        for name in ["mpicc", "mpicc.openmpi", "mpicc.mpich"]
        if ctx.which(name)
    ]
    for mpicc in found:
        answers = _ask(ctx, mpicc)
        if not answers:
            continue
        compile, link = answers
        includes = []
        for option in compile:
            if option.startswith("-I"):
                name = "include{}".format(len(includes))
                ctx.symlink(option[2:], name)
                includes.append(name)
        linkopts = [option for option in link if option.startswith("-L") or option.startswith("-l") or option.startswith("-Wl,")]
        ctx.file("BUILD.bazel", _LIBRARY.format(includes = repr(includes), linkopts = repr(linkopts)))
        return
    ctx.file("BUILD.bazel", _MISSING)

local_mpi = repository_rule(
    implementation = _local_mpi_impl,
    environ = ["MPICC", "PATH"],
    local = True,
)
