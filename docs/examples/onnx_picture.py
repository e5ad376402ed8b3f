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
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode.startswith("I"):  # 16 bits, which convert() would cut off at 255.
        image = Image.fromarray((np.asarray(image) / 257).round().astype("uint8"))
    if "A" in image.getbands() or "transparency" in image.info:  # What shows through is white.
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB" if channels == 3 else "L")
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
