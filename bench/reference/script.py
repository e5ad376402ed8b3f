"""Reference A: the specification's script, as its reader would write it in PyTorch.

usage: script.py DATA_DIR SEED

torchvision's MNIST with transforms, a shuffling DataLoader, float32, eager, the
teacher asked in every step. Its learning rate follows our one-cycle schedule: at a
constant 0.01 one teacher in three dies. Prints one line of JSON.
"""

import sys

import models
import torch
from torch import nn
from torchvision import datasets, transforms


def train(model, loader, loss_of):
    optimizer = torch.optim.Adam(model.parameters(), lr=models.PEAK_RATE)
    model.train()
    for step, (images, labels) in enumerate(loader):
        optimizer.param_groups[0]["lr"] = models.one_cycle(step, len(loader))
        optimizer.zero_grad()
        loss_of(images, model(images), labels).backward()
        optimizer.step()


def accuracy(model, loader):
    model.eval()
    with torch.no_grad():
        right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in loader)
    return right / len(loader.dataset)


def main(data_dir, seed):
    stages = models.Stages()
    torch.manual_seed(int(seed))
    with stages.time("load"):
        transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((models.MEAN,), (models.STD,))])
        loaders = [
            torch.utils.data.DataLoader(
                datasets.MNIST(data_dir, train=is_train, transform=transform),
                batch_size=models.BATCH_SIZE, shuffle=is_train)
            for is_train in (True, False)
        ]
    teacher, student = models.Teacher(relu_first=True), models.Student(relu_first=True)
    with stages.time("teacher"):
        train(teacher, loaders[0],
              lambda images, logits, labels: nn.functional.cross_entropy(logits, labels))
    teacher.eval()

    def distil(images, logits, labels):
        with torch.no_grad():
            teacher_logits = teacher(images)
        return models.distillation_loss(logits, teacher_logits, labels)

    with stages.time("student"):
        train(student, loaders[0], distil)
    with stages.time("test"):
        accuracies = accuracy(teacher, loaders[1]), accuracy(student, loaders[1])
    stages.report(*accuracies)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    main(*sys.argv[1:])
