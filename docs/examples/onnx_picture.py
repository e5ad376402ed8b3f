"""usage: onnx_picture.py STUDENT.onnx PICTURE..."""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
_, channels, height, width = session.get_inputs()[0].shape
names = json.loads(session.get_modelmeta().custom_metadata_map["class_names"])
for path in sys.argv[2:]:
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB" if channels == 3 else "L")
    if width * image.height >= height * image.width:  # Scaled until it just covers.
        size = (width, width * image.height // image.width)
    else:
        size = (height * image.width // image.height, height)
    left, top = round((size[0] - width) / 2), round((size[1] - height) / 2)
    image = image.resize(size, Image.Resampling.LANCZOS)
    image = image.crop((left, top, left + width, top + height))
    pixels = np.asarray(image).reshape(1, height, width, channels).transpose(0, 3, 1, 2)
    (logits,) = session.run(["logits"], {"images": pixels})
    print(f"{path}: {names[logits.argmax()]}", *logits[0])
