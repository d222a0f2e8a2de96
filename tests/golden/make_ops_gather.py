#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes ops_gather.safetensors: gather and scatter, one_hot, quantize. See golden.py."""
import torch
import torch.nn.functional as F
from golden import add, gradients, normal, positive, save


def indices(below, *size):
    return torch.randint(0, below, size, dtype=torch.int32)


def gathers():
    for words, size, ids, axis, batch in [("rows", (5, 6), (7,), 0, "01"), ("cubes", (4, 3, 2), (3, 2), 0, "01"),
                                          ("middle", (3, 5, 4), (2, 3), 1, "10")]:
        x, i = normal(*size).requires_grad_(), indices(size[axis], *ids)
        y = x.index_select(axis, i.flatten().long())
        y = y.reshape(size[:axis] + ids + size[axis + 1:])
        dy, (dx,) = gradients(y, [x])
        add(f"gather:{words}", [x, i], [y], batch, axis=axis)
        add(f"gather_grad:{words}", [dy, i], [dx], "11" if batch == "01" else "10", axis=axis, dim=size[axis])
    x, i, u = normal(3, 5, 2), indices(5, 7), normal(3, 7, 2)
    add("scatter_add:middle", [x, i, u], [x.index_add(1, i.long(), u)], "101", axis=1)
    x, i = normal(3, 5, 2).requires_grad_(), indices(5, 3, 4, 2)
    y = x.gather(1, i.long())
    dy, (dx,) = gradients(y, [x])
    add("gather_elements:middle", [x, i], [y], "11", axis=1)
    add("gather_elements_grad:middle", [dy, i], [dx], "11", axis=1, dim=5)
    i = indices(5, 3, 4)
    add("one_hot:tokens", [i], [F.one_hot(i.long(), 5).double() * 2 - 1], "1", depth=5, on=1, off=-1)


def quantized():
    x, s = normal(3, 4, 5).float(), torch.tensor(0.03125)
    q = torch.quantize_per_tensor(x, s.item(), 0, torch.qint8).int_repr()
    add("quantize:symmetric", [x, s], [q], "10")
    z = torch.tensor(131, dtype=torch.int32)
    q = torch.quantize_per_tensor(x, s.item(), 131, torch.quint8)
    add("quantize:zero point", [x, s, z], [q.int_repr()], "100", is_unsigned=1)
    add("dequantize:zero point", [q.int_repr(), s, z], [q.dequantize()], "100")
    s, z = positive(4) / 64, indices(255, 4)
    s = s.float()
    q = torch.quantize_per_channel(x, s, z, 1, torch.quint8)
    add("quantize:channels", [x, s, z], [q.int_repr()], "100", axis=1, is_unsigned=1)
    add("dequantize:channels", [q.int_repr(), s, z], [q.dequantize()], "100", axis=1)


gathers()
quantized()
save(__file__)
