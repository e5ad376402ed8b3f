"""The same on colour images with residual nets: references B, C and H.

usage: cifar.py DATA.npz SEED f32|bf16|compiled STUDENT

Teacher ResNet-56, student resnet20 (He et al. 2015, option A) or mobile:C,C,Cs,... of
MobileNet's depthwise-separable blocks (Howard et al. 2017; s is stride 2), batches of 128;
images as this program takes them: train_images, train_labels, test_images, test_labels of a
.npz file.
compiled is bf16 with torch.compile, whose compiling is a stage of its own. Prints one line of
JSON.
"""

import sys

import models
import numpy
import torch
import tuned
from torch import nn

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
models.BATCH_SIZE = 128


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.zeros = stride, (outputs - inputs) // 2

    def forward(self, x):
        y = nn.functional.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        if self.zeros or self.stride > 1:
            x = nn.functional.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, self.zeros, self.zeros))
        return nn.functional.relu(y + x, inplace=True)


class ResNet(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
        channels = 16
        for group, outputs in enumerate((16, 32, 64)):
            for block in range(blocks):
                layers.append(Block(channels, outputs, 2 if group and not block else 1))
                channels = outputs
        self.layers = nn.Sequential(*layers)
        self.linear = nn.Linear(channels, 10)

    def forward(self, x):
        return self.linear(self.layers(x).mean((2, 3)))


class MobileNet(nn.Module):
    def __init__(self, spelling):
        super().__init__()
        first, *blocks = spelling.partition(":")[2].split(",")
        channels, layers = int(first), []

        def add(*convolution, **options):
            layers.extend((nn.Conv2d(*convolution, bias=False, **options), nn.BatchNorm2d(convolution[1]),
                           nn.ReLU(inplace=True)))

        add(3, channels, 3, 1, 1)
        for block in blocks:
            add(channels, channels, 3, 2 if block.endswith("s") else 1, 1, groups=channels)
            add(channels, int(block.rstrip("s")), 1)
            channels = int(block.rstrip("s"))
        self.layers = nn.Sequential(*layers)
        self.linear = nn.Linear(channels, 10)

    forward = ResNet.forward


def read(file, split):
    """Normalised images [n, 32, 32, 3] float32 and labels [n] int64."""
    pixels = torch.from_numpy(file[f"{split}_images"]).float().div_(255)
    return (pixels.sub_(torch.tensor(MEAN)).div_(torch.tensor(STD)),
            torch.from_numpy(file[f"{split}_labels"]).long())


def main(path, seed, precision, student_name):
    stages = models.Stages()
    torch.manual_seed(int(seed))
    with stages.time("load"):
        file = numpy.load(path)
        images, labels = read(file, "train")
        test_images, test_labels = read(file, "test")
    training = tuned.Training(images, labels, precision != "f32", graph=False)
    student = MobileNet(student_name) if student_name.startswith("mobile:") else ResNet(3)
    teacher, student = (model.to(memory_format=torch.channels_last) for model in (ResNet(9), student))
    if precision == "compiled":
        with stages.time("compile"):
            for model in (teacher, student):
                model.compile()
                few = tuned.Training(images[:256], labels[:256], True, graph=False)
                before = {name: value.clone() for name, value in model.state_dict().items()}
                few.train(model, lambda _, logits, labels: nn.functional.cross_entropy(logits, labels))
                few.all_logits(model, images[:256])
                model.load_state_dict(before)
    tuned.distil(stages, training, teacher, student, test_images, test_labels)


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[3] not in ("f32", "bf16", "compiled"):
        sys.exit(__doc__.strip())
    main(*sys.argv[1:])
