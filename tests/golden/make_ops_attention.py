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


def products():
    for words, ta, tb in [("plain", 0, 0), ("trans_a", 1, 0), ("trans_b", 0, 1), ("trans_ab", 1, 1)]:
        a, b = normal(3, 2, 5, 7), normal(3, 2, 7, 4)
        inputs = [a.transpose(2, 3) if ta else a, b.transpose(2, 3) if tb else b]
        add(f"batch_matmul:{words}", inputs, [a @ b], "11", trans_a=ta, trans_b=tb)


def heads_of(x, heads):
    n, t, columns = x.shape
    return x.reshape(n, t, heads, columns // heads).transpose(1, 2)


def attend(q, k, v, heads, kv_heads, mask, scale):
    """Scores, softmax and sums of heads written out; mask [N, 1, T, S]: what is seen."""
    q, k, v = heads_of(q, heads), heads_of(k, kv_heads), heads_of(v, kv_heads)
    k, v = (x.repeat_interleave(heads // kv_heads, 1) for x in (k, v))
    scores = (q @ k.transpose(2, 3) * scale).masked_fill(~mask, -torch.inf)
    lse = torch.logsumexp(scores, 3)
    y = torch.exp(scores - lse.unsqueeze(3)) @ v
    return y.transpose(1, 2).reshape(y.shape[0], y.shape[2], -1), lse


def causal_mask(t, s, offset=0):
    return torch.arange(s)[None, None, None, :] <= torch.arange(t)[None, None, :, None] + offset


def attentions():
    everything = torch.ones(1, 1, 1, 1, dtype=torch.bool)
    for words, t, s, heads, kv_heads, attrs, mask in [
            ("plain", 5, 7, 2, 2, {}, everything),
            ("causal", 9, 9, 2, 2, dict(causal=1), causal_mask(9, 9)),
            ("grouped", 6, 6, 4, 2, dict(causal=1, kv_heads=2), causal_mask(6, 6)),
            ("offset", 3, 8, 2, 2, dict(causal=1, offset=4, scale=0.3), causal_mask(3, 8, 4))]:
        width, n = 6, 3
        q = normal(n, t, heads * width).requires_grad_()
        k, v = (normal(n, s, kv_heads * width).requires_grad_() for _ in range(2))
        scale = attrs.get("scale", width**-0.5)
        y, lse = attend(q, k, v, heads, kv_heads, mask, scale)
        if words == "causal":
            same = F.scaled_dot_product_attention(*(heads_of(x, 2) for x in (q, k, v)), is_causal=True)
            assert torch.allclose(same.transpose(1, 2).reshape(y.shape), y)
        dy, (dq, dk, dv) = gradients(y, [q, k, v])
        add(f"attention:{words}", [q, k, v], [y, lse], "111", heads=heads, **attrs)
        add(f"attention_grad:{words}", [dy, y, lse, q, k, v], [dq, dk, dv], "111111", heads=heads, **attrs)
        if t != s:
            continue
        qkv = torch.cat([q, k, v], 2)
        add(f"self_attention:{words}", [qkv], [y, lse], "1", heads=heads, **attrs)
        add(f"self_attention_grad:{words}", [dy, y, lse, qkv], [torch.cat([dq, dk, dv], 2)], "1111",
            heads=heads, **attrs)


def ragged_attention():
    """Sample i has lengths[i] positions; positions attend within their segment."""
    n, t, heads, width = 3, 6, 2, 4
    lengths, segments = torch.tensor([6, 3, 1]), torch.tensor([[0, 0, 1, 1, 1, 2]] * n)
    x = normal(n, t, 3 * heads * width).requires_grad_()
    inside = torch.arange(t)[None, :] < lengths[:, None]
    seen = causal_mask(t, t) & inside[:, None, None, :] & inside[:, None, :, None]
    seen = seen & (segments[:, None, None, :] == segments[:, None, :, None])
    y, lse = attend(*x.chunk(3, 2), heads, heads, seen | ~inside[:, None, :, None], width**-0.5)
    y, lse = y * inside[:, :, None], lse * inside[:, None, :]
    dy, (dx,) = gradients(y, [x])
    extras = [lengths.int(), segments.int()]
    add("self_attention:ragged", [x] + extras, [y, lse], "111", heads=heads, causal=1)
    add("self_attention_grad:ragged", [dy, y, lse, x] + extras, [dx], "111111", heads=heads, causal=1)


def rotations():
    """Complex numbers, as Llama's own code has them: pairs are interleaved there."""
    width, heads, t = 8, 2, 6
    frequency = 10000.0**(-torch.arange(0, width, 2, dtype=torch.float64) / width)
    for words, first in [("start", 0), ("later", 7)]:
        turn = torch.polar(torch.ones(t, width // 2, dtype=torch.float64),
                           torch.outer(torch.arange(first, first + t, dtype=torch.float64), frequency))
        x = normal(3, t, heads * width + 3)
        pairs = torch.view_as_complex(x[:, :, :-3].reshape(3, t, heads, width // 2, 2).contiguous())
        y = torch.view_as_real(pairs * turn[None, :, None, :])
        position = [torch.tensor(first, dtype=torch.int32)]
        inter = torch.cat([y.reshape(3, t, heads * width), x[:, :, -3:]], 2)
        add(f"rope:interleaved {words}", [x] + position, [inter], "10", width=width, heads=heads, interleaved=1)
        half = lambda v: torch.cat(
            [v[:, :, :-3].reshape(3, t, heads, width // 2, 2).transpose(3, 4).reshape(3, t, -1), v[:, :, -3:]], 2)
        add(f"rope:halves {words}", [half(x)] + position, [half(inter)], "10", width=width, heads=heads)


def grown_attention():
    """Positions 4, 5 and 6 behind four earlier ones, in a cache for 9."""
    n, heads, kv_heads, width, first, t = 2, 4, 2, 6, 4, 3
    x, cache = normal(n, first + t, (heads + 2 * kv_heads) * width), normal(n, 9, 2 * kv_heads * width)
    q, k, v = x.split([heads * width, kv_heads * width, kv_heads * width], 2)
    y, _ = attend(q, k, v, heads, kv_heads, causal_mask(first + t, first + t), width**-0.5)
    before, after = cache.clone(), cache.clone()
    before[:, :first] = torch.cat([k, v], 2)[:, :first]
    after[:, :first + t] = torch.cat([k, v], 2)
    add("cached_attention:grown", [x[:, first:], before, torch.tensor(first, dtype=torch.int32)],
        [y[:, first:], after], "110", heads=heads, kv_heads=kv_heads)


embeddings()
products()
grown_attention()
rotations()
attentions()
ragged_attention()
save(__file__)
