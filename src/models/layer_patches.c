/* SPDX-License-Identifier: Apache-2.0 */
/* Images as positions (Dosovitskiy et al. 2021): patches cuts an image into squares and makes a
 * vector of each; class_token puts a learned one before them, which gathers what the image is;
 * first_step takes it out again. */
#include "models/layer.h"
#include "ops/build.h"

/* ---- patches ----------------------------------------------------------------------------------
 */

typedef struct patches_attrs {
    int64_t size, width;
} patches_attrs;

static snug_value *build_patches(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const patches_attrs *a = attrs;
    const int64_t *dim = x->type.shape.dim;
    if (snug_layer_rank(x) != 4 || dim[1] % a->size != 0 || dim[2] % a->size != 0)
        return snug_layer_refuse(b, x, "images [N, height, width, channels] of whole patches",
                                 "choose a size that divides height and width");
    const snug_conv2d_config config = {
        .filters = a->width, .kernel = {a->size, a->size}, .stride = {a->size, a->size}};
    int64_t tokens[] = {dim[1] / a->size * (dim[2] / a->size), a->width};
    return snug_reshape(b->graph, snug_conv2d(b->graph, x, &config, b->name), 2, tokens);
}

static const snug_layer_key patches_keys[] = {{"size", LAYER_INT, offsetof(patches_attrs, size), 1,
                                               1024, NULL, NULL, "height and width of a patch"},
                                              {"width", LAYER_INT, offsetof(patches_attrs, width),
                                               1, 1 << 16, NULL, NULL, "features of a patch"},
                                              {0}};

const snug_layer_kind snug_layer_patches = {
    .info.name = "patches",
    .info.doc = "squares of an image as positions: [N, height, width, channels] to [N, patches, "
                "width]",
    .prefix = "patches",
    .keys = patches_keys,
    .attrs_bytes = sizeof(patches_attrs),
    .build = build_patches,
};

/* ---- class_token ------------------------------------------------------------------------------
 */

typedef struct class_token_attrs {
    double std;
} class_token_attrs;

/* Zeros before and after the elements of one axis. */
static snug_value *pad_axis(snug_graph *g, snug_value *x, int axis, int64_t before, int64_t after)
{
    snug_pad_attrs a = {.mode = PAD_CONSTANT};
    a.before[axis] = before, a.after[axis] = after;
    return apply1(g, &snug_op_pad, &a, x);
}

/* Zeros in front of the positions, to which the token is added, a bias of the whole sample. */
static snug_value *build_class_token(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const class_token_attrs *a = attrs;
    snug_graph *g = b->graph;
    if (snug_layer_rank(x) != 3)
        return snug_layer_refuse(b, x, "positions [N, T, features]",
                                 "it belongs behind `- patches` or `- embedding`");
    char buf[NAME_BYTES];
    int64_t width = x->type.shape.dim[2], dim[] = {x->type.shape.dim[1] + 1, width};
    int64_t all = dim[0] * width;
    snug_value *w = snug_param(g, part_name(buf, b->name, "weight"),
                               fixed_type(x->type.dtype, 2, (int64_t[]){1, width}),
                               (snug_init){.kind = SNUG_INIT_NORMAL, .a = a->std});
    snug_value *front = snug_reshape(g, pad_axis(g, w, 0, 0, dim[0] - 1), 1, &all);
    snug_value *behind = snug_reshape(g, pad_axis(g, x, 1, 1, 0), 1, &all);
    return snug_reshape(g, apply_named(g, &snug_op_bias_add, b->name, behind, front), 2, dim);
}

const snug_layer_kind snug_layer_class_token = {
    .info.name = "class_token",
    .info.doc = "put a learned vector before the positions: [N, T, features] to [N, T + 1, "
                "features]",
    .prefix = "token",
    .keys = (const snug_layer_key[]){{"std", LAYER_FLOAT, offsetof(class_token_attrs, std), 0, 100,
                                      NULL, "0.02", "standard deviation of the first vector"},
                                     {0}},
    .attrs_bytes = sizeof(class_token_attrs),
    .build = build_class_token,
};

/* ---- first_step -------------------------------------------------------------------------------
 */

static snug_value *build_first(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    (void)attrs;
    if (snug_layer_rank(x) != 3)
        return snug_layer_refuse(b, x, "positions or steps [N, T, features]",
                                 "it belongs behind layers that make them");
    return snug_reshape(b->graph, snug_slice(b->graph, x, 1, 0, 1), 1, &x->type.shape.dim[2]);
}

const snug_layer_kind snug_layer_first_step = {
    .info.name = "first_step",
    .info.doc = "the first position or step of each sample: [N, T, features] to [N, features]",
    .build = build_first,
};
