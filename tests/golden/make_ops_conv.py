#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes ops_conv.safetensors: dilated, depthwise and transposed convolutions, pooling, resizing. See golden.py."""
import torch.nn.functional as F
from golden import add, gradients, nchw, nhwc, normal, save


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


convolutions()
transposes()
save(__file__)
