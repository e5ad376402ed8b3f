"""References B, C and those on a GPU: PyTorch tuned as far as a good user goes.

usage: tuned.py DATA_DIR SEED f32|tf32|bf16 [cpu|cuda|graph]

Data in memory as one tensor, channels-last, ReLU after pooling, fused Adam, the
teacher's logits once. bf16 is by autocast. With cuda the data lie on the GPU and
nothing is copied back in an epoch; graph is the same with each training step as one
CUDA graph. Prints one line of JSON.
"""

import copy
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
    """Trains models on images [n, 28, 28, 1] and labels [n] of one device."""

    def __init__(self, images, labels, bf16, graph):
        self.images, self.labels, self.bf16, self.graph = images, labels, bf16, graph
        self.device = images.device

    def logits(self, model, images):
        # One channel lies in memory the same way in both layouts; PyTorch takes it for
        # channels-last only if the strides say so.
        images = images.permute(0, 3, 1, 2)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            return model(images).float()

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def train(self, model, loss_of):
        rate = torch.tensor(models.PEAK_RATE, device=self.device) if self.graph else models.PEAK_RATE
        optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True, capturable=self.graph)
        model.train()

        def step(indices):
            optimizer.zero_grad(set_to_none=True)
            loss_of(indices, self.logits(model, self.images[indices]), self.labels[indices]).backward()
            optimizer.step()

        batches = torch.randperm(len(self.images), device=self.device).split(models.BATCH_SIZE)
        replay = self.capture(model, optimizer, step, batches[0]) if self.graph else step
        for number, indices in enumerate(batches):
            rate = models.one_cycle(number, len(batches))
            if self.graph:
                optimizer.param_groups[0]["lr"].fill_(rate)
            else:
                optimizer.param_groups[0]["lr"] = rate
            (replay if len(indices) == models.BATCH_SIZE else step)(indices)
        self.wait()

    def capture(self, model, optimizer, step, indices):
        """`step` as a CUDA graph; the model and the optimizer's moments are as before."""
        before = copy.deepcopy(model.state_dict())
        indices = indices.clone()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                step(indices)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step(indices)
        with torch.no_grad():
            for name, value in model.state_dict().items():
                value.copy_(before[name])
            for state in optimizer.state.values():
                for value in state.values():
                    value.zero_()

        def replay(batch):
            indices.copy_(batch)
            graph.replay()

        return replay

    def all_logits(self, model, images):
        model.eval()
        with torch.inference_mode():
            logits = torch.cat([self.logits(model, part) for part in images.split(models.BATCH_SIZE)])
        self.wait()
        # An inference tensor may not be an operand of a loss.
        return logits.clone()


def distil(stages, training, teacher, student, test_images, test_labels):
    """Both stages and the test, timed; prints the line of JSON."""
    with stages.time("teacher"):
        training.train(teacher, lambda _, logits, labels: nn.functional.cross_entropy(logits, labels))
    with stages.time("logits"):
        teacher_logits = training.all_logits(teacher, training.images)
    with stages.time("student"):
        training.train(student, lambda indices, logits, labels: models.distillation_loss(
            logits, teacher_logits[indices], labels))
    with stages.time("test"):
        accuracies = [
            (training.all_logits(model, test_images).argmax(1) == test_labels).float().mean().item()
            for model in (teacher, student)
        ]
    stages.report(*accuracies)


def main(data_dir, seed, precision, device="cpu"):
    stages = models.Stages()
    torch.manual_seed(int(seed))
    torch.backends.cuda.matmul.allow_tf32 = precision != "f32"
    torch.backends.cudnn.allow_tf32 = precision != "f32"
    graph = device == "graph"
    device = torch.device("cuda" if graph else device)
    folder = pathlib.Path(data_dir) / "MNIST" / "raw"
    with stages.time("load"):
        images, labels = (tensor.to(device) for tensor in read(folder, "train"))
        test_images, test_labels = (tensor.to(device) for tensor in read(folder, "t10k"))
    training = Training(images, labels, precision == "bf16", graph)
    teacher, student = (model.to(device, memory_format=torch.channels_last)
                        for model in (models.Teacher(relu_first=False), models.Student(relu_first=False)))
    distil(stages, training, teacher, student, test_images, test_labels)


if __name__ == "__main__":
    if (len(sys.argv) not in (4, 5) or sys.argv[3] not in ("f32", "tf32", "bf16")
            or sys.argv[4:] not in ([], ["cpu"], ["cuda"], ["graph"])):
        sys.exit(__doc__.strip())
    main(*sys.argv[1:])
