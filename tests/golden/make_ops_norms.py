#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes ops_norms.safetensors: normalisation by row, by group and by channel. See golden.py."""
import torch
import torch.nn.functional as F
from golden import add, gradients, normal, positive, save


def layer_norm():
    for words, size, weights, eps in [("tokens", (3, 5, 37), 2, 1e-5), ("rows", (7, 13), 2, 1e-2),
                                      ("no bias", (3, 4, 9), 1, 1e-5),
                                      ("no weight", (4, 2, 3, 21), 0, 1e-5)]:
        c = size[-1]
        x = (normal(*size) + 2).requires_grad_()
        weight, bias = positive(c).requires_grad_(), normal(c).requires_grad_()
        given = [weight, bias][:weights]
        y = F.layer_norm(x, (c,), *given, eps=eps)
        mean, var = x.mean(-1), x.var(-1, unbiased=False)
        inv = 1 / torch.sqrt(var + eps)
        dy, grads = gradients(y, [x] + given)
        add(f"layer_norm:{words}", [x] + given, [y, mean, inv], "1" + "0" * weights, epsilon=eps)
        add(f"layer_norm_grad:{words}", [dy, x, mean, inv] + given[:1], grads,
            "1111" + "0" * len(given[:1]), epsilon=eps)


def rms_norm():
    for words, size, weights, eps in [("tokens", (3, 5, 37), 1, 1e-6), ("rows", (7, 13), 1, 1e-2),
                                      ("no weight", (4, 2, 3, 21), 0, 1e-5)]:
        c = size[-1]
        x = (normal(*size) + 1).requires_grad_()
        given = [positive(c).requires_grad_()][:weights]
        y = F.rms_norm(x, (c,), *given, eps=eps)
        inv = 1 / torch.sqrt((x * x).mean(-1) + eps)
        dy, grads = gradients(y, [x] + given)
        add(f"rms_norm:{words}", [x] + given, [y, inv], "1" + "0" * weights, epsilon=eps)
        add(f"rms_norm_grad:{words}", [dy, x, inv] + given, grads, "111" + "0" * weights,
            epsilon=eps)


def group_norm():
    for words, size, groups, weights, eps in [("image", (3, 4, 5, 9), 3, 2, 1e-5),
                                              ("one group", (4, 3, 10), 1, 2, 1e-3),
                                              ("instance", (3, 4, 5, 7), 7, 2, 1e-5),
                                              ("no weight", (3, 5, 6), 2, 0, 1e-5)]:
        n, c = size[0], size[-1]
        x = (normal(*size) + 1).requires_grad_()
        given = [positive(c).requires_grad_(), normal(c).requires_grad_()][:weights]
        back = (0, *range(2, len(size)), 1)
        y = F.group_norm(x.movedim(-1, 1), groups, *given, eps=eps).permute(back)
        if groups == c:
            torch.testing.assert_close(y, F.instance_norm(x.movedim(-1, 1), weight=given[0],
                                                          bias=given[1], eps=eps).permute(back))
        flat = x.movedim(-1, 1).reshape(n, groups, -1)
        mean, inv = flat.mean(-1), 1 / torch.sqrt(flat.var(-1, unbiased=False) + eps)
        dy, grads = gradients(y, [x] + given)
        attrs = dict(groups=0 if groups == c else groups, epsilon=eps)
        add(f"group_norm:{words}", [x] + given, [y, mean, inv], "1" + "0" * weights, **attrs)
        add(f"group_norm_grad:{words}", [dy, x, mean, inv] + given[:1], grads,
            "1111" + "0" * len(given[:1]), **attrs)


def batch_norm():
    """Behind given statistics, and in training with results that reach beyond 6."""
    for words, act, f in [("image", 0, lambda y: y), ("relu", 1, F.relu), ("relu6", 2, F.relu6)]:
        x, gamma, beta, mean, inv = normal(3, 4, 5, 7), 6 * positive(7), normal(7), normal(7), positive(7)
        add(f"batch_norm_again:{words}", [x, gamma, beta, mean, inv],
            [f(gamma * (x - mean) * inv + beta)], "10000", act=act)
    x, beta = normal(7, 4, 6).requires_grad_(), normal(6).requires_grad_()
    gamma = (6 * positive(6)).requires_grad_()
    y = F.relu6(F.batch_norm(x.reshape(-1, 6), None, None, gamma, beta, True)).reshape(7, 4, 6)
    mean, inv = x.mean((0, 1)), 1 / torch.sqrt(x.var((0, 1), unbiased=False) + 1e-5)
    dy, grads = gradients(y, [x, gamma, beta])
    add("batch_norm_grad:relu6", [x, dy, gamma, beta, mean, inv], grads, "110000", act=2)


def batch_norm_parts():
    """Of samples one by one, merged: statistics and gradients of the whole batch."""
    x, beta = (normal(4, 3, 5, 7) + 2).requires_grad_(), normal(7).requires_grad_()
    gamma, old_mean, old_var = (6 * positive(7)).requires_grad_(), normal(7), positive(7)
    each = torch.stack([x.mean((1, 2)), x.var((1, 2), unbiased=False)], 1)
    add("batch_norm_partials:image", [x], [each], "1")
    new_mean, new_var = old_mean.clone(), old_var.clone()
    y = F.relu6(F.batch_norm(x.reshape(-1, 7), new_mean, new_var, gamma, beta, True, 0.2, 1e-3)).reshape(x.shape)
    mean, inv = x.mean((0, 1, 2)), 1 / torch.sqrt(x.var((0, 1, 2), unbiased=False) + 1e-3)
    add("batch_norm_merge:image", [each, old_mean, old_var], [mean, inv, new_mean, new_var], "100", momentum=0.2,
        epsilon=1e-3, rows=15)
    dy, (dx, dgamma, dbeta) = gradients(y, [x, gamma, beta])
    masked = dy * ((y > 0) & (y < 6))
    sums = torch.stack([masked.sum((1, 2)), (masked * (x - mean)).sum((1, 2))], 1)
    given = [x, dy, gamma, beta, mean, inv]
    add("batch_norm_grad_partials:image", given, [sums], "110000", act=2)
    slope, shift = -gamma * inv * inv * dgamma / 60, -gamma * inv * dbeta / 60
    add("batch_norm_grad_merge:image", [sums, gamma, inv], [dgamma, dbeta, slope, shift], "100", rows=15)
    add("batch_norm_grad_apply:image", given + [slope, shift], [dx], "11000000", act=2)


layer_norm()
rms_norm()
group_norm()
batch_norm()
batch_norm_parts()
save(__file__)
