#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes ops_binary.safetensors: functions of two inputs, comparisons and choice, with broadcasting. See golden.py."""
import torch
from golden import add, gradients, normal, positive, save

SHAPES = [("same", (5, 7), (5, 7), "11"), ("vector", (5, 7), (7,), "10"),
          ("column", (5, 7), (5, 1), "11"), ("number", (5, 7), (), "10"),
          ("both", (4, 1, 3), (1, 6, 1), "00"), ("channels", (2, 3, 4, 5), (2, 1, 1, 5), "11")]


def arithmetic():
    for name, f in [("add", torch.add), ("sub", torch.sub), ("mul", torch.mul), ("div", torch.div),
                    ("minimum", torch.minimum), ("maximum", torch.maximum), ("pow", torch.pow)]:
        for words, a, b, batch in SHAPES:
            x = (positive if name == "pow" else normal)(*a)
            y = (positive if name == "div" else normal)(*b)
            add(f"{name}:broadcast {words}", [x, y], [f(x, y)], batch)


def powers():
    a = positive(5, 7).requires_grad_()
    b = normal(5, 7).requires_grad_()
    dy, (da, db) = gradients(torch.pow(a, b), [a, b])
    add("pow_grad:plain", [dy, a, b], [da, db], "111")
    a = torch.tensor([[0.0, 0.0, 2.0, 3.0]]).double().requires_grad_()
    b = torch.tensor([[2.0, 1.0, 0.0, 3.0]]).double().requires_grad_()
    dy, (da, db) = gradients(torch.pow(a, b), [a, b])
    add("pow_grad:edges", [dy, a, b], [da, db], "000")


def comparisons():
    for name, f in [("equal", torch.eq), ("not_equal", torch.ne), ("less", torch.lt),
                    ("less_equal", torch.le), ("greater", torch.gt), ("greater_equal", torch.ge)]:
        for words, a, b, batch in SHAPES[:3]:
            x, y = (normal(*s).round() for s in (a, b))
            add(f"{name}:{words}", [x, y], [f(x, y).double()], batch)
        x, y = (torch.randint(0, 3, s, dtype=torch.int32) for s in ((6, 4), (4,)))
        add(f"{name}:whole numbers", [x, y], [f(x, y).double()], "10")


def logic():
    for name, f in [("logical_and", torch.logical_and), ("logical_or", torch.logical_or),
                    ("logical_xor", torch.logical_xor)]:
        for words, a, b, batch in SHAPES[:3]:
            x, y = (normal(*s).round() for s in (a, b))
            add(f"{name}:{words}", [x, y], [f(x, y).double()], batch)
    x = normal(5, 7).round()
    add("logical_not:numbers", [x], [torch.logical_not(x).double()], "1")
    x = torch.randint(0, 3, (5, 7), dtype=torch.int32)
    add("logical_not:whole numbers", [x], [torch.logical_not(x).double()], "1")


def choices():
    for words, s, a, b, batch in [("same", (5, 7), (5, 7), (5, 7), "111"),
                                  ("column", (5, 1), (5, 7), (7,), "110"),
                                  ("numbers", (5, 7), (), (), "100")]:
        condition = torch.randint(0, 2, s, dtype=torch.uint8)
        x, y = normal(*a), normal(*b)
        result = torch.where(condition != 0, x, y)
        add(f"where:{words}", [condition, x, y], [result], batch)
        add(f"where:{words}, numbers", [condition.double(), x, y], [result], batch)


arithmetic()
powers()
comparisons()
logic()
choices()
save(__file__)
