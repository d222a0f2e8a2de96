# SPDX-License-Identifier: Apache-2.0
"""Snug's first weights and the samples it saw, for a PyTorch model of models.py: both sides then begin alike.

Parameters are matched by kind and number (conv3.weight is the third convolution) and turned from Snug's
[in, out] and [KH, KW, C, O] to PyTorch's order.
"""
import collections
import json
import math
import struct

import numpy as np
import torch
from torch import nn

from models import Attention, Gpt, MODELS, TEXT


def read(path):
    """Tensors of a safetensors file by name."""
    with open(path, "rb") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        head, body = json.loads(f.read(size)), f.read()
    return {name: torch.from_numpy(np.frombuffer(body[slice(*t["data_offsets"])], "<f4").reshape(t["shape"]).copy())
            for name, t in head.items() if name != "__metadata__" and t["dtype"] == "F32"}


def kind(module):
    if isinstance(module, nn.Conv2d):
        return "depthwise" if module.groups > 1 else "conv"
    kinds = {nn.Linear: "linear", nn.BatchNorm2d: "bn", nn.BatchNorm1d: "bn", nn.LayerNorm: "ln", nn.LSTM: "lstm"}
    return next((name for of, name in kinds.items() if isinstance(module, of)), None)


def named(model):
    """Snug's name and the module, in order."""
    counts, inside = collections.Counter(), set()
    for module in model.modules():
        if isinstance(module, Attention):
            counts["attention"] += 1
            inside |= {module.qkv, module.out}
            yield f"attention{counts['attention']}.qkv", module.qkv
            yield f"attention{counts['attention']}.out", module.out
        elif module not in inside and kind(module):
            counts[kind(module)] += 1
            yield f"{kind(module)}{counts[kind(module)]}", module
    if isinstance(model, Gpt):
        yield from (("embedding1", model.tokens), ("positions1", model.positions))


def turned(module, key, w):
    if isinstance(module, nn.Conv2d) and key == "weight":
        return w.permute(3, 2, 0, 1)
    return w.t() if isinstance(module, (nn.Linear, nn.LSTM)) and w.dim() == 2 else w


def same_pads(size, kernel, stride):
    need = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return [need // 2, need - need // 2]


def follow_layout(module, same):
    """Snug flattens images as [H, W, C], and its padding `same` puts an odd row below."""
    forward = module.forward
    if isinstance(module, nn.Flatten):
        module.forward = lambda x: forward(x.permute(0, 2, 3, 1) if x.dim() == 4 else x)
    if same and isinstance(module, nn.Conv2d) and max(module.stride) > 1 and max(module.padding) > 0:
        module.padding = (0, 0)
        module.forward = lambda x: forward(nn.functional.pad(x, [
            p for i in (1, 0) for p in same_pads(x.shape[2 + i], module.kernel_size[i], module.stride[i])]))


@torch.no_grad()
def load(model, name, path):
    weights = read(path)
    if isinstance(model, Gpt):  # of as many tokens and blocks as the file
        model.tokens = nn.Embedding(*weights["embedding1.weight"].shape)
        model.blocks = model.blocks[:sum(n.endswith(".qkv.weight") for n in weights)]
    for place, module in named(model):
        for key, parameter in module.named_parameters(recurse=False):
            if key == "bias_hh_l0":  # Snug has one bias
                parameter.zero_().requires_grad_(False)
                continue
            theirs = key.replace("bias_ih", "bias")
            parameter.copy_(turned(module, key, weights.pop(f"{place}.{theirs}")))
    for module in model.modules():
        follow_layout(module, MODELS[name].same)
    left = [n for n in weights if "running" not in n]
    if left:
        raise SystemExit(f"weights of Snug that the model has not: {', '.join(left)}")


def text_batch(path, context):
    text = open(path).read()
    ids = {c: i for i, c in enumerate(sorted(set(text)))}
    tokens = torch.tensor([ids[c] for c in text])
    n = (len(text) - 1) // context
    return tokens[:n * context].view(n, context), tokens[1:n * context + 1].view(n, context)


def batch(name, path, context):
    """All samples of a file as one batch, scaled by mean and deviation as Snug scales its training part."""
    model = MODELS[name]
    if name in TEXT:
        return text_batch(path, context or model.sample[0])
    arrays = np.load(path)
    x = torch.from_numpy(arrays["x_train"]).double()
    axes = tuple(range(x.dim() - 1))
    x = ((x - x.mean(axes)) / x.std(axes, unbiased=False)).float()
    if len(model.sample) == 3:
        x = x.view(len(x), *model.sample[1:], model.sample[0]).permute(0, 3, 1, 2)
    return x, torch.from_numpy(arrays["y_train"]).long() if model.classes else x
