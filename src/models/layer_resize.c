/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that change the size of images without weights: upsample, zero_pad. */
#include "models/layer.h"
#include "ops/ops.h"

typedef struct upsample_attrs {
    int64_t scale[2], mode;
    bool corners;
} upsample_attrs;

static snug_value *build_upsample(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const upsample_attrs *a = attrs;
    if (snug_layer_rank(x) != 4) return snug_layer_refuse_no_image(b, x);
    const snug_shape in = snug_value_type(x).shape;
    const snug_resize2d_attrs r = {.out_h = in.dim[1] * a->scale[0],
                                   .out_w = in.dim[2] * a->scale[1],
                                   .mode = a->mode,
                                   .corners = a->corners};
    return snug_apply(b->graph, &snug_op_resize2d, NULL, &r, 1, &x);
}

static const char *const modes[] = {"nearest", "bilinear", NULL};

static const snug_layer_key upsample_keys[] = {
    {"scale", LAYER_PAIR, offsetof(upsample_attrs, scale), 1, 255, NULL, "2",
     "how many times larger: one number or [height, width]"},
    {"mode", LAYER_ENUM, offsetof(upsample_attrs, mode), 0, 0, modes, "nearest",
     "the nearest pixel, or between the nearest four"},
    {"corners", LAYER_BOOL, offsetof(upsample_attrs, corners), 0, 0, NULL, "false",
     "bilinear: the pixels in the corners stay there"},
    {0}};

const snug_layer_kind snug_layer_upsample = {
    .info.name = "upsample",
    .info.doc = "a larger image",
    .keys = upsample_keys,
    .attrs_bytes = sizeof(upsample_attrs),
    .build = build_upsample,
};

typedef struct zero_pad_attrs {
    int64_t padding[2];
} zero_pad_attrs;

static snug_value *build_zero_pad(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const int64_t *p = ((const zero_pad_attrs *)attrs)->padding;
    if (snug_layer_rank(x) != 4) return snug_layer_refuse_no_image(b, x);
    const snug_pad_attrs a = {.before = {0, p[0], p[1]}, .after = {0, p[0], p[1]}};
    return snug_apply(b->graph, &snug_op_pad, NULL, &a, 1, &x);
}

const snug_layer_kind snug_layer_zero_pad = {
    .info.name = "zero_pad",
    .info.doc = "zeros around an image",
    .keys = (const snug_layer_key[]){{"padding", LAYER_PAIR, offsetof(zero_pad_attrs, padding), 0,
                                      255, NULL, "1",
                                      "how many on each side: one number or [height, width]"},
                                     {0}},
    .attrs_bytes = sizeof(zero_pad_attrs),
    .build = build_zero_pad,
};
