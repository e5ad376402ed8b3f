"""Whether ONNX's checker and ONNX Runtime agree with this project on a model.

usage: onnx_proof.py MODEL.onnx IMAGES LOGITS CLASS_NAMES [DIFFERENCE SHARE]

IMAGES are raw bytes, one a pixel; LOGITS are ours for them, raw float32;
CLASS_NAMES is a JSON array. Logits may differ by DIFFERENCE (default: 1e-4), and the class of
that SHARE of the images (default: none).
"""

import json
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, shape_inference


def dims(value):
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


def main(path, images, expected, class_names, difference=1e-4, share=0):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    (given,), (made,) = model.graph.input, model.graph.output
    assert given.name == "images" and made.name == "logits", (given.name, made.name)
    batch, channels, height, width = dims(given)
    assert batch == "batch", dims(given)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    names = json.loads(class_names)
    assert json.loads(metadata["class_names"]) == names, metadata
    assert metadata["dataset"] == "of a test", metadata
    assert dims(made) == ["batch", len(names)], dims(made)

    x = np.fromfile(images, np.uint8).reshape(-1, channels, height, width)
    expected = np.fromfile(expected, np.float32).reshape(len(x), len(names))
    if given.type.tensor_type.elem_type == TensorProto.FLOAT:
        mean, std = (
            np.array(metadata[name].split(","), np.float32).reshape(channels, 1, 1)
            for name in ("mean", "std")
        )
        x = (x.astype(np.float32) / np.float32(255) - mean) / std
    else:
        assert given.type.tensor_type.elem_type == TensorProto.UINT8

    whole = session.run(["logits"], {"images": x})[0]
    one_by_one = [session.run(["logits"], {"images": x[i : i + 1]})[0] for i in range(50)]
    compare("all at once", whole, expected, float(difference), float(share))
    compare("one by one", np.concatenate(one_by_one), expected[:50], float(difference), float(share))


def compare(what, found, expected, largest, share):
    assert found.shape == expected.shape and found.dtype == np.float32, (found.shape, found.dtype)
    difference = np.abs(found - expected).max()
    wrong = (found.argmax(1) != expected.argmax(1)).sum()
    print(f"{what}: {len(found)} images, logits within {difference:.2g}, {wrong} other classes")
    assert difference < largest, difference
    assert wrong <= share * len(found), wrong


if __name__ == "__main__":
    main(*sys.argv[1:])
