#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes ops_reduce.safetensors: reductions, cumsum. See golden.py."""
import torch
from golden import add, gradients, normal, save

SETS = [("last", (3, 4, 5), (2,), 0), ("kept", (3, 4, 5), (1,), 1), ("middle", (3, 4, 5, 2), (1, 2), 0),
        ("apart", (3, 4, 5, 2), (1, 3), 1)]


def mask(axes):
    return sum(1 << a for a in axes)


def spread_attrs(x, axes):
    return dict(n_dims=x.dim(), **{f"dim{a}": x.shape[a] for a in axes})


def sums():
    for words, size, axes, keep in SETS:
        x = normal(*size).requires_grad_()
        attrs = dict(axes=mask(axes), keep_dims=keep)
        for name, y, mean in [("sum", x.sum(axes, keepdim=bool(keep)), 0), ("mean", x.mean(axes, keepdim=bool(keep)), 1)]:
            dy, (dx,) = gradients(y, [x])
            add(f"reduce_{name}:{words}", [x], [y], "1", **attrs)
            add(f"reduce_sum_grad:{name} {words}", [dy], [dx], "1", mean=mean, **attrs, **spread_attrs(x, axes))
    x = normal(7, 3, 5).requires_grad_()
    for words, axes in [("samples", (0,)), ("all", (0, 1, 2))]:
        for name, y, mean in [("sum", x.sum(axes), 0), ("mean", x.mean(axes), 1)]:
            dy, (dx,) = gradients(y, [x])
            add(f"reduce_{name}:{words}", [x], [y], "1", axes=mask(axes))
            add(f"reduce_sum_grad:{name} {words}", [dy, x], [dx], "01", axes=mask(axes), mean=mean, n_dims=3)


def others():
    for words, size, axes, keep in SETS:
        x = normal(*size).requires_grad_()
        attrs = dict(axes=mask(axes), keep_dims=keep)
        for name, f in [("max", torch.amax), ("min", torch.amin)]:
            y = f(x, axes, keepdim=bool(keep))
            dy, (dx,) = gradients(y, [x])
            add(f"reduce_{name}:{words}", [x], [y], "1", **attrs)
            add(f"reduce_max_grad:{name} {words}", [dy, x, y], [dx], "111", **attrs)
        for correction in (0, 1):
            y = x.var(axes, correction=correction, keepdim=bool(keep))
            dy, (dx,) = gradients(y, [x])
            add(f"reduce_var:{words} {correction}", [x], [y], "1", correction=correction, **attrs)
            add(f"reduce_var_grad:{words} {correction}", [dy, x], [dx], "11", correction=correction, **attrs)
    for words, keep in [("rows", 0), ("kept", 1)]:
        x = normal(3, 4, 5)
        x[0, 0, 1] = x[1, 2, 0] = x[1, 2, 3] = 0
        x.requires_grad_()
        y = x.prod(2, keepdim=bool(keep))
        dy, (dx,) = gradients(y, [x])
        add(f"reduce_prod:{words}", [x], [y], "1", axes=4, keep_dims=keep)
        add(f"reduce_prod_grad:{words}", [dy, x], [dx], "11", axes=4, keep_dims=keep)


def places():
    x = normal(3, 4, 5)
    for name, f in [("argmax", torch.argmax), ("argmin", torch.argmin)]:
        add(f"{name}:last", [x], [f(x, 2).to(torch.int32)], "1")
        add(f"{name}:kept", [x], [f(x, 1, keepdim=True)], "1", axis=1, keep_dims=1, wide=1)
    x = normal(3, 4, 5)
    y = x.cumsum(1)
    add("cumsum:axis 1", [x], [y], "1", axis=1)
    add("cumsum:exclusive", [x], [y - x], "1", axis=1, exclusive=1)
    add("cumsum:reverse", [x], [x.flip(2).cumsum(2).flip(2)], "1", reverse=1)


sums()
others()
places()
save(__file__)
