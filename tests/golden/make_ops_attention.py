#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes ops_attention.safetensors: what transformers are made of. See golden.py."""
import torch
import torch.nn.functional as F
from golden import add, gradients, normal, save


def embeddings():
    table = normal(9, 6).requires_grad_()
    ids = torch.randint(0, 9, (3, 5), dtype=torch.int32)
    y = F.embedding(ids, table)
    dy, (dtable,) = gradients(y, [table])
    add("embedding:tokens", [table, ids], [y], "01")
    add("embedding_grad:tokens", [dy, ids], [dtable], "11", rows=9)
    base = normal(9, 6)
    add("embedding_grad_onto:tokens", [base, dy, ids], [base + dtable], "000")


embeddings()
save(__file__)
