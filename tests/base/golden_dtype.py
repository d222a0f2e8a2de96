#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes golden_dtype.h: how PyTorch converts to and from narrow floats. Needs PyTorch 2.13."""
import random

import torch

TYPES = [("bf16", torch.bfloat16, torch.int16), ("f16", torch.float16, torch.int16),
         ("f8e4m3", torch.float8_e4m3fn, torch.int8), ("f8e5m2", torch.float8_e5m2, torch.int8)]

random.seed(1)
values = [0.0, -0.0, 1.0, -1.0, float("inf"), -float("inf"), 448.0, 464.0, 465.0, 480.0, 1e9, -1e9,
          57344.0, 61439.0, 61440.0, 65504.0, 65519.0, 65520.0, 2**-9, 2**-10, 2**-10 * 1.001,
          3 * 2**-10, 2**-16, 2**-17, 2**-17 * 1.001, 3 * 2**-17, 2**-24, 2**-25, 2**-25 * 1.001,
          3.4028235e38, 1e-45, 2**-133, 2**-134, 2**-126, 1.0625, 1.1875, 0.0009765625]
values += [random.choice([-1, 1]) * 2 ** random.uniform(-30, 18) for _ in range(91)]
inputs = torch.tensor(values, dtype=torch.float32)


def table(kind, name, numbers, form):
    text = ", ".join(form.format(n) for n in numbers)
    return f"static const {kind} {name}[{len(numbers)}] = {{{text}}};\n"


def unsigned(t, bits):
    return [n & (1 << bits) - 1 for n in t.tolist()]


out = ["/* SPDX-License-Identifier: Apache-2.0 */\n",
       "/* Written by golden_dtype.py from PyTorch's conversions: bits of f32 inputs, and of each\n",
       " * narrow type's rendering of them; then the f32 bits of all 256 codes of the f8 types. */\n"]
out.append(table("uint32_t", "golden_f32", unsigned(inputs.view(torch.int32), 32), "0x{:08x}"))
for name, dtype, view in TYPES:
    bits = 16 if view == torch.int16 else 8
    codes = unsigned(inputs.to(dtype).view(view), bits)
    out.append(table("uint16_t", "golden_" + name, codes, "0x{:0" + str(bits // 4) + "x}"))
for name, dtype, view in TYPES[2:]:
    decoded = torch.arange(256, dtype=torch.uint8).view(dtype).to(torch.float32)
    codes = unsigned(decoded.view(torch.int32), 32)
    out.append(table("uint32_t", f"golden_{name}_codes", codes, "0x{:08x}"))
with open("golden_dtype.h", "w") as f:
    f.writelines(out)
