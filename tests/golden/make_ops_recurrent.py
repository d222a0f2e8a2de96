#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes ops_recurrent.safetensors: lstm, gru, rnn, pooling over steps and their gradients. See golden.py.

Snug's operators begin after the product with the inputs: z = x w_ih + bias. Samples of unequal length go through
PyTorch's packed sequences; walking backwards is the second half of a bidirectional module.
"""
import torch
from golden import add, normal, save
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

N, T, I, H = 5, 5, 4, 6
LENGTHS = [5, 1, 4, 5, 3]


def module(kind, reverse, **options):
    """One whose parameters f32 holds exactly, and those of the direction that is asked for."""
    m = kind(I, H, batch_first=True, bidirectional=reverse, **options).double()
    with torch.no_grad():
        for p in m.parameters():
            p.copy_(p.float().double())
    end = "_l0_reverse" if reverse else "_l0"
    return m, [getattr(m, name + end) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]


def walk(m, z_of, x, states, lengths, reverse):
    """y [N, T, H] and the last states of the direction that is asked for."""
    if reverse:
        states = [torch.stack([torch.zeros_like(s), s]) for s in states]
    else:
        states = [s[None] for s in states]
    given = tuple(states) if len(states) > 1 else states[0]
    source = pack_padded_sequence(x, lengths, True, False) if lengths else x
    y, last = m(source, given)
    if lengths:
        y, _ = pad_packed_sequence(y, True, total_length=T)
    last = last if isinstance(last, tuple) else (last,)
    return (y[..., H:] if reverse else y), [s[-1] for s in last]


def inputs(words, n_states):
    lengths = LENGTHS if "lengths" in words else None
    states = [normal(N, H) if "initial" in words else torch.zeros(N, H).double() for _ in range(n_states)]
    attrs = {name: 1 for name in ("reverse", "initial", "lengths") if name in words}
    more = states if "initial" in words else []
    counts = [torch.tensor(lengths, dtype=torch.int32)] if lengths else []
    return lengths, states, attrs, more, counts



def recurrent(name, kind, words, n_states, **options):
    reverse = "reverse" in words
    m, (w_ih, w_hh, b_ih, b_hh) = module(kind, reverse, **options)
    lengths, states, attrs, more, counts = inputs(words, n_states)
    if name == "rnn" and options:
        attrs["relu"] = 1
    x = normal(N, T, I)
    apart = b_ih.clone() if name == "gru" else b_ih + b_hh
    if name == "gru":
        apart[:2 * H] += b_hh[:2 * H]
    z = x @ w_ih.T + apart
    fixed = [w_hh.T] + ([b_hh[2 * H:]] if name == "gru" else [])
    y, last = walk(m, z, x, states, lengths, reverse)
    marks = "1" + "0" * len(fixed) + "1" * len(more + counts)
    add(f"{name}:{words}", [z, *fixed, *more, *counts], [y, *last], marks, **attrs)


WORDS = ["plain", "initial", "lengths", "initial lengths", "reverse", "reverse initial lengths"]


def cell(name, z, h, c, w_hh, b_hn):
    """One step of equations, for gradients with respect to z: (h, c) and what backward is given."""
    p = h @ w_hh
    if name == "lstm":
        i, f, g, o = [a.sigmoid() if q != 2 else a.tanh() for q, a in enumerate((z + p).chunk(4, -1))]
        c = f * c + i * g
        return o * c.tanh(), c, [torch.cat([i, f, g, o], -1), c]
    if name == "gru":
        r, u = (z[:, :H] + p[:, :H]).sigmoid(), (z[:, H:2 * H] + p[:, H:2 * H]).sigmoid()
        q = p[:, 2 * H:] + b_hn
        n = (z[:, 2 * H:] + r * q).tanh()
        return (1 - u) * n + u * h, c, [torch.cat([r, u, n], -1), q]
    h = (z + p).tanh() if name == "rnn" else (z + p).relu()
    return h, c, []


def gradient(name, words, gates):
    """Backward by autograd through the equations, which the modules above hold to account."""
    lengths, states, attrs, more, counts = inputs(words, 2)
    h, c = [s.requires_grad_() for s in states]
    z, w_hh = normal(N, T, gates * H).requires_grad_(), (normal(H, gates * H) / 4).float().double().requires_grad_()
    b_hn = normal(H).requires_grad_()
    start, kept, ys = (h, c), [None] * T, [None] * T
    order = range(T - 1, -1, -1) if "reverse" in words else range(T)
    live = torch.tensor(lengths or [T] * N)
    for t in order:
        on = (t < live)[:, None]
        new, cell_new, keep = cell(name, z[:, t], h, c, w_hh, b_hn)
        ys[t], kept[t] = new * on, [k * on for k in keep]
        h, c = torch.where(on, new, h), torch.where(on, cell_new, c)
    y, kept = torch.stack(ys, 1), [torch.stack(k, 1) for k in zip(*kept)]
    dy, dh, dc = normal(N, T, H), normal(N, H), normal(N, H)
    outs, douts = [y, h], [dy, dh]
    if name == "lstm":
        outs, douts = [y, h, c], [dy, dh, dc]
    wrt = [z, w_hh, start[0]] + ([start[1]] if name == "lstm" else []) + ([b_hn] if name == "gru" else [])
    dz, dw, dh0, *rest = torch.autograd.grad(outs, wrt, douts)
    op = "rnn" if name == "relu" else name
    back = {k: v for k, v in attrs.items() if k != "initial" or op != "rnn"}
    back |= dict(dy=1, dh=1, **(dict(dc=1) if name == "lstm" else {}), **(dict(relu=1) if name == "relu" else {}))
    first = {"lstm": lambda: [kept[0], w_hh, kept[1]], "gru": lambda: [kept[0], w_hh, y, kept[1]],
             "rnn": lambda: [y, w_hh]}[op]()
    state = {"lstm": start[1:], "gru": start[:1], "rnn": ()}[op] if "initial" in words else ()
    marks = "10" + "1" * (len(first) - 2 + len(douts) + len(state) + len(counts))
    dq = dz[..., 2 * H:] * kept[0][..., :H] if name == "gru" else None
    results = [dz, dq, dh0] if name == "gru" else [dz, dh0, *rest]
    add(f"{op}_grad:{name} {words}", [*first, *douts, *state, *counts], results, marks, **back)
    d = [dz] + ([dq] if name == "gru" else [])
    again = more[:1]
    add(f"recurrent_grad_weight:{name} {words}", [y, *d, *again, *counts], [dw],
        "1" * (1 + len(d) + len(again) + len(counts)), **attrs, **(dict(second=1) if name == "gru" else {}))


for words in WORDS:
    recurrent("lstm", torch.nn.LSTM, words, 2)
    recurrent("gru", torch.nn.GRU, words, 1)
    recurrent("rnn", torch.nn.RNN, words, 1)
    for name, gates in [("lstm", 4), ("gru", 3), ("rnn", 1)]:
        gradient(name, words, gates)
def pooling():
    for words, counts in [("whole", None), ("lengths", torch.tensor(LENGTHS, dtype=torch.int32))]:
        x = normal(N, T, I).requires_grad_()
        given = [] if counts is None else [counts]
        live = torch.arange(T)[None] < (torch.full((N,), T) if counts is None else counts)[:, None]
        last = live.sum(1) - 1
        dy = normal(N, I)
        best, place = x.masked_fill(~live[..., None], -torch.inf).max(1)
        for name, y in [("mean", (x * live[..., None]).sum(1) / live.sum(1)[:, None]),
                        ("last", x[torch.arange(N), last]), ("max", best)]:
            (dx,) = torch.autograd.grad(y, [x], dy, retain_graph=True)
            more = [place.int()] if name == "max" else []
            add(f"sequence_{name}:{words}", [x, *given], [y, *more], "1" * (1 + len(given)))
            beside = more or given
            add(f"sequence_{name}_grad:{words}", [dy, *beside], [dx], "1" * (1 + len(beside)), steps=T)
        if given:
            add("sequence_mask:lengths", [x, *given], [x * live[..., None]], "11")


pooling()
recurrent("rnn", torch.nn.RNN, "relu", 1, nonlinearity="relu")
gradient("relu", "plain", 1)
save(__file__)
