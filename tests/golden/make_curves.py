#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes curves.json: the losses of ten steps of every zoo model, by PyTorch in double.

    build/peers/bin/python tests/golden/make_curves.py [MODEL...]

Given models, it writes theirs anew and keeps the others' losses.
A model is read as its list of layers (`snug help models NAME`) and each layer is done by PyTorch's own operators, so
that a new model needs a row in CASES and a new layer a function here. Initial values, inputs and truths follow from
names and positions by a rule that tests/train/test_curves.c has too, so that the file holds losses alone.
"""
import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import torch
import torch.nn.functional as F
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STEPS, MOMENTUM, BATCH = 10, 0.9, 4
IMAGE, SMALL, COLOUR = [28, 28, 1], [8, 8, 1], [32, 32, 3]

# model: (sample, target, outputs); a sample of tokens has a vocabulary
CASES = {
    "linear": (IMAGE, "class", [10]),
    "mlp": (IMAGE, "class", [10]),
    "mlp-256-128-64": (IMAGE, "class", [10]),
    "lenet": (IMAGE, "class", [10]),
    "cnn": (IMAGE, "class", [10]),
    "mlp-1200": (IMAGE, "class", [10]),
    "lenet-300-100": (IMAGE, "class", [10]),
    "lenet5-caffe": (IMAGE, "class", [10]),
    "resnet8": (COLOUR, "class", [10]),
    "resnet20": (COLOUR, "class", [10], 0, False, 3e-4),  # steep: a ReLU that switches is seen
    "resnet18": (COLOUR, "class", [10], 0, False, 1e-5),  # likewise
    "resnet18-imagenet": ([64, 64, 3], "class", [10]),
    "vgg11": (COLOUR, "class", [10]),
    "vgg11-bn": (COLOUR, "class", [10]),
    "mobilenetv1:width=0.25": ([48, 48, 3], "class", [2], 0, False, 1e-7),  # steep on noise
    "squeezenet": (COLOUR, "class", [10]),
    "mobilenetv2:width=0.25": ([48, 48, 3], "class", [2], 0, False, 1e-7),  # likewise
    "autoencoder": ([640], "self", [640], 0, False, 1e-8),  # batch norm over four samples is steep
    "conv-autoencoder": (IMAGE, "self", IMAGE),
    "dscnn": ([49, 10, 1], "class", [12]),
    "lstm": ([29, 12], "class", [9], 0, True),
    "lstm:units=20,layers=2,bidirectional=1": ([17, 5], "class", [4], 0, True),
    "gru:units=33,layers=2": ([12, 3], "class", [5]),
    "gru:units=16,bidirectional=1": ([12, 3], "class", [5], 0, True),
    "rnn:units=24": ([12, 3], "class", [5], 0, True),
    "char-lstm:units=20,width=12": ([10], "tokens", [10, 17], 17, False, 0.1),
    "fcn:filters=16": ([29, 12], "class", [9], 0, True),
    "tcn:width=24,levels=3": ([40, 3], "class", [5], 0, True),
    "vit-tiny:patch=8,width=32,depth=2,heads=2": (COLOUR, "class", [10], 0, False, 0.01),
    "gpt:layers=2,heads=2,width=32": ([16], "tokens", [16, 23], 23, False, 0.1),
    "gpt2:layers=2,heads=2,width=32,context=20": ([16], "tokens", [16, 23], 23, False, 0.1),
    "llama:layers=2,heads=4,width=32,kv_heads=2": ([16], "tokens", [16, 23], 23, False, 0.1),
}


# ---- numbers by name and position ------------------------------------------------------------------

def bits(name, n):
    """n numbers of 64 bits: splitmix64 from the FNV-1a hash of the name."""
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(h) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def uniform(name, shape, low, high):
    u = (bits(name, math.prod(shape)) >> np.uint64(40)).astype(np.float64) / 2**24
    return torch.tensor((low + (high - low) * u).astype(np.float32).reshape(shape)).double()


def below(name, shape, n):
    return torch.tensor((bits(name, math.prod(shape)) % np.uint64(n)).astype(np.int64).reshape(shape))


def initial(name, shape):
    """Vectors: 0.1 wide, around 1 where they scale; the rest: variance 1 / inputs."""
    if len(shape) == 1:
        middle = 1.0 if name.endswith(".weight") else 0.0
        return uniform(name, shape, middle - 0.1, middle + 0.1)
    bound = math.sqrt(3 * shape[-1] / math.prod(shape))
    return uniform(name, shape, -bound, bound)


class Model:
    def __init__(self, layers, outputs, lengths):
        self.layers, self.outputs, self.lengths, self.params = layers, outputs, lengths, {}

    def param(self, name, *shape):
        if name not in self.params:
            self.params[name] = initial(name, shape).requires_grad_()
        return self.params[name]

    def __call__(self, x):
        return self.run(self.layers, x)

    def run(self, layers, x):
        for item in layers:
            kind, attrs = (item, {}) if isinstance(item, str) else next(iter(item.items()))
            x = LAYERS[kind](self, attrs, x)
        return x


# ---- layers: images are [N, H, W, C] -----------------------------------------------------------------

LAYERS = {}


def layer(function):
    LAYERS[function.__name__] = function
    return function


def pair(v):
    return list(v) if isinstance(v, list) else [v, v]


def channels_first(function, x):
    return function(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def same_pads(size, kernel, stride):
    need = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return [need // 2, need - need // 2]


@layer
def linear(m, a, x):
    units = m.outputs if a["units"] == "outputs" else a["units"]
    y = x @ m.param(a["name"] + ".weight", x.shape[-1], units)
    return y + m.param(a["name"] + ".bias", units) if a.get("bias", True) else y


@layer
def conv2d(m, a, x):
    a = a | {"filters": m.outputs} if a["filters"] == "outputs" else a
    k, s, groups = pair(a["kernel"]), pair(a["stride"]), a["groups"]
    d = pair(a["dilation"])
    w = m.param(a["name"] + ".weight", k[0], k[1], x.shape[3] // groups, a["filters"])
    b = m.param(a["name"] + ".bias", a["filters"]) if a["bias"] else None
    if a["padding"] == "same":
        pads = [same_pads(x.shape[1 + i], (k[i] - 1) * d[i] + 1, s[i]) for i in (0, 1)]
        x = F.pad(x, [0, 0] + pads[1] + pads[0])
    elif a["padding"] != "valid":
        p = pair(a["padding"])
        x = F.pad(x, [0, 0, p[1], p[1], p[0], p[0]])
    return channels_first(lambda t: F.conv2d(t, w.permute(3, 2, 0, 1).contiguous(), b, s, 0, d, groups), x)


@layer
def depthwise_conv2d(m, a, x):
    return conv2d(m, a | {"groups": x.shape[3], "filters": x.shape[3] * a["multiplier"]}, x)


@layer
def conv_transpose2d(m, a, x):
    k, s, d, more = pair(a["kernel"]), pair(a["stride"]), pair(a["dilation"]), pair(a["output_padding"])
    filters = m.outputs if a["filters"] == "outputs" else a["filters"]
    w = m.param(a["name"] + ".weight", k[0], k[1], filters // a["groups"], x.shape[3])
    b = m.param(a["name"] + ".bias", filters) if a["bias"] else None
    if a["padding"] == "same":
        span = [(k[i] - 1) * d[i] + 1 for i in (0, 1)]
        more, size = [max(s[i] - span[i], 0) for i in (0, 1)], [x.shape[1 + i] * s[i] for i in (0, 1)]
        top, left = (same_pads(size[i], span[i], s[i])[0] for i in (0, 1))
    y = channels_first(lambda t: F.conv_transpose2d(t, w.permute(3, 2, 0, 1).contiguous(), b, s, 0, more, a["groups"], d), x)
    if a["padding"] == "same":
        return y[:, top:top + size[0], left:left + size[1]]
    cut = 0 if a["padding"] == "valid" else a["padding"]
    return y[:, cut:y.shape[1] - cut, cut:y.shape[2] - cut]


@layer
def zero_pad(m, a, x):
    p = pair(a["padding"])
    return F.pad(x, [0, 0, p[1], p[1], p[0], p[0]])


@layer
def conv1d(m, a, x):
    k, d, padding = a["kernel"], a["dilation"], a["padding"]
    two = {"kernel": [1, k], "stride": [1, a["stride"]], "dilation": [1, d], "padding": padding}
    if padding == "causal":
        x, two["padding"] = F.pad(x, [0, 0, (k - 1) * d, 0]), "valid"
    elif isinstance(padding, int):
        two["padding"] = [0, padding]
    return conv2d(m, a | two, x[:, None])[:, 0]


@layer
def batch_norm(m, a, x):
    w, b = m.param(a["name"] + ".weight", x.shape[-1]), m.param(a["name"] + ".bias", x.shape[-1])
    axes = tuple(range(x.dim() - 1))
    return (x - x.mean(axes)) / torch.sqrt(x.var(axes, unbiased=False) + a.get("eps", 1e-5)) * w + b


@layer
def relu(m, a, x):
    return F.relu(x)


def recurrent(m, a, x, gates, cell):
    """Every layer and direction, step by step; a sample that has ended keeps its state."""
    live = torch.arange(x.shape[1])[None] < steps_of(m, x)[:, None]
    units = a["units"]
    for l in range(a["layers"]):
        ways, lasts = [], []
        for end in ["", "_reverse"] if a["bidirectional"] else [""]:
            w_ih = m.param(f"{a['name']}.weight_ih_l{l}{end}", x.shape[2], gates * units)
            b = m.param(f"{a['name']}.bias_l{l}{end}", gates * units)
            w_hh = m.param(f"{a['name']}.weight_hh_l{l}{end}", units, gates * units)
            state, ys = torch.zeros(x.shape[0], 2 * units).double(), {}
            for t in range(x.shape[1] - 1, -1, -1) if end else range(x.shape[1]):
                new = cell(m, f"{a['name']}.bias_hn_l{l}{end}", x[:, t] @ w_ih + b, state, w_hh)
                state = torch.where(live[:, t, None], new, state)
                ys[t] = state[:, :units] * live[:, t, None]
            ways.append(torch.stack([ys[t] for t in range(x.shape[1])], 1))
            lasts.append(state[:, :units])
        x, last = torch.cat(ways, 2), torch.cat(lasts, 1)
    return x if a["sequence"] else last


@layer
def lstm(m, a, x):
    def cell(m, _, z, state, w):
        h, c = state.chunk(2, 1)
        i, f, g, o = (z + h @ w).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return torch.cat([o.sigmoid() * c.tanh(), c], 1)
    return recurrent(m, a, x, 4, cell)


@layer
def gru(m, a, x):
    def cell(m, name, z, state, w):
        h, p = state.chunk(2, 1)[0], state.chunk(2, 1)[0] @ w
        (zr, zu, zn), (pr, pu, pn) = z.chunk(3, 1), p.chunk(3, 1)
        u = (zu + pu).sigmoid()
        n = (zn + (zr + pr).sigmoid() * (pn + m.param(name, h.shape[1]))).tanh()
        h = (1 - u) * n + u * h
        return torch.cat([h, h], 1)
    return recurrent(m, a, x, 3, cell)


@layer
def rnn(m, a, x):
    def cell(m, _, z, state, w):
        z = z + state.chunk(2, 1)[0] @ w
        h = z.tanh() if a["activation"] == "tanh" else z.relu()
        return torch.cat([h, h], 1)
    return recurrent(m, a, x, 1, cell)


def steps_of(m, x):
    return m.lengths if m.lengths is not None else torch.full((x.shape[0],), x.shape[1])


@layer
def mask_padding(m, a, x):
    return x * (torch.arange(x.shape[1])[None] < steps_of(m, x)[:, None])[..., None]


@layer
def mean_over_time(m, a, x):
    return mask_padding(m, a, x).sum(1) / steps_of(m, x)[:, None]


@layer
def last_step(m, a, x):
    return x[torch.arange(x.shape[0]), steps_of(m, x) - 1]


@layer
def relu6(m, a, x):
    return F.relu6(x)


@layer
def gelu(m, a, x):
    return F.gelu(x)


@layer
def max_pool(m, a, x):
    kernel = pair(a["kernel"])
    stride = kernel if a["stride"] == "kernel" else pair(a["stride"])
    return channels_first(lambda t: F.max_pool2d(t, kernel, stride), x)


@layer
def global_avg_pool(m, a, x):
    return x.mean((1, 2))


@layer
def flatten(m, a, x):
    return x.reshape(x.shape[0], -1)


@layer
def reshape(m, a, x):
    return x.reshape([x.shape[0]] + a["shape"])


@layer
def dropout(m, a, x):
    return x  # the test sets every rate to 0


@layer
def embedding(m, a, x):
    rows = m.outputs if a["rows"] == "outputs" else a["rows"]
    return F.embedding(x, m.param(a["name"] + ".weight", rows, a["width"]))


@layer
def positions(m, a, x):
    rows = x.shape[1] if a["rows"] == "positions" else a["rows"]
    return x + m.param(a["name"] + ".weight", rows, x.shape[2])[:x.shape[1]]


@layer
def patches(m, a, x):
    y = conv2d(m, {"name": a["name"], "filters": a["width"], "kernel": a["size"], "stride": a["size"], "groups": 1,
                   "dilation": 1, "padding": "valid", "bias": True}, x)
    return y.flatten(1, 2)


@layer
def class_token(m, a, x):
    token = m.param(a["name"] + ".weight", 1, x.shape[2])
    return torch.cat([token[None].expand(x.shape[0], 1, -1), x], 1)


@layer
def first_step(m, a, x):
    return x[:, 0]


@layer
def tied_linear(m, a, x):
    return x @ m.param(a["to"] + ".weight").T


@layer
def layer_norm(m, a, x):
    w = m.param(a["name"] + ".weight", x.shape[-1])
    return F.layer_norm(x, x.shape[-1:], w, m.param(a["name"] + ".bias", x.shape[-1]) if a["bias"] else None, a["eps"])


@layer
def rms_norm(m, a, x):
    return F.rms_norm(x, x.shape[-1:], m.param(a["name"] + ".weight", x.shape[-1]), a["eps"])


def turned(x, base):
    """Rotary positions of heads [N, H, T, D], pairs by halves."""
    half = x.shape[3] // 2
    angle = torch.outer(torch.arange(x.shape[2]), base**(-torch.arange(half, dtype=torch.float64) / half))
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], 3)


@layer
def self_attention(m, a, x):
    n, t, features = x.shape
    heads, width = a["heads"], features // a["heads"]
    kv_heads = heads if a["kv_heads"] == "heads" else a["kv_heads"]
    qkv = linear(m, {"name": a["name"] + ".qkv", "units": (heads + 2 * kv_heads) * width, "bias": a["bias"]}, x)
    q, k, v = (part.reshape(n, t, -1, width).transpose(1, 2)
               for part in qkv.split([heads * width, kv_heads * width, kv_heads * width], 2))
    if a["rotary"]:
        q, k = turned(q, a["rotary"]), turned(k, a["rotary"])
    k, v = (part.repeat_interleave(heads // kv_heads, 1) for part in (k, v))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=a["causal"]).transpose(1, 2).reshape(n, t, features)
    return linear(m, {"name": a["name"] + ".out", "units": features, "bias": a["bias"]}, y)


@layer
def swiglu(m, a, x):
    gate, up = (linear(m, {"name": f"{a['name']}.{part}", "units": a["units"], "bias": False}, x)
                for part in ("gate", "up"))
    return linear(m, {"name": a["name"] + ".down", "units": x.shape[2], "bias": False}, F.silu(gate) * up)


@layer
def concat(m, a, x):
    return torch.cat([m.run([one], x) for one in a["branches"]], -1)


@layer
def sequential(m, a, x):
    return m.run(a["layers"] or [], x)


@layer
def residual(m, a, x):
    return m.run(a["body"], x) + m.run(a["shortcut"] or [], x)


# ---- the curve -----------------------------------------------------------------------------------------

def layer_list(name):
    text = subprocess.run([ROOT / "build/snug", "help", "models", name], capture_output=True, text=True, check=True)
    return yaml.safe_load(text.stdout)


def loss_of(target, y, truth):
    if target == "class":
        return F.cross_entropy(y, truth)
    if target == "tokens":
        return F.cross_entropy(y.flatten(0, 1), truth.flatten())
    return F.mse_loss(y, truth)


def curve(name, sample, target, outputs, vocabulary=0, ragged=False, rate=0.003):
    shape = [BATCH] + sample
    lengths = 1 + below("lengths", [BATCH], sample[0]) if ragged else None
    x = below("x", shape, vocabulary) if vocabulary else uniform("x", shape, -1.7, 1.7)
    if ragged:
        x = x * (torch.arange(sample[0])[None, :, None] < lengths[:, None, None])
    truths = {"class": lambda: below("y", [BATCH], outputs[-1]),
              "tokens": lambda: below("y", [BATCH] + outputs[:-1], outputs[-1]), "self": lambda: x}
    truth = truths[target]()
    model, momenta, losses = Model(layer_list(name), outputs[-1], lengths), {}, []
    for _ in range(STEPS):
        loss = loss_of(target, model(x), truth)
        losses.append(loss.item())
        gradients = torch.autograd.grad(loss, list(model.params.values()))
        with torch.no_grad():
            for (key, w), g in zip(model.params.items(), gradients):
                momenta[key] = MOMENTUM * momenta.get(key, 0) + g
                w -= rate * momenta[key]
    print(f"{name:24} {sum(w.numel() for w in model.params.values()):9} {losses[0]:.5f} {losses[-1]:.5f}")
    return {"sample": sample, "target": target, "outputs": outputs, "vocabulary": vocabulary, "ragged": ragged,
            "rate": rate, "losses": losses}


def main():
    torch.set_num_threads(2)
    path, wanted = pathlib.Path(__file__).with_name("curves.json"), sys.argv[1:] or list(CASES)
    kept = json.loads(path.read_text())["models"] if sys.argv[1:] else {}
    cases = {name: curve(name, *case) if name in wanted else kept[name] for name, case in CASES.items()
             if name in wanted or name in kept}
    text = json.dumps({"batch": BATCH, "momentum": MOMENTUM, "models": cases}, indent=1)
    path.write_text(text + "\n")


if __name__ == "__main__":
    main()
