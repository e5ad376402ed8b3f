"""What others compute, for tools/peers: the losses of torchdistill, and those of RepDistiller and mdistiller by
their formulas, as losses of given tensors and in trainings of the specification's student.

usage: peers.py values TENSORS.safetensors
       peers.py train DATA_DIR TEACHER.safetensors SEED torchdistill|loop METHOD

`values` writes random tensors to the file and prints each loss of them, with weights of 1 and T = 4. `train` trains
one epoch of MNIST on the teacher's answers, with our schedule, and prints accuracy, seconds and memory. Both
print a line of JSON.
"""

import json
import logging
import sys

import models
import safetensors.torch
import torch
import torchdistill.losses.mid_level as losses
from torch import nn
from torch.nn import functional
from torchdistill.core.distillation import DistillationBox
from torchvision import datasets, transforms

PLACE = {"student_module_path": ".", "student_module_io": "output",
         "teacher_module_path": ".", "teacher_module_io": "output"}


def kl_of_rep_distiller(student, teacher, _, temperature):
    """RepDistiller's DistillKL: summed over classes, over the batch, times T^2."""
    return functional.kl_div(torch.log_softmax(student / temperature, 1), torch.softmax(teacher / temperature, 1),
                             reduction="sum") * temperature ** 2 / len(student)


def dkd_of_mdistiller(student, teacher, labels, temperature, beta=8.0):
    """mdistiller's DKD: two events, and the other classes with the label's logit moved by -1000."""
    mask = functional.one_hot(labels, student.shape[1]).bool()
    q, p = torch.softmax(student / temperature, 1), torch.softmax(teacher / temperature, 1)

    def events(x):
        right = (x * mask).sum(1)
        return torch.stack([right, (x * ~mask).sum(1)], 1)

    def others(x):
        return x / temperature - 1000.0 * mask

    scale = temperature ** 2 / len(student)
    target = functional.kl_div(events(q).log(), events(p), reduction="sum") * scale
    rest = functional.kl_div(torch.log_softmax(others(student), 1), torch.softmax(others(teacher), 1),
                             reduction="sum") * scale
    return target + beta * rest


def attention_of_rep_distiller(student, teacher):
    """RepDistiller's Attention: means over the channels, normalised, and the mean of squares."""
    def maps(features):
        return functional.normalize(features.pow(2).mean(1).flatten(1))

    return (maps(student) - maps(teacher)).pow(2).mean()


def call(loss, student, teacher, labels=None):
    """A torchdistill loss of outputs or of features at the path "maps"."""
    return loss({".": {"output": student}, "maps": {"output": student}},
                {".": {"output": teacher}, "maps": {"output": teacher}}, labels)


def values(path):
    generator = torch.Generator().manual_seed(0)
    batch, classes, places = 24, 10, (6, 5, 5)

    def random(*shape):
        return torch.randn(*shape, generator=generator)

    tensors = {"student_logits": 3 * random(batch, classes), "teacher_logits": 5 * random(batch, classes),
               "student_maps": random(batch, *places), "teacher_maps": random(batch, *places),
               "labels": torch.randint(classes, (batch,), generator=generator)}
    safetensors.torch.save_file(tensors, path)
    student, teacher, labels = (tensors[name] for name in ("student_logits", "teacher_logits", "labels"))
    maps = tensors["student_maps"], tensors["teacher_maps"]
    at_pairs = {"one": {"student": {"path": "maps", "io": "output"}, "teacher": {"path": "maps", "io": "output"}}}
    relations = {"student_output_path": "maps", "teacher_output_path": "maps", "reduction": "mean"}
    found = {
        "torchdistill KDLoss, alpha=0": call(losses.KDLoss(**PLACE, temperature=4, alpha=0, beta=1), student, teacher, labels),
        "torchdistill KDLoss, alpha=1e-9": call(losses.KDLoss(**PLACE, temperature=4, alpha=1e-9, beta=1), student,
                                                teacher, labels),
        "RepDistiller DistillKL": kl_of_rep_distiller(student, teacher, labels, 4),
        "torchdistill LogitStdKDLoss": call(
            # (See tools/peers for the temperature.)
            losses.LogitStdKDLoss(**PLACE, temperature=4 * (1 - 1 / classes) ** 0.5, alpha=1e-9, beta=1),
            student, teacher, labels),
        "PyTorch MSELoss": functional.mse_loss(student, teacher),
        "mdistiller DKD": dkd_of_mdistiller(student, teacher, labels, 4),
        "torchdistill DISTLoss": call(losses.DISTLoss(**PLACE, tau=4), student, teacher),
        "RepDistiller HintLoss": functional.mse_loss(*maps),
        "torchdistill ATLoss, code": call(losses.ATLoss(at_pairs), *maps),
        "torchdistill ATLoss, paper": call(losses.ATLoss(at_pairs, mode="paper"), *maps),
        "RepDistiller Attention": attention_of_rep_distiller(*maps),
        "torchdistill RKDLoss, distance": call(losses.RKDLoss(**relations, dist_factor=1, angle_factor=0), *maps),
        "torchdistill RKDLoss, angle": call(losses.RKDLoss(**relations, dist_factor=0, angle_factor=1), *maps),
    }
    print(json.dumps({"batch": batch, "classes": classes, "places": places[1] * places[2],
                      "values": {name: float(value) for name, value in found.items()}}))


def soft_term(method):
    """The loop's loss of (student, teacher, labels)."""
    dist = losses.DISTLoss(**PLACE, tau=models.TEMPERATURE)
    return {"kd": lambda *logits: kl_of_rep_distiller(*logits, models.TEMPERATURE),
            "dkd": lambda *logits: dkd_of_mdistiller(*logits, models.TEMPERATURE),
            "dist": lambda student, teacher, _: call(dist, student, teacher)}[method]


def train_by_loop(teacher, student, dataset, method):
    """A loop as RepDistiller and mdistiller have it."""
    loader = torch.utils.data.DataLoader(dataset, batch_size=models.BATCH_SIZE, shuffle=True)
    optimizer = torch.optim.Adam(student.parameters(), lr=models.PEAK_RATE)
    soft = soft_term(method)
    teacher.eval()
    student.train()
    for step, (images, labels) in enumerate(loader):
        optimizer.param_groups[0]["lr"] = models.one_cycle(step, len(loader))
        with torch.no_grad():
            answers = teacher(images)
        logits = student(images)
        loss = models.ALPHA * soft(logits, answers, labels) + (1 - models.ALPHA) * functional.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def train_by_torchdistill(teacher, student, dataset, method):
    """One epoch by torchdistill's DistillationBox."""
    steps = -(-len(dataset) // models.BATCH_SIZE)
    term = {"kd": {"key": "KDLoss", "kwargs": {**PLACE, "temperature": models.TEMPERATURE, "alpha": 1 - models.ALPHA}},
            "dist": {"key": "DISTLoss", "kwargs": {**PLACE, "tau": models.TEMPERATURE}}}[method]
    sub_terms = {"soft": {"criterion": term, "weight": 1.0 if method == "kd" else models.ALPHA}}
    if method != "kd":
        sub_terms["hard"] = {
            "criterion": {"key": "CrossEntropyLoss", "kwargs": {}},
            "criterion_wrapper": {"key": "SimpleLossWrapper", "kwargs": {
                "input": {"is_from_teacher": False, "module_path": ".", "io": "output"},
                "target": {"uses_label": True}}},
            "weight": 1 - models.ALPHA}
    box = DistillationBox(teacher, student, {"train": dataset}, {
        "num_epochs": 1,
        "train_data_loader": {"dataset_id": "train", "sampler": {"class_or_func": torch.utils.data.RandomSampler},
                              "kwargs": {"batch_size": models.BATCH_SIZE}},
        "teacher": {"forward_proc": "forward_batch_only", "requires_grad": False},
        "student": {"forward_proc": "forward_batch_only"},
        "optimizer": {"key": "Adam", "kwargs": {"lr": models.PEAK_RATE}},
        "scheduler": {"key": "LambdaLR", "scheduling_step": 1, "kwargs": {
            "lr_lambda": lambda step: models.one_cycle(min(step, steps - 1), steps) / models.PEAK_RATE}},
        "criterion": {"key": "WeightedSumLoss", "kwargs": {"sub_terms": sub_terms}},
    }, torch.device("cpu"), None, False, 1.0)
    box.pre_epoch_process(epoch=0)
    for images, labels, more in box.train_data_loader:
        box.post_forward_process(loss=box.forward_process(images, targets=labels, supp_dict=more))
    box.post_epoch_process()


def train(data_dir, teacher_file, seed, kind, method):
    logging.disable(logging.WARNING)
    stages = models.Stages()
    torch.manual_seed(int(seed))
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((models.MEAN,), (models.STD,))])
    train_set, test_set = (datasets.MNIST(data_dir, train=is_train, transform=transform) for is_train in (True, False))
    teacher, student = models.Teacher(relu_first=True), models.Student(relu_first=True)
    teacher.load_state_dict(safetensors.torch.load_file(teacher_file))
    with stages.time("student"):
        {"loop": train_by_loop, "torchdistill": train_by_torchdistill}[kind](teacher, student, train_set, method)
    loader = torch.utils.data.DataLoader(test_set, batch_size=1000)
    student.eval()
    with torch.no_grad():
        right = [(model(images).argmax(1) == labels).sum().item() for images, labels in loader
                 for model in (teacher, student)]
    stages.report(sum(right[::2]) / len(test_set), sum(right[1::2]) / len(test_set))


if __name__ == "__main__":
    if sys.argv[1:2] == ["values"] and len(sys.argv) == 3:
        values(sys.argv[2])
    elif sys.argv[1:2] == ["train"] and len(sys.argv) == 7:
        train(*sys.argv[2:])
    else:
        sys.exit(__doc__.strip())
