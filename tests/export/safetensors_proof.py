"""Whether Python's safetensors reads our file, and NumPy gets our logits.

usage: safetensors_proof.py EXAMPLES MODEL IMAGES LOGITS COPY

EXAMPLES is the folder of numpy_student.py. IMAGES are raw bytes, one a pixel;
LOGITS are ours for them, raw float32. Writes the model again to COPY, by
safetensors.
"""

import sys

import numpy as np
from safetensors.numpy import save_file


def main(examples, path, images, expected, copy):
    sys.path.insert(0, examples)
    import numpy_student

    weights, metadata = numpy_student.load(path)
    pixels = np.fromfile(images, np.uint8)
    pixels = pixels.reshape(-1, int(metadata["height"]), int(metadata["width"]))
    expected = np.fromfile(expected, np.float32).reshape(len(pixels), int(metadata["classes"]))
    # In parts: the patches of 500 images take 9 times as much as these.
    found = np.concatenate(
        [
            numpy_student.logits_of(pixels[i : i + 500], weights, metadata)
            for i in range(0, len(pixels), 500)
        ]
    )
    difference = np.abs(found - expected).max()
    wrong = (found.argmax(1) != expected.argmax(1)).sum()
    print(f"{len(found)} images, logits within {difference:.2g}, {wrong} other classes")
    assert found.dtype == np.float32 and difference < 1e-4, difference
    assert wrong == 0, wrong
    save_file(weights, copy, metadata=metadata)


if __name__ == "__main__":
    main(*sys.argv[1:])
