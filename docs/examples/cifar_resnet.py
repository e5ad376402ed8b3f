"""The nets of He et al. 2015, section 4.2, for CIFAR-10, as TorchScript files.

    python3 cifar_resnet.py resnet56.safetensors resnet56.pt

Reads weights under the usual names ("conv1.weight", "layer1.0.conv1.weight",
"linear.weight", ...); without the first file they are drawn anew, of ResNet-20.
Needs the packages torch and safetensors.
"""

import sys

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """Two convolutions; the shortcut has no weights (the paper's option A)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.stride = stride
        self.more = outputs - inputs
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        # Every second pixel, and zeros for the channels that are new.
        x = x[:, :, :: self.stride, :: self.stride]
        x = F.pad(x, [0, 0, 0, 0, self.more // 2, self.more // 2])
        return F.relu(x + y)


class ResNet(nn.Module):
    def __init__(self, blocks: int, classes: int = 10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self.stage(16, 16, blocks)
        self.layer2 = self.stage(16, 32, blocks)
        self.layer3 = self.stage(32, 64, blocks)
        self.linear = nn.Linear(64, classes)

    def stage(self, inputs: int, outputs: int, blocks: int) -> nn.Sequential:
        first = Block(inputs, outputs, outputs // inputs)
        return nn.Sequential(first, *[Block(outputs, outputs, 1) for _ in range(blocks - 1)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean([2, 3]))


def main() -> None:
    *weights, output = sys.argv[1:]
    if not weights:
        model = ResNet(blocks=3)
    else:
        from safetensors.torch import load_file

        state = load_file(weights[0])
        blocks = len({name.split(".")[1] for name in state if name.startswith("layer1.")})
        model = ResNet(blocks)
        model.load_state_dict(state)
    torch.jit.script(model.eval()).save(output)


if __name__ == "__main__":
    main()
