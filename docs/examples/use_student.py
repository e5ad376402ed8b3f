"""usage: use_student.py OUT_FOLDER DATA.npz [STUDENT.onnx]

Counts the errors of a run's student.pt on the test images, and writes it as ONNX.
"""

import json
import sys

import numpy as np
import torch


def main(folder, data, onnx=None):
    model = torch.jit.load(f"{folder}/student.pt").eval()
    with open(f"{folder}/student.safetensors", "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    numbers = lambda key: torch.tensor([float(x) for x in header["__metadata__"][key].split(",")])
    mean, std = numbers("mean").view(-1, 1, 1), numbers("std").view(-1, 1, 1)
    with np.load(data) as arrays:
        images, labels = arrays["test_images"], arrays["test_labels"]
    images = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 255
    with torch.no_grad():
        logits = torch.cat([model(batch) for batch in ((images - mean) / std).split(1000)])
    print(json.dumps({"errors": int((logits.argmax(1).numpy() != labels.ravel()).sum()),
                      "logits": logits[:100].tolist()}))
    if onnx:
        old = {"dynamo": False} if torch.__version__ >= "2.5" else {}  # It takes TorchScript.
        torch.onnx.export(model, (images[:1] - mean) / std, onnx, input_names=["images"],
                          output_names=["logits"], opset_version=13,
                          dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}}, **old)


if __name__ == "__main__":
    main(*sys.argv[1:])
