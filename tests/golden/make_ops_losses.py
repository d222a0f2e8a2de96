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


def sigmoid_focal(x, t, gamma, alpha):
    """Lin et al. 2017, as torchvision computes it, for targets 0 and 1."""
    p, bce = torch.sigmoid(x), F.binary_cross_entropy_with_logits(x, t, reduction="none")
    hit = p * t + (1 - p) * (1 - t)
    weight = 1 if alpha < 0 else alpha * t + (1 - alpha) * (1 - t)
    return (weight * (1 - hit) ** gamma * bce).mean()


def elements():
    def signs(*size):
        return torch.where(normal(*size) > 0, 1.0, -1.0).double()

    def labels(*size):
        return (signs(*size) + 1) / 2

    def share(*size):
        return torch.softmax(normal(*size), -1).float().double()

    size = (5, 3, 7)
    for case, f, x, t, attrs in [
            ("mae:places", F.l1_loss, normal(*size), normal(*size), {}),
            ("huber:one", F.huber_loss, normal(*size), normal(*size), dict(delta=1)),
            ("huber:narrow", F.huber_loss, normal(*size), normal(*size), dict(delta=0.3)),
            ("bce_with_logits:places", F.binary_cross_entropy_with_logits, normal(*size) * 5,
             labels(*size), {}),
            ("bce_with_logits:shares", F.binary_cross_entropy_with_logits, normal(5, 9),
             share(5, 9), {}),
            ("sigmoid_focal:default", sigmoid_focal, normal(*size) * 3, labels(*size),
             dict(gamma=2, alpha=0.25)),
            ("sigmoid_focal:plain", sigmoid_focal, normal(*size), labels(*size),
             dict(gamma=1.5, alpha=-1)),
            ("hinge:one", lambda x, t, margin: F.relu(margin - t * x).mean(), normal(*size),
             signs(*size), dict(margin=1)),
            ("kl_divergence:rows", lambda x, t: F.kl_div(x, t, reduction="batchmean"),
             torch.log_softmax(normal(6, 11), -1).float().double(), share(6, 11), {})]:
        x, t, d = x.requires_grad_(), t.requires_grad_(), scalar()
        loss = f(x, t, **attrs)
        dx, dt = torch.autograd.grad(loss, [x, t], d, allow_unused=True)
        add(case, [x, t], [loss], "11", **attrs)
        op, words = case.split(":")
        add(f"{op}_grad:{words}", [x, t, d], [dx], "110", **attrs)
        if op != "sigmoid_focal":
            add(f"{op}_grad:{words} target", [x, t, d], [dt], "110", wrt=1, **attrs)
    x, t, w, d = normal(6, 4).requires_grad_(), labels(6, 4), positive(4), scalar()
    loss = F.binary_cross_entropy_with_logits(x, t, pos_weight=w)
    (dx,) = torch.autograd.grad(loss, [x], d)
    add("bce_with_logits:weights", [x, t, w], [loss], "110")
    add("bce_with_logits_grad:weights", [x, t, d, w], [dx], "1100")


cross_entropy()
elements()
save(__file__)
