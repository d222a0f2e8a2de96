/* SPDX-License-Identifier: Apache-2.0 */
/* conv1d: convolution along the steps of sequences [N, T, C], as one over images of one row. */
#include "models/layer.h"

enum { PAD_SAME = -1, PAD_VALID = -2, PAD_CAUSAL = -3 };

typedef struct conv1d_attrs {
    int64_t filters, kernel, stride;
    int64_t padding; /* PAD_..., or as many on each side */
    int64_t dilation, groups;
    bool bias;
} conv1d_attrs;

static snug_value *build(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const conv1d_attrs *a = attrs;
    if (snug_layer_rank(x) != 3)
        return snug_layer_refuse(b, x, "sequences [N, steps, channels]",
                                 "`- reshape` makes them of rows");
    const snug_shape in = snug_value_type(x).shape;
    int64_t row[] = {1, in.dim[1], in.dim[2]}, pad = a->padding > 0 ? a->padding : 0;
    int64_t before = a->padding == PAD_CAUSAL ? (a->kernel - 1) * a->dilation : pad;
    snug_conv2d_config config = {.filters = a->filters,
                                 .kernel = {1, a->kernel},
                                 .stride = {1, a->stride},
                                 .pad = {0, 0, before, pad},
                                 .same = a->padding == PAD_SAME,
                                 .groups = a->groups,
                                 .no_bias = !a->bias,
                                 .dilation = {1, a->dilation}};
    snug_value *y = snug_conv2d(b->graph, snug_reshape(b->graph, x, 3, row), &config, b->name);
    if (!y) return NULL;
    const snug_shape out = snug_value_type(y).shape;
    if (b->lengths && out.dim[2] != in.dim[1])
        return snug_layer_refuse(b, x, "`padding: same` or `causal` and a stride of 1",
                                 "samples here have lengths of their own, counted in steps");
    return snug_reshape(b->graph, y, 2, out.dim + 2);
}

static const char *const padding_words[] = {"same", "valid", "causal", NULL};

static const snug_layer_key keys[] = {
    {"filters", LAYER_INT, offsetof(conv1d_attrs, filters), 1, 1 << 20, NULL, NULL,
     "channels of the result"},
    {"kernel", LAYER_INT, offsetof(conv1d_attrs, kernel), 1, 1 << 16, NULL, "3",
     "steps of the window"},
    {"stride", LAYER_INT, offsetof(conv1d_attrs, stride), 1, 1 << 16, NULL, "1",
     "step of the window"},
    {"padding", LAYER_INT, offsetof(conv1d_attrs, padding), 0, 1 << 16, padding_words, "same",
     "zeros around: `same` (result of steps / stride, rounded up), `valid` (none), `causal` (all "
     "before, so that no step sees a later one), or how many on each side"},
    {"dilation", LAYER_INT, offsetof(conv1d_attrs, dilation), 1, 1 << 16, NULL, "1",
     "how far apart the steps of the window lie"},
    {"groups", LAYER_INT, offsetof(conv1d_attrs, groups), 1, 1 << 16, NULL, "1",
     "groups of channels that do not mix"},
    {"bias", LAYER_BOOL, offsetof(conv1d_attrs, bias), 0, 0, NULL, "true",
     "add a bias to each channel; of no use before batch_norm"},
    {0}};

const snug_layer_kind snug_layer_conv1d = {
    .info.name = "conv1d",
    .info.doc = "convolution along sequences [N, steps, channels]",
    .prefix = "conv1d_",
    .keys = keys,
    .attrs_bytes = sizeof(conv1d_attrs),
    .build = build,
};
