/* SPDX-License-Identifier: Apache-2.0 */
/* conv2d: two-dimensional convolution on [N, H, W, C]. */
#include "models/layer.h"

enum { PAD_SAME = -1, PAD_VALID = -2 };

typedef struct conv2d_attrs {
    int64_t filters, kernel[2], stride[2];
    int64_t padding; /* PAD_SAME, PAD_VALID, or as many on each side */
    int64_t groups;
    bool bias;
} conv2d_attrs;

static snug_value *build(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const conv2d_attrs *a = attrs;
    if (snug_layer_rank(x) != 4)
        return snug_layer_refuse(b, x, "images [N, height, width, channels]",
                                 "it belongs before `- flatten`, and tables need linear layers");
    int64_t pad = a->padding > 0 ? a->padding : 0;
    snug_conv2d_config config = {.filters = a->filters,
                                 .kernel = {a->kernel[0], a->kernel[1]},
                                 .stride = {a->stride[0], a->stride[1]},
                                 .pad = {pad, pad, pad, pad},
                                 .same = a->padding == PAD_SAME,
                                 .groups = a->groups,
                                 .no_bias = !a->bias};
    return snug_conv2d(b->graph, x, &config, b->name);
}

static const char *const padding_words[] = {"same", "valid", NULL};

static const snug_layer_key keys[] = {
    {"filters", LAYER_INT, offsetof(conv2d_attrs, filters), 1, 1 << 16, NULL, NULL,
     "channels of the result"},
    {"kernel", LAYER_PAIR, offsetof(conv2d_attrs, kernel), 1, 255, NULL, "3",
     "window: one number or [height, width]"},
    {"stride", LAYER_PAIR, offsetof(conv2d_attrs, stride), 1, 255, NULL, "1",
     "step of the window: one number or [height, width]"},
    {"padding", LAYER_INT, offsetof(conv2d_attrs, padding), 0, 255, padding_words, "same",
     "zeros around: `same` (result of size / stride, rounded up), `valid` (none), or how many on "
     "each side"},
    {"groups", LAYER_INT, offsetof(conv2d_attrs, groups), 1, 1 << 16, NULL, "1",
     "groups of channels that do not mix; as many as channels: depthwise"},
    {"bias", LAYER_BOOL, offsetof(conv2d_attrs, bias), 0, 0, NULL, "true",
     "add a bias to each channel; of no use before batch_norm"},
    {0}};

const snug_layer_kind snug_layer_conv2d = {
    .info.name = "conv2d",
    .info.doc = "convolution on images [N, height, width, channels]",
    .prefix = "conv",
    .keys = keys,
    .attrs_bytes = sizeof(conv2d_attrs),
    .build = build,
};
