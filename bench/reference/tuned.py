"""References B and C: PyTorch tuned as far as a good user goes.

usage: tuned.py DATA_DIR SEED f32|bf16

Data in memory as one tensor, channels-last, ReLU after pooling, fused Adam, the
teacher's logits once. B is f32; C is bf16, by autocast. Prints one line of JSON.
"""

import pathlib
import sys

import models
import numpy
import torch
from torch import nn


def read(folder, prefix):
    """Normalised images [n, 28, 28, 1] float32 and labels [n] int64."""
    images = numpy.fromfile(folder / f"{prefix}-images-idx3-ubyte", numpy.uint8)[16:]
    labels = numpy.fromfile(folder / f"{prefix}-labels-idx1-ubyte", numpy.uint8)[8:]
    pixels = torch.from_numpy(images).float().div_(255).sub_(models.MEAN).div_(models.STD)
    return pixels.view(-1, 28, 28, 1), torch.from_numpy(labels).long()


class Training:
    def __init__(self, images, labels, bf16):
        self.images, self.labels, self.bf16 = images, labels, bf16

    def logits(self, model, images):
        # One channel lies in memory the same way in both layouts; PyTorch takes it for
        # channels-last only if the strides say so.
        images = images.permute(0, 3, 1, 2)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            return model(images).float()

    def train(self, model, loss_of):
        optimizer = torch.optim.Adam(model.parameters(), lr=models.PEAK_RATE, fused=True)
        model.train()
        batches = torch.randperm(len(self.images)).split(models.BATCH_SIZE)
        for step, indices in enumerate(batches):
            optimizer.param_groups[0]["lr"] = models.one_cycle(step, len(batches))
            optimizer.zero_grad(set_to_none=True)
            loss_of(indices, self.logits(model, self.images[indices]), self.labels[indices]).backward()
            optimizer.step()

    def all_logits(self, model, images):
        model.eval()
        with torch.inference_mode():
            return torch.cat([self.logits(model, part) for part in images.split(models.BATCH_SIZE)])


def main(data_dir, seed, precision):
    stages = models.Stages()
    torch.manual_seed(int(seed))
    folder = pathlib.Path(data_dir) / "MNIST" / "raw"
    with stages.time("load"):
        images, labels = read(folder, "train")
        test_images, test_labels = read(folder, "t10k")
    training = Training(images, labels, precision == "bf16")
    teacher = models.Teacher(relu_first=False).to(memory_format=torch.channels_last)
    student = models.Student(relu_first=False).to(memory_format=torch.channels_last)
    with stages.time("teacher"):
        training.train(teacher, lambda _, logits, labels: nn.functional.cross_entropy(logits, labels))
    with stages.time("logits"):
        teacher_logits = training.all_logits(teacher, images)
    with stages.time("student"):
        training.train(student, lambda indices, logits, labels: models.distillation_loss(
            logits, teacher_logits[indices], labels))
    with stages.time("test"):
        accuracies = [
            (training.all_logits(model, test_images).argmax(1) == test_labels).float().mean().item()
            for model in (teacher, student)
        ]
    stages.report(*accuracies)


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[3] not in ("f32", "bf16"):
        sys.exit(__doc__.strip())
    main(*sys.argv[1:])
