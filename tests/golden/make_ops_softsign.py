#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes ops_softsign.safetensors. See golden.py."""
import torch.nn.functional as F
from golden import add, gradients, normal, save

x = (normal(5, 21) * 4).requires_grad_()
y = F.softsign(x)
add("softsign:plain", [x], [y], "1")
dy, (dx,) = gradients(y, [x])
add("softsign_grad:plain", [dy, x], [dx], "11")
save(__file__)
