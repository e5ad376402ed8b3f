"""Unpacks chosen parts of a wheel (a zip archive), without installing it.

usage: unpack.py WHEEL FOLDER PREFIX...

Members whose name starts with one of the PREFIXes go into FOLDER under their own
names. A prefix that matches nothing is an error: the wheel is not the one that
was expected.
"""

import sys
import zipfile


def main(wheel, folder, prefixes):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        for prefix in prefixes:
            chosen = [name for name in names if name.startswith(prefix)]
            if not chosen:
                sys.exit(f"{wheel}: nothing in it starts with {prefix!r}")
            for name in chosen:
                # ZipFile.extract drops "..", drive letters and leading slashes.
                archive.extract(name, folder)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
