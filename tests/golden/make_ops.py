#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes ops.safetensors: the operators of the first models. See golden.py."""
import torch
import torch.nn.functional as F
from golden import add, as_numpy, gradients, nchw, nhwc, normal, positive, save


def products():
    for words, ta, tb, bias in [("plain", 0, 0, 0), ("bias", 0, 0, 1), ("trans_b", 0, 1, 0),
                                ("trans_a", 1, 0, 0), ("trans_ab", 1, 1, 0)]:
        a, b, c = normal(7, 19), normal(19, 5), normal(5)
        y = a @ b + (c if bias else 0)
        inputs = [a.T if ta else a, b.T if tb else b] + ([c] if bias else [])
        marks = {"trans_a": "00", "trans_ab": "00"}.get(words, "10" + "0" * bias)
        add(f"matmul:{words}", inputs, [y], marks, trans_a=ta, trans_b=tb)
    a, b, c = normal(3, 4, 6), normal(6, 5), normal(5)
    add("matmul:rank 3", [a, b], [a @ b], "10")
    add("matmul:gelu", [a, b, c], [F.gelu(a @ b + c)], "100", act=3)
    add("matmul:relu", [a, b, c], [F.relu(a @ b + c)], "100", act=1)
    x, dy = normal(7, 4, 6), normal(7, 4, 3)
    add("matmul:weights", [x, dy], [x.reshape(28, 6).T @ dy.reshape(28, 3)], "11", trans_a=1)
    x, b = normal(7, 2, 5), normal(5)
    add("bias_add:image", [x, b], [x + b], "10")
    add("sum_rows:image", [x], [x.sum((0, 1))], "1")


def convolutions():
    for words, size, kernel, stride, pad, groups, bias, act in [
            ("valid", (7, 6, 5, 3), (3, 2, 4), (1, 1), (0, 0, 0, 0), 1, False, 0),
            ("same", (3, 5, 7, 3), (3, 3, 5), (1, 1), (1, 1, 1, 1), 1, True, 0),
            ("relu", (3, 5, 7, 3), (3, 3, 5), (1, 1), (1, 1, 1, 1), 1, True, 1),
            ("stride", (2, 8, 6, 3), (3, 3, 4), (2, 2), (0, 1, 0, 1), 1, True, 0),
            ("lopsided", (2, 7, 8, 2), (3, 2, 3), (2, 3), (2, 0, 0, 1), 1, False, 0),
            ("point", (3, 5, 4, 3), (1, 1, 9), (2, 2), (0, 0, 0, 0), 1, False, 0),
            ("five", (2, 6, 6, 2), (5, 5, 3), (1, 1), (2, 2, 2, 2), 1, True, 0),
            ("groups", (2, 5, 4, 6), (3, 3, 4), (1, 1), (1, 1, 1, 1), 2, True, 0),
            ("depthwise", (3, 5, 4, 6), (3, 3, 6), (1, 1), (1, 1, 1, 1), 6, False, 0)]:
        kh, kw, filters = kernel
        top, bottom, left, right = pad
        x, b = normal(*size).requires_grad_(), normal(filters)
        w = normal(kh, kw, size[3] // groups, filters).requires_grad_()
        y = F.conv2d(F.pad(nchw(x), (left, right, top, bottom)), w.permute(3, 2, 0, 1),
                     b if bias else None, stride, 0, 1, groups)
        y = nhwc(y)
        attrs = dict(stride_h=stride[0], stride_w=stride[1], pad_top=top, pad_bottom=bottom,
                     pad_left=left, pad_right=right, groups=groups)
        add(f"conv2d:{words}", [x, w] + ([b] if bias else []), [F.relu(y) if act else y],
            "10" + "0" * bias, act=act, **attrs)
        if act:
            continue
        dy, (dx, dw) = gradients(y, [x, w])
        add(f"conv2d_grad_input:{words}", [dy, w], [dx], "10", in_h=size[1], in_w=size[2], **attrs)
        add(f"conv2d_grad_weight:{words}", [x, dy], [dw], "11", kernel_h=kh, kernel_w=kw, **attrs)


def pools():
    for words, size, kernel, stride in [("two", (3, 5, 6, 3), (2, 2), (2, 2)),
                                        ("overlap", (2, 7, 8, 5), (3, 3), (2, 2)),
                                        ("lopsided", (2, 4, 5, 2), (3, 1), (1, 2))]:
        x = normal(*size).requires_grad_()
        y, at = F.max_pool2d(nchw(x), kernel, stride, return_indices=True)
        y, at = nhwc(y), nhwc(at)
        oy = torch.arange(y.shape[1]).view(1, -1, 1, 1) * stride[0]
        ox = torch.arange(y.shape[2]).view(1, 1, -1, 1) * stride[1]
        place = ((at // size[2] - oy) * kernel[1] + at % size[2] - ox).to(torch.uint8)
        attrs = dict(kernel_h=kernel[0], kernel_w=kernel[1], stride_h=stride[0], stride_w=stride[1])
        dy, (dx,) = gradients(y, [x])
        add(f"max_pool2d:{words}", [x], [y, place], "1", **attrs)
        add(f"max_pool2d_grad:{words}", [dy, place], [dx], "11", in_h=size[1], in_w=size[2], **attrs)
    x = normal(3, 5, 4, 7).requires_grad_()
    y = nhwc(F.adaptive_avg_pool2d(nchw(x), 1)).reshape(3, 7)
    dy, (dx,) = gradients(y, [x])
    add("global_avg_pool:image", [x], [y], "1")
    add("global_avg_pool_grad:image", [dy], [dx], "1", in_h=5, in_w=4)


def norms():
    for words, size, act in [("image", (7, 5, 3, 9), 0), ("rows", (7, 13), 0),
                             ("relu", (3, 4, 5, 6), 1)]:
        c = size[-1]
        x = normal(*size).requires_grad_()
        gamma, beta = positive(c).requires_grad_(), normal(c).requires_grad_()
        old_mean, old_var = normal(c), positive(c)
        mean, var = old_mean.clone(), old_var.clone()
        flat = x.reshape(-1, c)
        y = F.batch_norm(flat, mean, var, gamma, beta, True, 0.1, 1e-5).reshape(size)
        y = F.relu(y) if act else y
        at, inv = flat.mean(0), 1 / torch.sqrt(flat.var(0, unbiased=False) + 1e-5)
        dy, grads = gradients(y, [x, gamma, beta])
        add(f"batch_norm:{words}", [x, gamma, beta, old_mean, old_var], [y, at, inv, mean, var],
            "10000", act=act)
        add(f"batch_norm_grad:{words}", [x, dy, gamma, beta, at, inv], grads, "110000", act=act)
        fixed = F.batch_norm(flat, old_mean, old_var, gamma, beta, False, 0.1, 1e-5).reshape(size)
        add(f"batch_norm_inference:{words}", [x, gamma, beta, old_mean, old_var],
            [F.relu(fixed) if act else fixed], "10000", act=act)
    conv, norm = torch.nn.Conv2d(2, 5, 3).double(), torch.nn.BatchNorm2d(5).double().eval()
    with torch.no_grad():
        for t in [*conv.parameters(), *norm.parameters(), norm.running_mean]:
            t.copy_(normal(*t.shape))
        norm.running_var.copy_(positive(5))
    both = torch.nn.utils.fusion.fuse_conv_bn_eval(conv.eval(), norm)
    back = (2, 3, 1, 0)
    add("batch_norm_fold:convolution",
        [conv.weight.permute(back), norm.weight, norm.bias, norm.running_mean, norm.running_var,
         conv.bias], [both.weight.permute(back), both.bias], "000000")


def elements():
    a, b, x = normal(7, 3, 5), normal(7, 3, 5), normal(7, 3, 5).requires_grad_()
    add("add:image", [a, b], [a + b], "11")
    add("mul:image", [a, b], [a * b], "11")
    add("reshape:flatten", [a], [a.reshape(7, 15)], "1", n_dims=1, dim0=15)
    for name, f in [("relu", F.relu), ("gelu", F.gelu)]:
        y = f(x)
        dy, (dx,) = gradients(y, [x])
        add(f"{name}:image", [x], [y], "1")
        add(f"{name}_grad:image", [dy, y if name == "relu" else x], [dx], "11")
    add("softmax:rows", [a], [torch.softmax(a, -1)], "1")
    large = normal(5, 4) * 80
    add("softmax:large", [large], [torch.softmax(large, -1)], "1")
    add("accumulate:two", [a[0]], [a[0]], "0", n_micro=2)


def losses():
    for words, scale in [("rows", 1), ("large", 60)]:
        x = (normal(7, 11) * scale).requires_grad_()
        labels = torch.randint(0, 11, (7,), dtype=torch.int32)
        loss, d = F.cross_entropy(x, labels.long()), normal(1).reshape(())
        (dx,) = torch.autograd.grad(loss, [x], d)
        p = torch.softmax(x, -1)
        add(f"softmax_cross_entropy:{words}", [x, labels], [loss, p], "11")
        add(f"softmax_cross_entropy_grad:{words}", [p, labels, d], [dx], "110")
    for words, size in [("rows", (7, 5)), ("column", (7, 1))]:
        x, t, d = normal(*size).requires_grad_(), normal(*size), normal(1).reshape(())
        loss = F.mse_loss(x, t)
        (dx,) = torch.autograd.grad(loss, [x], d)
        t = t.reshape(7) if words == "column" else t
        add(f"mse:{words}", [x, t], [loss], "11")
        add(f"mse_grad:{words}", [x, t, d], [dx], "110")


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023, algorithm 2; PyTorch has none of its own."""

    def __init__(self, params, lr, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for w in group["params"]:
                state = self.state[w]
                m = state.setdefault("exp_avg", torch.zeros_like(w))
                w.mul_(1 - group["lr"] * group["weight_decay"])
                w.sub_(group["lr"] * torch.sign(beta1 * m + (1 - beta1) * w.grad))
                m.mul_(beta2).add_(w.grad, alpha=1 - beta2)


def updates():
    """Two steps of PyTorch's optimizers; the second is the case."""
    lr = 0.125
    for op, words, make, attrs in [
            ("sgd_update", "plain", torch.optim.SGD, {}),
            ("sgd_update", "decay", torch.optim.SGD, dict(weight_decay=0.1)),
            ("momentum_update", "plain", torch.optim.SGD, dict(momentum=0.9)),
            ("momentum_update", "decay", torch.optim.SGD, dict(momentum=0.5, weight_decay=0.1)),
            ("momentum_update", "nesterov", torch.optim.SGD,
             dict(momentum=0.75, nesterov=True, weight_decay=0.1)),
            ("rmsprop_update", "plain", torch.optim.RMSprop, {}),
            ("rmsprop_update", "decay", torch.optim.RMSprop, dict(alpha=0.9, weight_decay=0.1)),
            ("adagrad_update", "plain", torch.optim.Adagrad, {}),
            ("adagrad_update", "decay", torch.optim.Adagrad, dict(weight_decay=0.1)),
            ("adadelta_update", "plain", torch.optim.Adadelta, {}),
            ("adadelta_update", "decay", torch.optim.Adadelta, dict(rho=0.75, weight_decay=0.1)),
            ("lion_update", "plain", Lion, {}),
            ("lion_update", "decoupled", Lion, dict(weight_decay=0.1)),
            ("adam_update", "plain", torch.optim.Adam, {}),
            ("adam_update", "decay", torch.optim.Adam, dict(weight_decay=0.1)),
            ("adam_update", "decoupled", torch.optim.AdamW, dict(weight_decay=0.1))]:
        w = torch.nn.Parameter(normal(9, 5))
        optimizer = make([w], lr=lr, **attrs)
        w.grad = normal(9, 5)
        optimizer.step()
        with torch.no_grad():
            w.copy_(w.float().double())
        names = {"sgd_update": [], "momentum_update": ["momentum_buffer"],
                 "rmsprop_update": ["square_avg"], "adagrad_update": ["sum"],
                 "adadelta_update": ["square_avg", "acc_delta"], "lion_update": ["exp_avg"],
                 "adam_update": ["exp_avg", "exp_avg_sq"]}[op]
        moments = [optimizer.state[w][n] for n in names]
        for m in moments:
            m.copy_(m.float().double())
        w.grad = normal(9, 5)
        before = [t.detach().clone() for t in [w, w.grad, *moments]]
        hyper = torch.tensor([lr, 1 - 0.9**2, 1 - 0.999**2, 0], dtype=torch.float64)
        optimizer.step()
        if words == "decoupled":
            attrs = dict(attrs, decoupled=1)
        add(f"{op}:{words}", before + [hyper], [w, *moments], "0" * (len(before) + 1), **attrs)


def clipping():
    w, g = torch.nn.Parameter(normal(6, 4)), normal(6, 4)
    hyper = torch.tensor([1.0, 1, 1, 0], dtype=torch.float64)
    squares = (g * g).sum()
    add("sum_squares:matrix", [g], [squares], "0")
    for words, norm in [("clips", 0.5), ("passes", 100.0)]:
        w.grad = g.clone()
        torch.nn.utils.clip_grad_norm_([w], norm)
        scale = (w.grad / g).mean()
        add(f"clip_scale:{words}", [squares], [scale], "0", max_norm=norm)
        add(f"sgd_update:{words} by norm", [w, g, hyper, scale], [w - w.grad], "0000")
    w.grad = g.clone()
    torch.nn.utils.clip_grad_value_([w], 0.25)
    add("sgd_update:clips by value", [w, g, hyper], [w - w.grad], "000", clip_value=0.25)


for build in (products, convolutions, pools, norms, elements, losses, updates, clipping):
    build()
save(__file__)
