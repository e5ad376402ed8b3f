"""LibTorch: tensors, autograd, layers.

Pinned to the PyPI wheel of PyTorch 2.11.0: one ABI, one set of numerics, and the
last release that accepts C++17. The CPU build takes from it the headers,
libtorch_cpu, libc10 and libgomp, and from two small wheels the libraries that
libtorch_cpu names: 545 MB to download, and no CUDA toolkit. The CUDA build takes
libtorch_cuda too, and the libraries that it names, in the versions that PyTorch's
wheel asks for: 1.8 GB more.

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


# What libtorch_cuda.so loads, and what these load in turn.
_CUDA_LIBRARIES = [
    wheel(
        requirement = "nvidia-cublas==13.1.0.3",
        file = "nvidia_cublas-13.1.0.3-py3-none-manylinux_2_27_x86_64.whl",
        sha256 = "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171",
        megabytes = 423,
    ),
    wheel(
        requirement = "nvidia-cuda-nvrtc==13.0.88",
        file = "nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
        sha256 = "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
        megabytes = 90,
    ),
    wheel(
        requirement = "nvidia-cudnn-cu13==9.19.0.56",
        file = "nvidia_cudnn_cu13-9.19.0.56-py3-none-manylinux_2_27_x86_64.whl",
        sha256 = "d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf",
        megabytes = 366,
    ),
    wheel(
        requirement = "nvidia-cufft==12.0.0.61",
        file = "nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        sha256 = "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3",
        megabytes = 214,
    ),
    wheel(
        requirement = "nvidia-cufile==1.15.1.6",
        file = "nvidia_cufile-1.15.1.6-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        sha256 = "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44",
        megabytes = 1,
    ),
    wheel(
        requirement = "nvidia-curand==10.4.0.35",
        file = "nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl",
        sha256 = "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc",
        megabytes = 60,
    ),
    wheel(
        requirement = "nvidia-cusparse==12.6.3.3",
        file = "nvidia_cusparse-12.6.3.3-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        sha256 = "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b",
        megabytes = 146,
    ),
    wheel(
        requirement = "nvidia-cusparselt-cu13==0.8.0",
        file = "nvidia_cusparselt_cu13-0.8.0-py3-none-manylinux2014_x86_64.whl",
        sha256 = "25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd",
        megabytes = 170,
    ),
    wheel(
        requirement = "nvidia-nccl-cu13==2.28.9",
        file = "nvidia_nccl_cu13-2.28.9-py3-none-manylinux_2_18_x86_64.whl",
        sha256 = "e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42",
        megabytes = 196,
    ),
    wheel(
        requirement = "nvidia-nvjitlink==13.0.88",
        file = "nvidia_nvjitlink-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
        sha256 = "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b",
        megabytes = 41,
    ),
    wheel(
        requirement = "nvidia-nvshmem-cu13==3.4.5",
        file = "nvidia_nvshmem_cu13-3.4.5-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        sha256 = "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80",
        megabytes = 60,
    ),
]

# The libraries of each build, by the start of the file's name: PyTorch's own,
# then what these load.
_CPU_OWN = ["libtorch_cpu.so", "libc10.so", "libgomp"]
_CPU_COMPANIONS = ["libcudart.so", "libcupti.so"]

# In a wheel: of the CPU build's libraries, which tools/package passes on.
_LICENSES = "*.dist-info/licenses/*"
_CUDA_OWN = _CPU_OWN + ["libtorch_cuda.so", "libc10_cuda.so", "libtorch_nvshmem.so"]
_CUDA_COMPANIONS = _CPU_COMPANIONS + [
    "libcublas.so",
    "libcublasLt.so",
    "libcudnn",
    "libcufft.so",
    "libcufile.so",
    "libcurand.so",
    "libcusparse.so",
    "libcusparseLt.so",
    "libnccl.so",
    "libnvJitLink.so",
    "libnvrtc.so",
    "libnvrtc-builtins.so",
    "libnvshmem_host.so",
]

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

def _is_wanted(name, wanted):
    for start in wanted:
        if name.startswith(start) and ".so" in name and ".alt." not in name:
            return True
    return False

def _link_libraries(ctx, folders, wanted):
    """Links in lib/ to the `wanted` libraries of `folders`; returns their names."""
    names = {}
    for folder in folders:
        for entry in folder.readdir():
            name = entry.basename
            if name not in names and _is_wanted(name, wanted):
                ctx.symlink(entry, "lib/" + name)
                names[name] = True
    return names.keys()

def _nvidia_folders(nvidia):
    """The lib folders of the NVIDIA wheels unpacked under `nvidia`."""
    if not nvidia.exists:
        return []
    return [entry.get_child("lib") for entry in nvidia.readdir() if entry.get_child("lib").exists]

def _link_installed(ctx, folder):
    """Links to the PyTorch in `folder`; returns the names of its libraries."""
    own, companions = _wanted(ctx)
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
    if ctx.attr.cuda and not ctx.path(folder + "/lib/libtorch_cuda.so").exists:
        fail(("\n\n  LIBTORCH={folder}\n  has no lib/libtorch_cuda.so: it is a PyTorch without CUDA.\n" +
              "  What to do: set it to one with CUDA, unset it, or build with --config=cpu.\n").format(folder = folder))
    ctx.symlink(folder + "/include", "torch/include")
    folders = [ctx.path(folder + "/lib")] + _nvidia_folders(ctx.path(folder + "/../nvidia"))
    return _link_libraries(ctx, folders, own + companions)

def _unpack_pinned(ctx):
    """Fetches the pinned wheels; returns the names of the libraries."""
    if ctx.os.name != "linux":
        fail("\n\n  No wheel of PyTorch {} is pinned for {}.\n".format(VERSION, ctx.os.name) +
             "  What to do: install it and set LIBTORCH=/path/to/torch.\n")
    own, companions = _wanted(ctx)
    unpack_wheel(ctx, _TORCH, [_LICENSES, "torch/include/*"] + ["torch/lib/{}*".format(name) for name in own])
    for library in [_CUDA_RUNTIME, _CUDA_CUPTI]:
        unpack_wheel(ctx, library, [_LICENSES, "nvidia/*/lib/*.so*"])
    for library in _CUDA_LIBRARIES if ctx.attr.cuda else []:
        unpack_wheel(ctx, library, ["nvidia/*/lib/*.so*"])
    folders = [ctx.path("torch/lib")] + _nvidia_folders(ctx.path("nvidia"))
    return _link_libraries(ctx, folders, own + companions)

def _wanted(ctx):
    return (_CUDA_OWN, _CUDA_COMPANIONS) if ctx.attr.cuda else (_CPU_OWN, _CPU_COMPANIONS)

def _libtorch_impl(ctx):
    folder = ctx.os.environ.get("LIBTORCH", "")
    names = _link_installed(ctx, folder) if folder else _unpack_pinned(ctx)
    ctx.template("BUILD.bazel", Label("//third_party/libtorch:libtorch.BUILD"), {
        "%{libraries}": repr(["lib/" + name for name in sorted(names)]),
        # Headers of ATen/cuda and c10/cuda include the toolkit's.
        "%{deps}": repr(["@local_cuda//:headers"] if ctx.attr.cuda else []),
    })

libtorch = repository_rule(
    implementation = _libtorch_impl,
    attrs = {"cuda": attr.bool(doc = "Whether libtorch_cuda and what it loads are in it.")},
    environ = ["LIBTORCH"],
)
