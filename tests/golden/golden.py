# SPDX-License-Identifier: Apache-2.0
"""What the makers of operators' golden files share. Each make_ops*.py beside this one writes a file of its name,
ops*.safetensors: inputs, attributes and results by PyTorch in double.

    build/peers/bin/python tests/golden/make_ops.py

A case is named OPERATOR:WORDS and holds CASE/inI, CASE/outO (results, as f32), CASE/attr.NAME for
attributes that differ from their defaults, and CASE/batch: which inputs have a batch axis in front.
Images are [N, H, W, C] and weights of a convolution [KH, KW, C / groups, F], as in Snug.
"""
import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file

torch.manual_seed(7)
tensors = {}


def normal(*shape):
    """Values that f32 holds exactly, computed with in double."""
    return torch.randn(shape, dtype=torch.float32).double()


def positive(*shape):
    return (torch.rand(shape, dtype=torch.float32) + 0.5).double()


def as_numpy(t):
    t = torch.as_tensor(t).detach().contiguous()
    return t.to(torch.float32).numpy().copy() if t.dtype.is_floating_point else t.numpy().copy()


def add(case, inputs, outputs, batch, **attrs):
    """batch: a string of 0 and 1, one an input."""
    tensors[f"{case}/batch"] = np.array([int(b) for b in batch], np.int32)
    for i, t in enumerate(inputs):
        tensors[f"{case}/in{i}"] = as_numpy(t)
    for o, t in enumerate(outputs):
        if t is not None:
            tensors[f"{case}/out{o}"] = as_numpy(t)
    for name, value in attrs.items():
        tensors[f"{case}/attr.{name}"] = np.array([value], np.float64)


def gradients(y, wrt):
    """A random dy, and what it brings back to wrt."""
    dy = normal(*y.shape)
    return dy, torch.autograd.grad(y, wrt, dy, retain_graph=True)


def nchw(t):
    return t.permute(0, 3, 1, 2)


def nhwc(t):
    return t.permute(0, 2, 3, 1)


def save(maker):
    """Write what was added beside the maker (its __file__)."""
    path = pathlib.Path(maker).parent / (pathlib.Path(maker).stem.removeprefix("make_") + ".safetensors")
    save_file(tensors, path)
    print(f"{path}: {len(tensors)} tensors, {path.stat().st_size} bytes")
