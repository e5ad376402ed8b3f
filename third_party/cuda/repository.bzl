"""What this machine has of CUDA: a driver, and a toolkit with nvcc.

Looks, and never fails: what a CUDA build then misses is said by the target that
misses it, so that a CPU build needs neither.

The toolkit is the first of $CUDA_HOME, the folder of the nvcc on the PATH, and
/usr/local/cuda. Only nvcc and its headers are used of it; the libraries that
programs load are the ones PyTorch's wheel names (third_party/libtorch).
"""

# PyTorch 2.11.0 is built with CUDA 13.0; sm_100 and sm_120 need 12.8 at least,
# and libcudart's major version must be the same.
NEEDED_MAJOR = 13

_DRIVER_MARKS = [
    "/proc/driver/nvidia/version",
    "/usr/lib/wsl/lib/libcuda.so.1",  # Windows Subsystem for Linux.
]

def _version(ctx, nvcc):
    """nvcc's version as a string like "13.0", or None if it does not run."""
    result = ctx.execute([nvcc, "--version"])
    for line in result.stdout.split("\n"):
        _, found, rest = line.partition("release ")
        if result.return_code == 0 and found:
            return rest.partition(",")[0]
    return None

def _find_toolkit(ctx):
    """Returns (folder, version, problem): folder is None where there is a problem."""
    tried = []
    folders = []
    home = ctx.os.environ.get("CUDA_HOME", "")
    if home:
        folders.append((home, "CUDA_HOME"))
    on_path = ctx.which("nvcc")
    if on_path:
        # Through the links by which distributions put it there.
        folders.append((str(on_path.realpath.dirname.dirname), "nvcc on the PATH"))
    folders.append(("/usr/local/cuda", "/usr/local/cuda"))
    for folder, where in folders:
        nvcc = folder + "/bin/nvcc"
        if not ctx.path(nvcc).exists:
            tried.append("{} ({}): no bin/nvcc".format(where, folder))
            continue
        version = _version(ctx, nvcc)
        if not version or int(version.partition(".")[0]) != NEEDED_MAJOR:
            tried.append("{} ({}): nvcc is of CUDA {}".format(where, folder, version or "?"))
            continue
        return folder, version, ""
    return None, None, "; ".join(tried)

def _local_cuda_impl(ctx):
    driver = False
    for mark in _DRIVER_MARKS:
        driver = driver or ctx.path(mark).exists
    folder, version, problem = _find_toolkit(ctx)
    if folder:
        ctx.symlink(folder + "/include", "include")
    else:
        ctx.file("include/none.h", "")
    ctx.file("defs.bzl", """\
# Whether an NVIDIA driver is installed.
DRIVER = {driver}

# The compiler's path, or "" and why there is none.
NVCC = {nvcc}
VERSION = {version}
PROBLEM = {problem}
""".format(
        driver = repr(driver),
        nvcc = repr(folder + "/bin/nvcc" if folder else ""),
        version = repr(version or ""),
        problem = repr(problem),
    ))
    ctx.file("BUILD.bazel", """\
load("@distill_cc//:defs.bzl", "cc_library")

cc_library(
    name = "headers",
    hdrs = glob(["include/**"]),
    includes = ["include"],
    visibility = ["//visibility:public"],
)
""")

local_cuda = repository_rule(
    implementation = _local_cuda_impl,
    environ = ["CUDA_HOME", "PATH"],
    local = True,
)
