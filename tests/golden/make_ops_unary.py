#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes ops_unary.safetensors: functions of one input, element by element. See golden.py."""
import torch
import torch.nn.functional as F
from golden import add, gradients, normal, positive, save

# the operator, PyTorch's function, attributes, what NAME_grad reads ("": there is no such operator)
FUNCTIONS = [
    ("neg", torch.neg, {}, ""), ("abs", torch.abs, {}, "x"), ("sign", torch.sign, {}, ""),
    ("square", torch.square, {}, "x"), ("sqrt", torch.sqrt, {}, "y"),
    ("reciprocal", torch.reciprocal, {}, "y"), ("exp", torch.exp, {}, ""),
    ("log", torch.log, {}, "x"), ("sin", torch.sin, {}, "x"), ("cos", torch.cos, {}, "x"),
    ("erf", torch.erf, {}, "x"), ("relu6", F.relu6, {}, "y"),
    ("leaky_relu", F.leaky_relu, {}, "y"),
    ("leaky_relu", lambda x: F.leaky_relu(x, 0.2), {"slope": 0.2}, "y"),
    ("elu", F.elu, {}, "y"), ("elu", lambda x: F.elu(x, 1.5), {"alpha": 1.5}, "y"),
    ("selu", F.selu, {}, "y"), ("hardsigmoid", F.hardsigmoid, {}, "y"),
    ("hardswish", F.hardswish, {}, "x"), ("sigmoid", torch.sigmoid, {}, "y"),
    ("tanh", torch.tanh, {}, "y"), ("softplus", F.softplus, {}, "y"),
    ("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), {}, "x"), ("silu", F.silu, {}, "x"),
    ("mish", F.mish, {}, "x"),
    ("clip", lambda x: torch.clamp(x, -0.5, 0.8), {"min": -0.5, "max": 0.8}, "y"),
]


def functions():
    for name, f, attrs, reads in FUNCTIONS:
        words = ", ".join(f"{k} {v}" for k, v in attrs.items()) or "plain"
        of_positive = name in ("sqrt", "reciprocal", "log")
        x = (positive(5, 21) if of_positive else normal(5, 21) * 4).requires_grad_()
        y = f(x)
        add(f"{name}:{words}", [x], [y], "1", **attrs)
        if reads:
            # a result is read as Snug has it: rounded to f32
            dy, (dx,) = gradients(y, [x])
            add(f"{name}_grad:{words}", [dy, y if reads == "y" else x], [dx], "11", **attrs)


functions()
save(__file__)
