/* SPDX-License-Identifier: Apache-2.0 */
/* From the steps of a series to one row: the last, the mean or the largest of each channel, over
 * the steps that a sample has; and zeros in place of the steps that it has not. */
#include "models/layer.h"

static snug_value *refuse(const snug_layer_build *b, const snug_value *x)
{
    return snug_layer_refuse(b, x, "a series [N, steps, channels]",
                             "recurrent layers before it need `sequence: true`");
}

static snug_value *build(const snug_layer_build *b, snug_value *x, snug_over_time_kind kind)
{
    return snug_layer_rank(x) == 3 ? snug_over_time(b->graph, x, kind, b->lengths) : refuse(b, x);
}

static snug_value *build_last(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    (void)attrs;
    return build(b, x, SNUG_OVER_TIME_LAST);
}

static snug_value *build_mean(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    (void)attrs;
    return build(b, x, SNUG_OVER_TIME_MEAN);
}

static snug_value *build_max(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    (void)attrs;
    return build(b, x, SNUG_OVER_TIME_MAX);
}

static snug_value *build_mask(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    (void)attrs;
    return snug_layer_rank(x) == 3 ? snug_mask_padding(b->graph, x, b->lengths) : refuse(b, x);
}

const snug_layer_kind snug_layer_last_step = {
    .info.name = "last_step",
    .info.doc = "the last step of each series: [N, steps, channels] to [N, channels]",
    .build = build_last,
};

const snug_layer_kind snug_layer_mean_over_time = {
    .info.name = "mean_over_time",
    .info.doc = "the mean of each channel over a series' steps: [N, steps, channels] to [N, "
                "channels]",
    .build = build_mean,
};

const snug_layer_kind snug_layer_max_over_time = {
    .info.name = "max_over_time",
    .info.doc = "the largest value of each channel over a series' steps: [N, steps, channels] to "
                "[N, channels]",
    .build = build_max,
};

const snug_layer_kind snug_layer_mask_padding = {
    .info.name = "mask_padding",
    .info.doc = "zeros behind the last step of series that are shorter than the longest",
    .build = build_mask,
};
