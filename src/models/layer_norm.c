/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisation that does not depend on the batch: layer_norm (Ba, Kiros and Hinton 2016) and
 * rms_norm (Zhang and Sennrich 2019) over the last axis, group_norm (Wu and He 2018) and
 * instance_norm (Ulyanov, Vedaldi and Lempitsky 2016) over places and channels. */
#include "models/layer.h"

typedef struct norm_attrs {
    double eps;
    int64_t groups; /* of group_norm */
    bool weight, bias;
} norm_attrs;

static snug_norm_config config_of(const norm_attrs *a)
{
    return (snug_norm_config){.epsilon = a->eps, .no_weight = !a->weight, .no_bias = !a->bias};
}

#define EPS                                                                                        \
    {                                                                                              \
        "eps", LAYER_FLOAT, offsetof(norm_attrs, eps), 1e-12, 1, NULL, "1e-5",                     \
            "added to the variance or mean square"                                                 \
    }
#define BIAS                                                                                       \
    {                                                                                              \
        "bias", LAYER_BOOL, offsetof(norm_attrs, bias), 0, 0, NULL, "true",                        \
            "shift each feature by a learned amount; only with a weight"                           \
    }
#define WEIGHT                                                                                     \
    {                                                                                              \
        "weight", LAYER_BOOL, offsetof(norm_attrs, weight), 0, 0, NULL, "true",                    \
            "scale each feature by a learned factor"                                               \
    }

static snug_value *build_layer_norm(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    snug_norm_config config = config_of(attrs);
    return snug_layer_norm_with(b->graph, x, &config, b->name);
}

const snug_layer_kind snug_layer_layer_norm = {
    .info.name = "layer_norm",
    .info.doc = "normalise each row over its last axis to mean 0 and variance 1, then scale and "
                "shift",
    .prefix = "ln",
    .keys = (const snug_layer_key[]){EPS, WEIGHT, BIAS, {0}},
    .attrs_bytes = sizeof(norm_attrs),
    .build = build_layer_norm,
    .grows = snug_layer_grows_always,
};

static snug_value *build_rms_norm(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    snug_norm_config config = config_of(attrs);
    return snug_rms_norm_with(b->graph, x, &config, b->name);
}

const snug_layer_kind snug_layer_rms_norm = {
    .info.name = "rms_norm",
    .info.doc = "divide each row by the root mean square of its last axis, then scale",
    .prefix = "rms",
    .keys = (const snug_layer_key[]){EPS, WEIGHT, {0}},
    .attrs_bytes = sizeof(norm_attrs),
    .build = build_rms_norm,
    .grows = snug_layer_grows_always,
};

/* Samples, places if any, channels. */
static snug_value *build_group_norm(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const norm_attrs *a = attrs;
    snug_norm_config config = config_of(a);
    return snug_group_norm_with(b->graph, x, a->groups, &config, b->name);
}

const snug_layer_kind snug_layer_group_norm = {
    .info.name = "group_norm",
    .info.doc = "normalise groups of channels of each sample to mean 0 and variance 1, then scale "
                "and shift",
    .prefix = "gn",
    .keys = (const snug_layer_key[]){{"groups", LAYER_INT, offsetof(norm_attrs, groups), 1, 1 << 16,
                                      NULL, NULL, "groups of channels; they divide the channels"},
                                     EPS,
                                     WEIGHT,
                                     BIAS,
                                     {0}},
    .attrs_bytes = sizeof(norm_attrs),
    .build = build_group_norm,
};

const snug_layer_kind snug_layer_instance_norm = {
    .info.name = "instance_norm",
    .info.doc = "normalise each channel of each sample to mean 0 and variance 1, then scale and "
                "shift",
    .prefix = "inorm",
    .keys = (const snug_layer_key[]){EPS, WEIGHT, BIAS, {0}},
    .attrs_bytes = sizeof(norm_attrs),
    .build = build_group_norm, /* no groups: each channel is one */
};
