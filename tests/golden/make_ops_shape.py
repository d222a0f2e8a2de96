#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes ops_shape.safetensors: operators that move elements, softmax's gradient, log_softmax. See golden.py."""
import torch
import torch.nn.functional as F
from golden import add, gradients, normal, save

FAR = 2 ** 40


def indexed(name, values):
    return {f"{name}{i}": v for i, v in enumerate(values)}


def transposes():
    for words, size, perm, batch in [("matrix", (7, 13), (1, 0), "0"), ("heads", (3, 5, 2, 4), (0, 2, 1, 3), "1"),
                                     ("images", (3, 5, 4, 18), (0, 3, 1, 2), "1"),
                                     ("back", (3, 18, 5, 4), (0, 2, 3, 1), "1"),
                                     ("six", (2, 3, 2, 4, 3, 2), (5, 3, 1, 0, 4, 2), "0")]:
        x = normal(*size)
        add(f"transpose:{words}", [x], [x.permute(perm)], batch, **indexed("perm", perm))


def slices():
    for words, size, axis, start, stop, step in [("middle", (7, 6), 1, 2, 5, 1), ("strided", (3, 9, 2), 1, 1, FAR, 3),
                                                 ("end", (3, 4, 5), 2, -2, FAR, 1)]:
        x = normal(*size).requires_grad_()
        index = [slice(None)] * len(size)
        index[axis] = slice(start, None if stop == FAR else stop, step)
        y = x[tuple(index)]
        attrs = {f"start{axis}": start, f"stop{axis}": stop, f"step{axis}": step}
        dy, (dx,) = gradients(y, [x])
        add(f"slice:{words}", [x], [y], "1", **attrs)
        add(f"slice_grad:{words}", [dy], [dx], "1", **attrs, **{f"dim{axis}": size[axis]})
    x = normal(5, 4)
    add("slice:reversed", [x], [x.flip(0)], "0", start0=-1, stop0=-FAR, step0=-1)


def pads():
    before, after = (0, 0, 1, 2), (0, 0, 2, 1)
    for mode, words in enumerate(["constant", "replicate", "reflect", "circular"]):
        x = normal(2, 3, 4, 5).requires_grad_()
        value = {"value": 0.5} if mode == 0 else {}
        y = F.pad(x, (2, 1, 1, 2), words, **value)
        attrs = dict(mode=mode, **indexed("before", before), **indexed("after", after))
        dy, (dx,) = gradients(y, [x])
        add(f"pad:{words}", [x], [y], "1", **attrs, **value)
        add(f"pad_grad:{words}", [dy], [dx], "1", **attrs)


def joins():
    parts = [normal(3, n, 5) for n in (2, 1, 4)]
    add("concat:axis 1", parts, [torch.cat(parts, 1)], "111", axis=1)
    parts = [normal(3, 2, n) for n in (2, 1, 4, 3)]
    add("concat:last", parts, [torch.cat(parts, -1)], "1111")
    x = normal(3, 2, 12)
    add("split:equal", [x], x.split(4, 2), "1", axis=2, n=3)
    add("split:given", [x], x.split([5, 1, 4, 2], 2), "1", n=4, **indexed("size", (5, 1, 4, 2)))
    for words, size, times in [("rows", (3, 4), (1, 3)), ("both", (2, 3, 1, 4), (1, 2, 5, 3))]:
        x = normal(*size).requires_grad_()
        y = x.repeat(times)
        dy, (dx,) = gradients(y, [x])
        add(f"tile:{words}", [x], [y], "1", **indexed("times", times))
        add(f"tile_grad:{words}", [dy], [dx], "1", **indexed("times", times))


def softmaxes():
    for words, size in [("rows", (7, 33)), ("rank 3", (2, 3, 10))]:
        x = (normal(*size) * 3).requires_grad_()
        p, y = F.softmax(x, -1), F.log_softmax(x, -1)
        dy, (dx,) = gradients(p, [x])
        add(f"softmax_grad:{words}", [dy, p], [dx], "11")
        dy, (dx,) = gradients(y, [x])
        add(f"log_softmax:{words}", [x], [y], "1")
        add(f"log_softmax_grad:{words}", [dy, y], [dx], "11")


transposes()
slices()
pads()
joins()
softmaxes()
save(__file__)
