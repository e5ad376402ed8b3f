"""usage: pytorch_teacher.py MNIST_FOLDER TEACHER.safetensors

Trains a teacher in PyTorch and writes it for `distill --teacher_from`.
"""

import json
import sys

import torch
import torchvision
from safetensors.torch import save_file
from torch.nn import functional


class Teacher(torch.nn.Module):
    """cnn:32,64,fc128. The layers' names and order are what distill reads."""

    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = torch.nn.Conv2d(32, 64, 3, padding=1)
        self.fc1 = torch.nn.Linear(64 * 7 * 7, 128)
        self.fc2 = torch.nn.Linear(128, 10)

    def forward(self, x):
        x = functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = functional.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


def main(folder, path):
    mnist = torchvision.datasets.MNIST(folder, train=True)
    images = mnist.data[:, None].float() / 255  # Here without mean and deviation.
    model = Teacher()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for batch in torch.randperm(len(images)).split(64):
        optimizer.zero_grad()
        functional.cross_entropy(model(images[batch]), mnist.targets[batch]).backward()
        optimizer.step()
    save_file(model.state_dict(), path, metadata={
        "architecture": "cnn:32,64,fc128", "height": "28", "width": "28", "classes": "10",
        "mean": "0", "std": "1", "class_names": json.dumps([str(i) for i in range(10)]), "format": "pt"})


if __name__ == "__main__":
    main(*sys.argv[1:])
