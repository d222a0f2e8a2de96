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


def focal():
    x, labels, weight, d = normal(7, 11).requires_grad_(), torch.arange(7), positive(11), scalar()
    for words, gamma, given in [("focal", 2.0, []), ("focal weights", 0.5, [weight])]:
        log_p = torch.log_softmax(x, -1)[torch.arange(7), labels]
        each = -((1 - log_p.exp()) ** gamma) * log_p
        loss = (each * (weight[labels] if given else 1)).mean()
        (dx,) = torch.autograd.grad(loss, [x], d)
        p, y, marks = torch.softmax(x, -1), labels.to(torch.int32), "0" * len(given)
        add(f"softmax_cross_entropy:{words}", [x, y] + given, [loss, p], "11" + marks, gamma=gamma)
        add(f"softmax_cross_entropy_grad:{words}", [p, y, d] + given, [dx], "110" + marks,
            gamma=gamma)


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


def rows():
    size = (6, 9)
    a, b, c = (normal(*size).requires_grad_() for _ in range(3))
    for words, margin in [("zero", 0.0), ("low", -0.4)]:
        labels, d = torch.tensor([1, -1, -1, 1, -1, -1]), scalar()
        loss = F.cosine_embedding_loss(a, b, labels, margin)
        grads = torch.autograd.grad(loss, [a, b], d)
        labels = labels.to(torch.int32)
        add(f"cosine_embedding:{words}", [a, b, labels], [loss], "111", margin=margin)
        add(f"cosine_embedding_grad:{words}", [a, b, labels, d], grads, "1110", margin=margin)
    for words, margin in [("one", 1.0), ("half", 0.5)]:
        d = scalar()
        loss = F.triplet_margin_loss(a, b, c, margin)
        grads = torch.autograd.grad(loss, [a, b, c], d)
        add(f"triplet_margin:{words}", [a, b, c], [loss], "111", margin=margin)
        add(f"triplet_margin_grad:{words}", [a, b, c, d], grads, "1110", margin=margin)


def ctc():
    """PyTorch's gradient takes log_softmax for granted and adds the probabilities: they go."""
    n, frames, classes = 6, 12, 5
    for words, blank, lengths, times in [("speech", 0, [3, 1, 4, 2, 0, 4], [12, 12, 9, 5, 7, 3]),
                                         ("last blank", 4, [1, 2, 3, 4, 4, 1], [12] * 6)]:
        x = torch.log_softmax(normal(n, frames, classes), -1).float().double().requires_grad_()
        y = torch.randint(0, classes - 1, (n, 4)) + (1 if blank == 0 else 0)
        y[0, :3] = y[0, 0]  # a label again needs a blank between
        lengths, times, d = torch.tensor(lengths), torch.tensor(times), scalar()
        loss = F.ctc_loss(x.transpose(0, 1), y, times, lengths, blank, zero_infinity=True)
        (dx,) = torch.autograd.grad(loss, [x], d)
        each = F.ctc_loss(x.transpose(0, 1), y, times, lengths, blank, reduction="none")
        scale = torch.where(torch.isinf(each), 0.0, d / n / lengths.clamp(min=1))
        here = (torch.arange(frames) < times[:, None])[..., None]
        dx = dx - torch.where(here, x.exp() * scale[:, None, None], 0.0)
        given = [t.to(torch.int32) for t in (y, times, lengths)]
        attrs = dict(blank=blank, zero_infinity=1)
        add(f"ctc:{words}", [x, *given], [loss], "1111", **attrs)
        add(f"ctc_grad:{words}", [x, *given, d], [dx], "11110", **attrs)


cross_entropy()
focal()
elements()
rows()
ctc()
save(__file__)
