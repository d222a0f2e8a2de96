#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes ops_conv.safetensors: dilated, depthwise and transposed convolutions, pooling, resizing. See golden.py."""
import torch
import torch.nn.functional as F
from golden import add, gradients, nchw, nhwc, normal, save


def gradients_of(x, w, y, dy, sample):
    """The weights' gradient by one sample, flat."""
    only = torch.zeros_like(dy)
    only[sample] = dy[sample]
    return torch.autograd.grad(y, w, only, retain_graph=True)[0].flatten()


def convolution(words, size, kernel, stride, pad, dilation, groups):
    """kernel: height, width, filters; pad: top, bottom, left, right."""
    kh, kw, filters = kernel
    top, bottom, left, right = pad
    x = normal(*size).requires_grad_()
    w = normal(kh, kw, size[3] // groups, filters).requires_grad_()
    y = nhwc(F.conv2d(F.pad(nchw(x), (left, right, top, bottom)), w.permute(3, 2, 0, 1), None, stride,
                      0, dilation, groups))
    attrs = dict(stride_h=stride[0], stride_w=stride[1], dilation_h=dilation[0],
                 dilation_w=dilation[1], pad_top=top, pad_bottom=bottom, pad_left=left,
                 pad_right=right, groups=groups)
    dy, (dx, dw) = gradients(y, [x, w])
    add(f"conv2d:{words}", [x, w], [y], "10", **attrs)
    add(f"conv2d_grad_input:{words}", [dy, w], [dx], "10", in_h=size[1], in_w=size[2], **attrs)
    add(f"conv2d_grad_weight:{words}", [x, dy], [dw], "11", kernel_h=kh, kernel_w=kw, **attrs)
    each = [gradients_of(x, w, y, dy, i) for i in range(size[0])]
    add(f"conv2d_grad_weight_each:{words}", [x, dy], [torch.stack(each)], "11", kernel_h=kh, kernel_w=kw, **attrs)


def convolutions():
    convolution("dilated", (3, 9, 8, 3), (3, 2, 4), (1, 1), (2, 2, 2, 2), (2, 3), 1)
    convolution("causal", (3, 1, 12, 3), (1, 3, 5), (1, 1), (0, 0, 8, 0), (1, 4), 1)
    convolution("dilated with a stride", (2, 9, 13, 4), (3, 4, 6), (3, 4), (1, 0, 7, 2), (2, 6), 2)
    convolution("depthwise stride", (2, 9, 8, 19), (3, 3, 19), (2, 2), (0, 1, 1, 1), (1, 1), 19)
    convolution("depthwise dilated", (2, 9, 8, 5), (2, 3, 5), (1, 2), (1, 2, 3, 0), (3, 2), 5)
    convolution("depthwise twice", (2, 5, 6, 3), (3, 3, 6), (1, 1), (1, 1, 1, 1), (1, 1), 3)


def transposes():
    for words, size, kernel, stride, pad, more, dilation, groups in [
            ("double", (2, 4, 5, 3), (4, 4, 2), (2, 2), 1, (0, 0), (1, 1), 1),
            ("output padding", (3, 3, 4, 4), (3, 2, 6), (2, 3), 1, (1, 2), (1, 2), 2)]:
        kh, kw, filters = kernel
        x = normal(*size).requires_grad_()
        w = normal(kh, kw, filters // groups, size[3]).requires_grad_()
        y = nhwc(F.conv_transpose2d(nchw(x), w.permute(3, 2, 0, 1), None, stride, pad, more, groups, dilation))
        attrs = dict(stride_h=stride[0], stride_w=stride[1], dilation_h=dilation[0], dilation_w=dilation[1],
                     pad_top=pad, pad_bottom=pad, pad_left=pad, pad_right=pad, groups=groups)
        add(f"conv_transpose2d:{words}", [x, w], [y], "10", in_h=y.shape[1], in_w=y.shape[2], **attrs)


def pools():
    for words, size, kernel, stride, pad, count in [
            ("two", (3, 5, 6, 3), (2, 2), (2, 2), (0, 0), 1), ("overlap", (2, 7, 8, 5), (3, 3), (2, 2), (1, 1), 0),
            ("counted", (2, 7, 8, 5), (3, 2), (2, 1), (1, 1), 1)]:
        x = normal(*size).requires_grad_()
        y = nhwc(F.avg_pool2d(nchw(x), kernel, stride, pad, count_include_pad=bool(count)))
        attrs = dict(kernel_h=kernel[0], kernel_w=kernel[1], stride_h=stride[0], stride_w=stride[1], pad_top=pad[0],
                     pad_bottom=pad[0], pad_left=pad[1], pad_right=pad[1], count_pad=count)
        dy, (dx,) = gradients(y, [x])
        add(f"avg_pool2d:{words}", [x], [y], "1", **attrs)
        add(f"avg_pool2d_grad:{words}", [dy], [dx], "1", in_h=size[1], in_w=size[2], **attrs)


def sizes():
    """Bins and resizing, to more and to fewer pixels."""
    for words, size, to in [("fewer", (2, 7, 5, 3), (3, 2)), ("more", (2, 3, 4, 5), (8, 6)), ("twice", (2, 4, 3, 2), (8, 6))]:
        x = normal(*size).requires_grad_()
        out, back = dict(out_h=to[0], out_w=to[1]), dict(in_h=size[1], in_w=size[2])
        y = nhwc(F.adaptive_avg_pool2d(nchw(x), to))
        dy, (dx,) = gradients(y, [x])
        add(f"adaptive_avg_pool2d:{words}", [x], [y], "1", **out)
        add(f"adaptive_avg_pool2d_grad:{words}", [dy], [dx], "1", **back)
        for mode, attrs, how in [("nearest", {}, {}), ("bilinear", {"mode": 1}, {"align_corners": False}),
                                 ("corners", {"mode": 1, "corners": 1}, {"align_corners": True})]:
            y = nhwc(F.interpolate(nchw(x), to, mode="bilinear" if how else "nearest", **how))
            dy, (dx,) = gradients(y, [x])
            add(f"resize2d:{mode} {words}", [x], [y], "1", **out, **attrs)
            add(f"resize2d_grad:{mode} {words}", [dy], [dx], "1", **back, **attrs)


convolutions()
transposes()
pools()
sizes()
save(__file__)
