#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes ops_losses.safetensors: cross entropy with its options and the other losses. See
golden.py."""
import torch
import torch.nn.functional as F
from golden import add, normal, positive, save


def scalar():
    return normal(1).reshape(())


def cross_entropy():
    """PyTorch divides by the weights of the rows that count; without a total Snug by all rows."""
    for words, size, weighted, smoothing, ignored, total in [
            ("tokens", (3, 4, 11), False, 0.0, 0, False),
            ("smooth", (7, 11), False, 0.1, 0, False),
            ("weights", (7, 11), True, 0.0, 0, True),
            ("ignored", (3, 4, 11), False, 0.0, 3, True),
            ("ignored without a total", (3, 4, 11), False, 0.0, 3, False),
            ("all", (3, 4, 11), True, 0.2, 3, True)]:
        x, classes = normal(*size).requires_grad_(), size[-1]
        labels = torch.randint(0, classes, size[:-1])
        labels.view(-1)[:ignored] = -100
        weight = positive(classes) if weighted else None
        flat, targets = x.reshape(-1, classes), labels.reshape(-1)
        valid = targets[targets >= 0]
        counted = weight[valid].sum() if weighted else torch.tensor(float(len(valid))).double()
        if total:
            loss = F.cross_entropy(flat, targets, weight, label_smoothing=smoothing)
        else:
            loss = F.cross_entropy(flat, targets, weight, label_smoothing=smoothing,
                                   reduction="sum") / len(targets)
        d = scalar()
        (dx,) = torch.autograd.grad(loss, [x], d)
        p = torch.softmax(x, -1)
        given = ([weight] if weighted else []) + ([counted] if total else [])
        marks, labels = "0" * len(given), labels.to(torch.int32)
        attrs = dict(label_smoothing=smoothing)
        add(f"softmax_cross_entropy:{words}", [x, labels] + given, [loss, p], "11" + marks, **attrs)
        add(f"softmax_cross_entropy_grad:{words}", [p, labels, d] + given, [dx], "110" + marks,
            **attrs)


cross_entropy()
save(__file__)
