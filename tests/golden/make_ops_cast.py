#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes ops_cast.safetensors: numbers in other element types. See golden.py."""
import torch
from golden import add, normal, save

# numbers of snug_dtype
TYPES = [("f32", 1, torch.float32), ("bf16", 2, torch.bfloat16), ("f16", 3, torch.float16),
         ("f8e4m3", 4, torch.float8_e4m3fn), ("f8e5m2", 5, torch.float8_e5m2),
         ("i64", 6, torch.int64), ("i32", 7, torch.int32), ("i16", 8, torch.int16),
         ("i8", 9, torch.int8), ("u8", 10, torch.uint8), ("bool", 11, torch.bool)]

for name, number, dtype in TYPES:
    x = normal(5, 9) * 20
    x[0, :4] = torch.tensor([0.0, 0.5, 1.5, 2.5])
    if name == "u8":  # elsewhere PyTorch wraps around
        x = x.abs()
    add(f"cast:to {name}", [x], [x.float().to(dtype).double()], "1", dtype=number)
for name, dtype in [("u8", torch.uint8), ("i32", torch.int32), ("i64", torch.int64)]:
    x = torch.randint(0, 200, (5, 9)).to(dtype)
    add(f"cast:from {name}", [x], [x.double()], "1")
save(__file__)
