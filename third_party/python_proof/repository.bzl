"""Others' readers of what this project writes: tests prove exported models by them.

A folder of Python packages (NumPy, ONNX, ONNX Runtime, Pillow, safetensors, TensorBoard
and what they import) from pinned wheels, and a script `python` that runs the machine's python3
with just these. Only tests need it, and Bazel fetches it only for them.

The wheels of NumPy, ONNX, ONNX Runtime and Pillow are made for certain versions of Python:
python3 must be one of those that are pinned here. DISTILL_TEST_PYTHON=/path/to/python3
names another one than the first of python3, python3.14, ... on the PATH. Where there
is none, a file `unavailable` with the reason takes the place of all of it, and the
tests that need it skip themselves with that reason.
"""

load("//third_party/pypi:wheel.bzl", "unpack_wheel", "wheel")

def _any(python, requirement, file, sha256):
    return wheel(requirement = requirement, file = file, sha256 = sha256, megabytes = 1, python = python)

def _made_for(python, name, version, tags, sha256, abi = None):
    tag = "cp" + python.replace(".", "")
    return wheel(
        requirement = "{}=={}".format(name, version),
        file = "{}-{}-{}-{}.whl".format(name, version, abi or tag + "-" + tag, tags),
        sha256 = sha256,
        megabytes = 17,
        python = python,
    )

_MANYLINUX_2014 = "manylinux_2_17_x86_64.manylinux2014_x86_64"
_MANYLINUX_2_28 = "manylinux_2_27_x86_64.manylinux_2_28_x86_64"

def _pillow(python, sha256):
    return _made_for(python, "pillow", "12.0.0", _MANYLINUX_2_28, sha256)

def _wheels_of(python, numpy, onnx, onnxruntime, pillow):
    """The wheels of a Python before 3.14, by their SHA-256."""
    return [
        _made_for(python, "numpy", "2.2.6", _MANYLINUX_2014, numpy),
        _made_for(python, "onnx", "1.18.0", _MANYLINUX_2014, onnx),
        _made_for(python, "onnxruntime", "1.23.2", _MANYLINUX_2_28, onnxruntime),
        _pillow(python, pillow),
    ]

# By version of Python.
_WHEELS = {
    "3.10": _wheels_of(
        "3.10",
        numpy = "fc7b73d02efb0e18c000e9ad8b83480dfcd5dfd11065997ed4c6747470ae8915",
        onnx = "bfb1f271b1523b29f324bfd223f6a4cfbdc5a2f2f16e73563671932d33663365",
        onnxruntime = "4ca88747e708e5c67337b0f65eed4b7d0dd70d22ac332038c9fc4635760018f7",
        pillow = "d77153e14b709fd8b8af6f66a3afbb9ed6e9fc5ccf0b6b7e1ced7b036a228782",
    ),
    "3.11": _wheels_of(
        "3.11",
        numpy = "ba10f8411898fc418a521833e014a77d3ca01c15b0c6cdcce6a0d2897e6dbbdf",
        onnx = "6acafb3823238bbe8f4340c7ac32fb218689442e074d797bee1c5c9a02fdae75",
        onnxruntime = "da44b99206e77734c5819aa2142c69e64f3b46edc3bd314f6a45a932defc0b3e",
        pillow = "bee2a6db3a7242ea309aa7ee8e2780726fed67ff4e5b40169f2c940e7eb09227",
    ),
    "3.12": _wheels_of(
        "3.12",
        numpy = "fd83c01228a688733f1ded5201c678f0c53ecc1006ffbc404db9f7a899ac6249",
        onnx = "99afac90b4cdb1471432203c3c1f74e16549c526df27056d39f41a9a47cfb4af",
        onnxruntime = "0f9b4ae77f8e3c9bee50c27bc1beede83f786fe1d52e99ac85aa8d65a01e9b77",
        pillow = "b87843e225e74576437fd5b6a4c2205d422754f84a06942cfaf1dc32243e45a8",
    ),
    "3.13": _wheels_of(
        "3.13",
        numpy = "1bc23a79bfabc5d056d106f9befb8d50c31ced2fbc70eedb8155aec74a45798f",
        onnx = "3c137eecf6bc618c2f9398bcc381474b55c817237992b169dfe728e169549e8f",
        onnxruntime = "8bace4e0d46480fbeeb7bbe1ffe1f080e6663a42d1086ff95c1551f2d39e7872",
        pillow = "f4f1231b7dec408e8670264ce63e9c71409d9583dd21d32c163e25213ee2a344",
    ),
    # The versions above have no wheels for it; ONNX imports ml_dtypes since 1.19.
    "3.14": [
        _made_for(
            "3.14",
            "numpy",
            "2.3.5",
            _MANYLINUX_2_28,
            "fffe29a1ef00883599d1dc2c51aa2e5d80afe49523c261a74933df395c15c520",
        ),
        _made_for(
            "3.14",
            "onnx",
            "1.20.1",
            _MANYLINUX_2_28,
            "9336b6b8e6efcf5c490a845f6afd7e041c89a56199aeda384ed7d58fb953b080",
            abi = "cp312-abi3",
        ),
        _pillow("3.14", "c98fa880d695de164b4135a52fd2e9cd7b7c90a9d8ac5e9e443a24a95ef9248e"),
        _made_for(
            "3.14",
            "onnxruntime",
            "1.24.4",
            _MANYLINUX_2_28,
            "14ed1f197fab812b695a5eaddb536c635e58a2fbbe50a517c78f082cc6ce9177",
        ),
        _made_for(
            "3.14",
            "ml_dtypes",
            "0.6.0",
            _MANYLINUX_2_28,
            "8f490c003369ce60e514a0c3b12374f05274c101fee1bead6740ec8a564032b0",
        ),
    ],
}

def _wheels(python):
    return _WHEELS[python] + [
        _any(
            python,
            "protobuf==6.33.5",
            "protobuf-6.33.5-cp39-abi3-manylinux2014_x86_64.whl",
            "cbf16ba3350fb7b889fca858fb215967792dc125b35c7976ca4818bee3521cf0",
        ),
        _any(
            python,
            "safetensors==0.8.0",
            "safetensors-0.8.0-cp310-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "fd6f3f93c9a0a7cc2788ee63fb763353d4bd2e89b0751bc78fcf7dda00bea774",
        ),
    ]

def _pure_wheels(python):
    return [
        _any(
            python,
            "absl-py==2.5.1",
            "absl_py-2.5.1-py3-none-any.whl",
            "721200f2f0e9960f2ca9dc3a2a706b201f5f75d812c158f059cbbe29eeafbdb8",
        ),
        _any(
            python,
            "tensorboard==2.21.0",
            "tensorboard-2.21.0-py3-none-any.whl",
            "7279316dcb6bd5bc391d623dea841531299cde1887310e8133bc34a996d32255",
        ),
        _any(
            python,
            "typing_extensions==4.16.0",
            "typing_extensions-4.16.0-py3-none-any.whl",
            "481caa481374e813c1b176ada14e97f1f67a4539ce9cfeb3f350d78d6370c2e8",
        ),
    ]

# Prints the path of the interpreter itself (not of a script that chooses one,
# as pyenv's) and its version.
_WHO = "import sys; print(sys.executable, '%d.%d' % sys.version_info[:2])"

def _find_python(ctx):
    """Returns (path, version, problem) of a Python that wheels are pinned for."""
    named = ctx.os.environ.get("DISTILL_TEST_PYTHON", "")
    candidates = [named] if named else [
        str(ctx.which(name))
        for name in ["python3"] + ["python" + version for version in reversed(_WHEELS.keys())]
        if ctx.which(name)
    ]
    found = []
    for candidate in candidates:
        result = ctx.execute([candidate, "-c", _WHO])
        words = result.stdout.strip().split(" ")
        if result.return_code == 0 and len(words) == 2 and words[1] in _WHEELS:
            return words[0], words[1], ""
        found.append("{} ({})".format(candidate, words[-1] if result.return_code == 0 else "does not run"))
    problem = "the tests that others read what is written need a Python of version {}; found: {}".format(
        ", ".join(_WHEELS.keys()),
        ", ".join(found) or "none",
    )
    if named:
        fail("\n\n  DISTILL_TEST_PYTHON: {}\n".format(problem))
    return None, None, problem + ". What to do: install one of these and set DISTILL_TEST_PYTHON=/path/to/python3"

def _python_proof_impl(ctx):
    python, version, problem = _find_python(ctx)
    if problem:
        ctx.file("unavailable", problem)
        ctx.file("BUILD.bazel", """\
filegroup(
    name = "python_proof",
    srcs = ["unavailable"],
    visibility = ["//visibility:public"],
)
""")
        return
    for each in _wheels(version):
        unpack_wheel(ctx, each, ["*.py", "*.so*"])
    for each in _pure_wheels(version):
        unpack_wheel(ctx, each, ["*.py"])
    ctx.file("python", """\
#!/bin/sh
# Python {version} with the packages beside this file and no others.
here=$(dirname "$0")
PYTHONPATH=$here PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 exec {python} "$@"
""".format(version = version, python = python), executable = True)
    ctx.file("BUILD.bazel", """\
filegroup(
    name = "python_proof",
    srcs = ["python"] + glob(
        ["**/*.py", "**/*.so*"],
        exclude = [
            "**/tests/**",
            "numpy/distutils/**",
            "numpy/f2py/tests/**",
            "onnx/backend/**",
            "onnx/reference/**",
            "onnx/test/**",
            "onnxruntime/quantization/**",
            "onnxruntime/tools/**",
            "onnxruntime/transformers/**",
        ],
    ),
    visibility = ["//visibility:public"],
)
""")

python_proof = repository_rule(
    implementation = _python_proof_impl,
    environ = ["DISTILL_TEST_PYTHON"],
)
