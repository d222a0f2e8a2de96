# SPDX-License-Identifier: Apache-2.0
"""The models of Snug's zoo in plain PyTorch: MODELS has a function for each, on samples of the shape beside it."""
import collections
import math

import torch
from torch import nn
import torch.nn.functional as F


def conv(c_in, c_out, kernel, stride=1, padding=None, groups=1, bias=False, act=nn.ReLU):
    """A convolution, batch normalisation and, where wanted, an activation."""
    padding = kernel // 2 if padding is None else padding
    layers = [nn.Conv2d(c_in, c_out, kernel, stride, padding, groups=groups, bias=bias), nn.BatchNorm2d(c_out)]
    return nn.Sequential(*layers, *([act(inplace=True)] if act else []))


def separable(c_in, c_out, stride=1, bias=False):
    return nn.Sequential(conv(c_in, c_in, 3, stride, groups=c_in, bias=bias), conv(c_in, c_out, 1, bias=bias))


class Residual(nn.Module):
    def __init__(self, body, shortcut=None, act=None):
        super().__init__()
        self.body, self.shortcut, self.act = body, shortcut or nn.Identity(), act or nn.Identity()

    def forward(self, x):
        return self.act(self.body(x) + self.shortcut(x))


def basic_block(c_in, c_out, stride, bias, norm_shortcut):
    body = nn.Sequential(conv(c_in, c_out, 3, stride, bias=bias), conv(c_out, c_out, 3, bias=bias, act=None))
    short = None
    if stride != 1:
        short = (conv(c_in, c_out, 1, stride, act=None) if norm_shortcut else nn.Conv2d(c_in, c_out, 1, stride))
    return Residual(body, short, nn.ReLU(inplace=True))


def head(features, classes):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, classes)]


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(),
                         nn.Linear(512, 10))


def lenet():
    return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(),
                         nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(),
                         nn.Linear(84, 10))


def cnn():
    return nn.Sequential(conv(1, 32, 3), nn.MaxPool2d(2), conv(32, 64, 3), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Dropout(0.3), nn.Linear(3136, 10))


def resnet8():
    blocks = [basic_block(c_in, c_out, stride, True, False)
              for c_in, c_out, stride in ((16, 16, 1), (16, 32, 2), (32, 64, 2))]
    return nn.Sequential(conv(3, 16, 3, bias=True), *blocks, *head(64, 10))


def resnet18():
    blocks = [basic_block(c_in, c_out, c_out // c_in, False, True)
              for c_in, c_out in ((64, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512),
                                  (512, 512))]
    return nn.Sequential(conv(3, 64, 3), *blocks, *head(512, 10))


def dscnn():
    stem = conv(1, 64, (10, 4), 2, padding=(5, 1), bias=True)
    return nn.Sequential(stem, nn.Dropout(0.2), *[separable(64, 64, bias=True) for _ in range(4)], nn.Dropout(0.4),
                         *head(64, 12))


def mobilenetv1():
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + 5 * [(512, 1)] + [(1024, 2), (1024, 1)]
    layers, c_in = [conv(3, 8, 3, 2)], 8
    for filters, stride in plan:
        layers.append(separable(c_in, filters // 4, stride))
        c_in = filters // 4
    return nn.Sequential(*layers, *head(c_in, 2))


def inverted(c_in, expand, c_out, stride):
    inside = c_in * expand
    body = [conv(c_in, inside, 1, act=nn.ReLU6)] if expand > 1 else []
    body += [conv(inside, inside, 3, stride, groups=inside, act=nn.ReLU6), conv(inside, c_out, 1, act=None)]
    return Residual(nn.Sequential(*body)) if stride == 1 and c_in == c_out else nn.Sequential(*body)


def mobilenetv2():
    plan = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    layers, c_in = [conv(3, 32, 3, 2, act=nn.ReLU6)], 32
    for expand, filters, n, stride in plan:
        for i in range(n):
            layers.append(inverted(c_in, expand, filters, 1 if i else stride))
            c_in = filters
    pool, flat, linear = head(1280, 10)
    return nn.Sequential(*layers, conv(320, 1280, 1, act=nn.ReLU6), pool, flat, nn.Dropout(0.2), linear)


def autoencoder():
    layers, width = [], 640
    for units in 4 * [128] + [8] + 4 * [128]:
        layers += [nn.Linear(width, units), nn.BatchNorm1d(units), nn.ReLU(inplace=True)]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, 640))


class Recurrent(nn.Module):
    def __init__(self, channels, units, classes):
        super().__init__()
        self.lstm = nn.LSTM(channels, units, batch_first=True)
        self.linear = nn.Linear(units, classes)

    def forward(self, x):
        return self.linear(self.lstm(x)[0][:, -1])


def lstm():
    return Recurrent(16, 128, 10)


class Attention(nn.Module):
    def __init__(self, width, heads, bias):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=bias), nn.Linear(width, width, bias=bias)

    def forward(self, x):
        n, t, width = x.shape
        q, k, v = (y.view(n, t, self.heads, -1).transpose(1, 2) for y in self.qkv(x).split(width, dim=2))
        return self.out(attend(q, k, v).transpose(1, 2).reshape(n, t, width))


def attend(q, k, v):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    t = q.shape[2]  # before PyTorch 2.0
    scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[3])
    return scores.masked_fill(torch.ones(t, t, dtype=torch.bool).triu(1), -math.inf).softmax(dim=3) @ v


class LayerNorm(nn.LayerNorm):
    """With or without a bias, in any PyTorch."""

    def __init__(self, width, bias):
        super().__init__(width)
        if not bias:
            self.register_parameter("bias", None)


class Gpt(nn.Module):
    def __init__(self, tokens, context, layers, heads, width, bias):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(tokens, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*[nn.Sequential(
            Residual(nn.Sequential(LayerNorm(width, bias), Attention(width, heads, bias))),
            Residual(nn.Sequential(LayerNorm(width, bias), nn.Linear(width, 4 * width, bias=bias), nn.GELU(),
                                   nn.Linear(4 * width, width, bias=bias)))) for _ in range(layers)])
        self.norm = LayerNorm(width, bias)

    def forward(self, x):
        y = self.tokens(x) + self.positions(torch.arange(x.shape[1]))
        return F.linear(self.norm(self.blocks(y)), self.tokens.weight)


def gpt():
    return Gpt(65, 64, 4, 4, 128, False)


def gpt2():
    return Gpt(50257, 1024, 12, 12, 768, True)


def start(model):
    """Snug's first weights: He's, and N(0, 0.02) in transformers."""
    for m in model.modules():
        if isinstance(m, (nn.Linear, nn.Conv2d, nn.Embedding)):
            if isinstance(model, Gpt):
                nn.init.normal_(m.weight, std=0.02)
            else:
                nn.init.kaiming_uniform_(m.weight, nonlinearity="relu")
            if getattr(m, "bias", None) is not None:
                nn.init.zeros_(m.bias)
    return model


# classes 0: the sample itself is the target; channels_last where it is the faster layout; same: Snug's model pads
# strided convolutions as TensorFlow does, which has an odd row below
Model = collections.namedtuple("Model", "make sample classes channels_last same", defaults=[False])
MODELS = {
    "mlp": Model(mlp, (1, 28, 28), 10, False),
    "lenet": Model(lenet, (1, 28, 28), 10, True),
    "cnn": Model(cnn, (1, 28, 28), 10, True),
    "resnet8": Model(resnet8, (3, 32, 32), 10, True, True),
    "resnet18": Model(resnet18, (3, 32, 32), 10, True),
    "dscnn": Model(dscnn, (1, 49, 10), 12, True, True),
    "mobilenetv1": Model(mobilenetv1, (3, 96, 96), 2, True, True),
    "mobilenetv2": Model(mobilenetv2, (3, 96, 96), 10, True),
    "autoencoder": Model(autoencoder, (640,), 0, False),
    "lstm": Model(lstm, (64, 16), 10, False),
    "gpt": Model(gpt, (64,), 65, False),
    "gpt2": Model(gpt2, (64,), 50257, False),
}
TEXT = ("gpt", "gpt2")
