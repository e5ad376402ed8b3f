"""usage: name_weights.py WEIGHTS.safetensors NAMED.safetensors ARCHITECTURE HEIGHTxWIDTH MEAN STD
                        CLASS,CLASS,... [OLD=NEW ...]

Gives a file of somebody's weights what this program has to know of a net, for example

  name_weights.py resnet56.safetensors teacher.safetensors resnet56 32x32 \\
      0.485,0.456,0.406 0.229,0.224,0.225 airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck

OLD=NEW replaces the beginning of tensors' names, or a part of it that follows a dot: "fc=linear",
"downsample.=shortcut.".
"""

import json
import re
import sys

from safetensors.numpy import load_file, save_file

source, target, architecture, size, mean, std, classes = sys.argv[1:8]
tensors = load_file(source)
for old, new in (renaming.split("=") for renaming in sys.argv[8:]):
    tensors = {re.sub(rf"(^|\.){re.escape(old)}", rf"\g<1>{new}", name): tensor
               for name, tensor in tensors.items()}
height, width = size.split("x")
save_file(tensors, target, {
    "architecture": architecture, "channels": str(len(mean.split(","))), "height": height, "width": width,
    "classes": str(len(classes.split(","))), "class_names": json.dumps(classes.split(",")),
    "mean": mean, "std": std, "format": "pt", "format_version": "2"})
