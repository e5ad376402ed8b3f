"""usage: logits_table.py TEACHER.pt DATA.npz TABLE.safetensors

Writes what a teacher says of every image, for `distill --teacher_from`. The teacher may be of any
framework; this one is a TorchScript file that wants pixels in [0, 1].
"""

import struct
import sys
import zlib

import numpy as np
import torch
from safetensors.torch import save_file


def crc32(images):
    """What `data_hash` prints, of uint8 [count, height, width] or [count, channels, height, width]."""
    header = bytes([0, 0, 8, images.ndim]) + struct.pack(f">{images.ndim}I", *images.shape)
    return f"{zlib.crc32(images.tobytes(), zlib.crc32(header)):08x}"


def main(teacher, data, table):
    model = torch.jit.load(teacher).eval()
    tensors, metadata = {}, {}
    with torch.no_grad(), np.load(data) as arrays:
        for split, name in [("train", "logits"), ("test", "test_logits")]:
            images = arrays[f"{split}_images"]  # uint8 [count, height, width, channels]
            images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
            metadata[f"{split}_images_crc32"] = crc32(images)
            batches = torch.from_numpy(images).float().div(255).split(100)
            tensors[name] = torch.cat([model(batch) for batch in batches])
    save_file(tensors, table, metadata)


if __name__ == "__main__":
    main(*sys.argv[1:])
