"""The same without explorer and PyTorch: python examples/use_onnx.py NET.onnx PICTURE."""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

net = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
about = {name: json.loads(value) for name, value in net.get_modelmeta().custom_metadata_map.items()}
side, size, start = about["side"], about["size"], (about["side"] - about["size"]) // 2
picture = ImageOps.exif_transpose(Image.open(sys.argv[2])).convert("RGB")
picture = ImageOps.fit(picture, (side, side), Image.Resampling.BICUBIC).crop((start, start, start + size, start + size))
pixels = np.asarray(picture.convert("RGB" if about["channels"] == 3 else "L"), np.float32) / 255
pixels = pixels.reshape(1, size, size, -1).transpose(0, 3, 1, 2)  # (1, C, size, size)
[probabilities] = net.run(["probabilities"], {"pixels": pixels})[0]
for number in np.argsort(-probabilities)[:3]:
    print(f"{probabilities[number]:7.2%}  {about['classes'][number]}")
