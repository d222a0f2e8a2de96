/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions on images [N, H, W, C]: conv2d; depthwise_conv2d, whose channels do not mix; and
 * conv_transpose2d, which makes images larger. */
#include "models/layer.h"

enum { PAD_SAME = -1, PAD_VALID = -2, FILTERS_OUTPUTS = -1 };

typedef struct conv_attrs {
    int64_t filters, multiplier; /* conv2d; depthwise_conv2d */
    int64_t kernel[2], stride[2];
    int64_t padding; /* PAD_SAME, PAD_VALID, or as many on each side */
    int64_t dilation[2], output_padding[2];
    int64_t groups;
    bool bias;
} conv_attrs;

static snug_conv2d_config config_of(const snug_layer_build *b, const conv_attrs *a)
{
    int64_t pad = a->padding > 0 ? a->padding : 0;
    return (snug_conv2d_config){.filters = a->filters == FILTERS_OUTPUTS ? b->outputs : a->filters,
                                .kernel = {a->kernel[0], a->kernel[1]},
                                .stride = {a->stride[0], a->stride[1]},
                                .pad = {pad, pad, pad, pad},
                                .same = a->padding == PAD_SAME,
                                .groups = a->groups,
                                .no_bias = !a->bias,
                                .dilation = {a->dilation[0], a->dilation[1]},
                                .output_pad = {a->output_padding[0], a->output_padding[1]}};
}

static snug_value *build_conv2d(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    if (snug_layer_rank(x) != 4) return snug_layer_refuse_no_image(b, x);
    const snug_conv2d_config config = config_of(b, attrs);
    return snug_conv2d(b->graph, x, &config, b->name);
}

static snug_value *build_depthwise(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    conv_attrs a = *(const conv_attrs *)attrs;
    if (snug_layer_rank(x) != 4) return snug_layer_refuse_no_image(b, x);
    a.groups = snug_value_type(x).shape.dim[3];
    a.filters = a.groups * a.multiplier;
    const snug_conv2d_config config = config_of(b, &a);
    return snug_conv2d(b->graph, x, &config, b->name);
}

static snug_value *build_transpose(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    if (snug_layer_rank(x) != 4) return snug_layer_refuse_no_image(b, x);
    const snug_conv2d_config config = config_of(b, attrs);
    return snug_conv_transpose2d(b->graph, x, &config, b->name);
}

static const char *const filters_words[] = {"outputs", NULL};
static const char *const padding_words[] = {"same", "valid", NULL};

#define KEY(name, kind, field, ...)                                                                \
    {                                                                                              \
        name, kind, offsetof(conv_attrs, field), __VA_ARGS__                                       \
    }
#define FILTERS                                                                                    \
    KEY("filters", LAYER_INT, filters, 1, 1 << 20, filters_words, NULL,                            \
        "channels of the result; `outputs`: as many as the data needs")
#define GROUPS                                                                                     \
    KEY("groups", LAYER_INT, groups, 1, 1 << 16, NULL, "1", "groups of channels that do not mix")
#define KERNEL                                                                                     \
    KEY("kernel", LAYER_PAIR, kernel, 1, 255, NULL, "3", "window: one number or [height, width]")
#define STRIDE                                                                                     \
    KEY("stride", LAYER_PAIR, stride, 1, 255, NULL, "1",                                           \
        "step of the window: one number or [height, width]")
#define PADDING                                                                                    \
    KEY("padding", LAYER_INT, padding, 0, 255, padding_words, "same",                              \
        "zeros around: `same` (result of size / stride, rounded up), `valid` (none), or how many " \
        "on each side")
#define DILATION                                                                                   \
    KEY("dilation", LAYER_PAIR, dilation, 1, 255, NULL, "1",                                       \
        "how far apart the pixels of the window lie: one number or [height, width]")
#define BIAS                                                                                       \
    KEY("bias", LAYER_BOOL, bias, 0, 0, NULL, "true",                                              \
        "add a bias to each channel; of no use before batch_norm")

static const snug_layer_key conv2d_keys[] = {FILTERS,  KERNEL, STRIDE, PADDING,
                                             DILATION, GROUPS, BIAS,   {0}};

const snug_layer_kind snug_layer_conv2d = {
    .info.name = "conv2d",
    .info.doc = "convolution on images [N, height, width, channels]",
    .prefix = "conv",
    .keys = conv2d_keys,
    .attrs_bytes = sizeof(conv_attrs),
    .build = build_conv2d,
};

static const snug_layer_key depthwise_keys[] = {
    KERNEL,
    STRIDE,
    PADDING,
    DILATION,
    KEY("multiplier", LAYER_INT, multiplier, 1, 255, NULL, "1", "filters of each channel"),
    BIAS,
    {0}};

const snug_layer_kind snug_layer_depthwise_conv2d = {
    .info.name = "depthwise_conv2d",
    .info.doc = "convolution of each channel of an image by itself",
    .prefix = "depthwise",
    .keys = depthwise_keys,
    .attrs_bytes = sizeof(conv_attrs),
    .build = build_depthwise,
};

static const snug_layer_key transpose_keys[] = {
    FILTERS,
    KERNEL,
    STRIDE,
    KEY("padding", LAYER_INT, padding, 0, 255, padding_words, "same",
        "`same` (result of size * stride), `valid` (all that the windows reach), or how many rows "
        "and columns to leave out on each side"),
    KEY("output_padding", LAYER_PAIR, output_padding, 0, 255, NULL, "0",
        "more rows and columns at the end; not with `same`"),
    DILATION,
    GROUPS,
    BIAS,
    {0}};

const snug_layer_kind snug_layer_conv_transpose2d = {
    .info.name = "conv_transpose2d",
    .info.doc = "the transpose of a convolution: with a stride, a larger image",
    .prefix = "conv_transpose",
    .keys = transpose_keys,
    .attrs_bytes = sizeof(conv_attrs),
    .build = build_transpose,
};
