"""A C++ library of .cu files, compiled by nvcc."""

load("@distill_cc//:defs.bzl", "cc_library")
load("@local_cuda//:defs.bzl", "NVCC", "PROBLEM")
load("//third_party/cuda:repository.bzl", "NEEDED_MAJOR")

# Machine code for these, and PTX of the last, which later cards' drivers compile.
# Code for 8.0 runs on all of 8.x, and so on: only within one major version.
CUDA_ARCHITECTURES = ["80", "90", "100", "120"]

# The same for C++ sources, as the elements of an array of compute capabilities.
CUDA_ARCHITECTURES_DEFINE = "DISTILL_CUDA_ARCHITECTURES=" + ",".join(CUDA_ARCHITECTURES)

_MISSING = """cat >&2 <<'END'

  A CUDA build needs the CUDA Toolkit {major}.0 or a later {major}.x, and found none.
  Looked at:  {problem}
  What to do: install NVIDIA's package cuda-toolkit-{major}-0 (its cuda-nvcc and cuda-cudart-dev are enough),
              or set CUDA_HOME to the toolkit's folder;
              or build without CUDA: --config=cpu

END
exit 1
"""

def cuda_library(name, srcs, hdrs, deps_hdrs = [], visibility = None):
    """Declares a library of `srcs` (.cu) with `hdrs`, in a CUDA build only.

    Args:
      name: of the library.
      srcs: .cu files; they include no header of LibTorch or Abseil.
      hdrs: what others include.
      deps_hdrs: further headers that the sources include, as labels of files.
      visibility: as of any target.
    """
    codes = ["-gencode=arch=compute_{0},code=sm_{0}".format(arch) for arch in CUDA_ARCHITECTURES]
    last = CUDA_ARCHITECTURES[-1]
    codes.append("-gencode=arch=compute_{0},code=compute_{0}".format(last))
    if NVCC:
        command = " ".join([
            "'" + NVCC + "' -lib -O3 -std=c++17 -I. --threads=2",
            "-Werror=all-warnings -Xcompiler=-fPIC,-Wall,-Wextra",
            # With that an error too: a kernel that has too few registers.
            "-Xptxas=-warn-spills",
        ] + codes + ["$(location {})".format(source) for source in srcs] + ["-o $@"])
    else:
        command = _MISSING.format(major = NEEDED_MAJOR, problem = PROBLEM)

    # "manual": `//...` in a CPU build must not want nvcc.
    native.genrule(
        name = name + "_archive",
        srcs = srcs + hdrs + deps_hdrs,
        outs = ["lib{}.a".format(name)],
        cmd = command,
        tags = ["manual"],
    )
    cc_library(
        name = name,
        srcs = ["lib{}.a".format(name)],
        hdrs = hdrs,
        tags = ["manual"],
        visibility = visibility,
        deps = ["@local_cuda//:headers"],
    )
