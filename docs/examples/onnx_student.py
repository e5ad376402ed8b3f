"""usage: onnx_student.py STUDENT.onnx IMAGES (raw bytes, one a pixel)"""

import json
import sys

import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
_, channels, height, width = session.get_inputs()[0].shape
pixels = np.fromfile(sys.argv[2], np.uint8).reshape(-1, channels, height, width)
(logits,) = session.run(["logits"], {"images": pixels})
names = json.loads(session.get_modelmeta().custom_metadata_map["class_names"])
for predicted in logits.argmax(axis=1):
    print(names[predicted])
