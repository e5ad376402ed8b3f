"""What this project needs of others, as one call for a WORKSPACE."""

load("//third_party/abseil:repository.bzl", "abseil")
load("//third_party/benchmark:repository.bzl", "benchmark")
load("//third_party/cc:repository.bzl", "cc_rules")
load("//third_party/cuda:repository.bzl", "local_cuda")
load("//third_party/googletest:repository.bzl", "googletest")
load("//third_party/jpeg:repository.bzl", "jpeg")
load("//third_party/json:repository.bzl", "json")
load("//third_party/libtorch:repository.bzl", "libtorch")
load("//third_party/mnist:repository.bzl", "mnist")
load("//third_party/mpi:repository.bzl", "local_mpi")
load("//third_party/python_proof:repository.bzl", "python_proof")
load("//third_party/png:repository.bzl", "png")
load("//third_party/zlib:repository.bzl", "zlib")

def distill_deps(module = False):
    """Declares all repositories that //losses, //models, //training and the programs use.

    Args:
      module: whether extensions.bzl calls it, for a MODULE.bazel.
    """
    abseil()
    benchmark()
    cc_rules(name = "distill_cc", module = module)
    googletest()
    jpeg()
    json()
    libtorch(name = "libtorch")
    libtorch(name = "libtorch_cuda", cuda = True)
    local_cuda(name = "local_cuda")
    local_mpi(name = "local_mpi")
    mnist(name = "mnist")
    png()
    python_proof(name = "python_proof")
    zlib()
