"""What a trained net sees in a picture: python examples/predict.py NET.safetensors PICTURE."""

import sys

import explorer

net = explorer.load_trained(sys.argv[1])
[answers] = explorer.predict(net, [explorer.read_picture(sys.argv[2])], top=3)
for name, probability in answers:
    print(f"{probability:7.2%}  {name}")
