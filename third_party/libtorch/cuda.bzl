"""The choice between the CUDA build and the CPU build."""

def if_cuda(cuda, cpu):
    """Returns `cuda` in a CUDA build and `cpu` in any other."""
    return select({
        "//third_party/cuda:is_enabled": cuda,
        "//conditions:default": cpu,
    })
