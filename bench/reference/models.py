"""The specification's two models and what all references share."""

import json
import resource
import sys
import time

import torch
from torch import nn

BATCH_SIZE = 64
PEAK_RATE = 0.01
TEMPERATURE = 5.0
ALPHA = 0.5
MEAN, STD = 0.1307, 0.3081


class Teacher(nn.Module):
    """Two blocks of convolution, pooling and ReLU, two linear layers."""

    def __init__(self, relu_first):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.fc1 = nn.Linear(3136, 128)
        self.fc2 = nn.Linear(128, 10)
        self.block = block_of(relu_first)

    def forward(self, x):
        x = self.block(self.conv2(self.block(self.conv1(x))))
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


class Student(nn.Module):
    """One block and one linear layer."""

    def __init__(self, relu_first):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, padding=1)
        self.fc = nn.Linear(3136, 10)
        self.block = block_of(relu_first)

    def forward(self, x):
        return self.fc(self.block(self.conv(x)).flatten(1))


def block_of(relu_first):
    """ReLU and pooling in either order: the same function, on different amounts of data."""
    pool = nn.functional.max_pool2d
    if relu_first:
        return lambda x: pool(torch.relu(x), 2)
    return lambda x: torch.relu(pool(x, 2))


def one_cycle(step, steps):
    """The learning rate of //training:schedule: up over a fifth of the steps, then down."""
    rise = max(steps // 5, 1)
    share = (step + 1) / rise if step < rise else (steps - step) / (steps - rise + 1)
    return PEAK_RATE * share


def distillation_loss(student_logits, teacher_logits, labels):
    """alpha T^2 KL(teacher || student) + (1 - alpha) CE, as the project defines it."""
    soft = nn.functional.kl_div(
        torch.log_softmax(student_logits / TEMPERATURE, 1),
        torch.softmax(teacher_logits / TEMPERATURE, 1),
        reduction="batchmean",
    )
    hard = nn.functional.cross_entropy(student_logits, labels)
    return ALPHA * TEMPERATURE**2 * soft + (1 - ALPHA) * hard


class Stages:
    """Seconds by stage, printed as one line of JSON at the end."""

    def __init__(self):
        self.started = time.monotonic()
        self.seconds = {}

    def time(self, name):
        """A context manager that measures what is done in it."""
        stages = self

        class Timer:
            def __enter__(self):
                self.start = time.monotonic()

            def __exit__(self, *_):
                stages.seconds[name] = time.monotonic() - self.start

        return Timer()

    def report(self, teacher_accuracy, student_accuracy):
        json.dump({
            "stages": self.seconds,
            "teacherAccuracy": teacher_accuracy,
            "studentAccuracy": student_accuracy,
            "peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }, sys.stdout)
        print()
