/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling of images. */
#include "models/layer.h"

enum { STRIDE_KERNEL = -1 };

typedef struct max_pool_attrs {
    int64_t kernel, stride;
} max_pool_attrs;

static snug_value *build_max(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const max_pool_attrs *a = attrs;
    if (snug_layer_rank(x) != 4)
        return snug_layer_refuse(b, x, "images [N, height, width, channels]",
                                 "it belongs before `- flatten`, and tables need linear layers");
    int64_t stride = a->stride == STRIDE_KERNEL ? a->kernel : a->stride;
    return snug_max_pool2d(b->graph, x, a->kernel, stride);
}

static const char *const stride_words[] = {"kernel", NULL};

static const snug_layer_key max_keys[] = {{"kernel", LAYER_INT, offsetof(max_pool_attrs, kernel), 1,
                                           15, NULL, "2", "height and width of the window"},
                                          {"stride", LAYER_INT, offsetof(max_pool_attrs, stride), 1,
                                           255, stride_words, "kernel",
                                           "step of the window; `kernel`: windows side by side"},
                                          {0}};

const snug_layer_kind snug_layer_max_pool = {
    .info.name = "max_pool",
    .info.doc =
        "the largest value of each window of an image; windows that do not fit are left out",
    .keys = max_keys,
    .attrs_bytes = sizeof(max_pool_attrs),
    .build = build_max,
};

static snug_value *build_global_avg(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    (void)attrs;
    if (snug_layer_rank(x) != 4)
        return snug_layer_refuse(b, x, "images [N, height, width, channels]",
                                 "it belongs before `- flatten`, and tables need linear layers");
    return snug_global_avg_pool(b->graph, x);
}

const snug_layer_kind snug_layer_global_avg_pool = {
    .info.name = "global_avg_pool",
    .info.doc =
        "the mean of each channel of an image: [N, height, width, channels] to [N, channels]",
    .build = build_global_avg,
};
