"""Unpacks chosen parts of a wheel (a zip archive), without installing it.

usage: unpack.py WHEEL FOLDER PATTERN...

Members whose name matches one of the PATTERNs (as in a shell, but * matches / too)
go into FOLDER under their own names. A pattern that matches nothing is an error:
the wheel is not the one that was expected.
"""

import fnmatch
import sys
import zipfile


def main(wheel, folder, patterns):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        for pattern in patterns:
            chosen = fnmatch.filter(names, pattern)
            if not chosen:
                sys.exit(f"{wheel}: nothing in it matches {pattern!r}")
            for name in chosen:
                # ZipFile.extract drops "..", drive letters and leading slashes.
                archive.extract(name, folder)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
