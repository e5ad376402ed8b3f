"""LibTorch: tensors, autograd, layers.

Pinned to the PyPI wheel of PyTorch 2.11.0: one ABI, one set of numerics, and the
last release that accepts C++17. The CPU build takes from it the headers,
libtorch_cpu, libc10 and libgomp, and from two small wheels the libraries that
libtorch_cpu names: 545 MB to download, and no CUDA toolkit.

LIBTORCH=/path/to/torch uses an installed PyTorch's folder instead, if it is of
the pinned version.
"""

load("//third_party/pypi:wheel.bzl", "unpack_wheel", "wheel")

VERSION = "2.11.0"

_TORCH = wheel(
    requirement = "torch==2.11.0",
    file = "torch-2.11.0-cp312-cp312-manylinux_2_28_x86_64.whl",
    sha256 = "0f68f4ac6d95d12e896c3b7a912b5871619542ec54d3649cf48cc1edd4dd2756",
    megabytes = 531,
)
_CUDA_RUNTIME = wheel(
    requirement = "nvidia-cuda-runtime==13.0.96",
    file = "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    sha256 = "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
    megabytes = 2,
)
_CUDA_CUPTI = wheel(
    requirement = "nvidia-cuda-cupti==13.0.85",
    file = "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
    sha256 = "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
    megabytes = 11,
)

# What libtorch_cpu.so loads besides itself, by the start of the file's name.
_COMPANIONS = ["libgomp", "libcudart", "libcupti"]

def _installed_version(ctx, folder):
    """The version of the PyTorch in `folder`, as its own files say it."""
    version_py = ctx.path(folder + "/version.py")
    if version_py.exists:
        for line in ctx.read(version_py).split("\n"):
            if line.startswith("__version__"):
                return line.partition("=")[2].strip().strip("'\"")
    build_version = ctx.path(folder + "/build-version")  # LibTorch's zip
    if build_version.exists:
        return ctx.read(build_version).strip()
    return None

def _link_installed(ctx, folder):
    """Links to the PyTorch in `folder`; returns the names of its libraries."""
    if not ctx.path(folder + "/lib/libtorch_cpu.so").exists:
        fail(("\n\n  LIBTORCH={folder}\n  has no lib/libtorch_cpu.so.\n" +
              "  What to do: set it to an installed PyTorch's folder, as printed by\n" +
              "    python3 -c 'import torch; print(torch.__path__[0])'\n" +
              "  or unset it, and version {version} is fetched.\n").format(folder = folder, version = VERSION))
    found = _installed_version(ctx, folder)
    if not found or found.partition("+")[0] != VERSION:
        fail(("\n\n  LIBTORCH={folder}\n  is PyTorch {found}; this project is built with {version}.\n" +
              "  What to do: pip install torch=={version} and set LIBTORCH to its folder,\n" +
              "  or unset LIBTORCH, and the right version is fetched.\n").format(
            folder = folder,
            found = found or "of an unknown version (neither version.py nor build-version tells)",
            version = VERSION,
        ))
    ctx.symlink(folder + "/include", "torch/include")
    names = ["libtorch_cpu.so", "libc10.so"]
    folders = [ctx.path(folder + "/lib")]
    nvidia = ctx.path(folder + "/../nvidia")
    if nvidia.exists:
        folders += [entry.get_child("lib") for entry in nvidia.readdir() if entry.get_child("lib").exists]
    for libraries in folders:
        for entry in libraries.readdir():
            for companion in _COMPANIONS:
                if entry.basename.startswith(companion) and ".so" in entry.basename and entry.basename not in names:
                    names.append(entry.basename)
    for name in names:
        for libraries in folders:
            if libraries.get_child(name).exists:
                ctx.symlink(libraries.get_child(name), "lib/" + name)
                break
    return names

def _unpack_pinned(ctx):
    """Fetches the pinned wheels; returns the names of the libraries."""
    if ctx.os.name != "linux":
        fail("\n\n  No wheel of PyTorch {} is pinned for {}.\n".format(VERSION, ctx.os.name) +
             "  What to do: install it and set LIBTORCH=/path/to/torch.\n")
    unpack_wheel(ctx, _TORCH, [
        "torch/include/",
        "torch/lib/libtorch_cpu.so",
        "torch/lib/libc10.so",
        "torch/lib/libgomp",
    ])
    unpack_wheel(ctx, _CUDA_RUNTIME, ["nvidia/cu13/lib/libcudart.so"])
    unpack_wheel(ctx, _CUDA_CUPTI, ["nvidia/cu13/lib/libcupti.so"])
    names = []
    for folder in ["torch/lib", "nvidia/cu13/lib"]:
        for entry in ctx.path(folder).readdir():
            ctx.symlink(entry, "lib/" + entry.basename)
            names.append(entry.basename)
    return names

def _libtorch_impl(ctx):
    folder = ctx.os.environ.get("LIBTORCH", "")
    names = _link_installed(ctx, folder) if folder else _unpack_pinned(ctx)
    ctx.template("BUILD.bazel", Label("//third_party/libtorch:libtorch.BUILD"), {
        "%{libraries}": repr(["lib/" + name for name in sorted(names)]),
    })

libtorch = repository_rule(
    implementation = _libtorch_impl,
    environ = ["LIBTORCH"],
)
