"""The choice between a build with MPI and one without."""

def if_mpi(mpi, alone):
    """Returns `mpi` in a build with MPI and `alone` in any other."""
    return select({
        "//third_party/mpi:is_enabled": mpi,
        "//conditions:default": alone,
    })
