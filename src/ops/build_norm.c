/* SPDX-License-Identifier: Apache-2.0 */
/* Builders of normalisation: their parameters NAME.weight (ones) and NAME.bias (zeros), and the
 * running statistics of batch_norm. */
#include "ops/build.h"

/* NAME.weight and NAME.bias of x's last axis behind x in in[]; how many inputs there are then. */
static int norm_params(snug_graph *g, const snug_norm_config *config, const char *name,
                       snug_value **in, bool has_bias)
{
    int64_t n_channels = snug_shape_last(&in[0]->type.shape);
    snug_type type = fixed_type(in[0]->type.dtype, 1, &n_channels);
    int n = 1;
    if (config->no_weight) return n;
    in[n++] = channel_param(g, name, "weight", type, SNUG_INIT_ONE);
    if (has_bias && !config->no_bias)
        in[n++] = channel_param(g, name, "bias", type, SNUG_INIT_ZERO);
    return n;
}

static const snug_norm_config defaults;

static double or_epsilon(const snug_norm_config *config)
{
    return config->epsilon > 0 ? config->epsilon : 1e-5;
}

/* Over the last axis: layer_norm or rms_norm. */
static snug_value *norm_rows(snug_graph *g, const snug_op *op, snug_value *x,
                             const snug_norm_config *config, const char *name)
{
    if (!layer_fits(g, x, name, 1, 1)) return NULL;
    if (!config) config = &defaults;
    snug_value *in[3] = {x};
    snug_layer_norm_attrs attrs = {.epsilon = or_epsilon(config)};
    int n = norm_params(g, config, name, in, op == &snug_op_layer_norm);
    return snug_apply(g, op, name, &attrs, n, in);
}

snug_value *snug_layer_norm(snug_graph *g, snug_value *x, const char *name)
{
    return norm_rows(g, &snug_op_layer_norm, x, NULL, name);
}

snug_value *snug_layer_norm_with(snug_graph *g, snug_value *x, const snug_norm_config *config,
                                 const char *name)
{
    return norm_rows(g, &snug_op_layer_norm, x, config, name);
}

snug_value *snug_rms_norm(snug_graph *g, snug_value *x, const char *name)
{
    return norm_rows(g, &snug_op_rms_norm, x, NULL, name);
}

snug_value *snug_rms_norm_with(snug_graph *g, snug_value *x, const snug_norm_config *config,
                               const char *name)
{
    return norm_rows(g, &snug_op_rms_norm, x, config, name);
}

snug_value *snug_group_norm_with(snug_graph *g, snug_value *x, int64_t groups,
                                 const snug_norm_config *config, const char *name)
{
    if (!layer_fits(g, x, name, 2, 1)) return NULL;
    if (!config) config = &defaults;
    snug_value *in[3] = {x};
    snug_group_norm_attrs attrs = {.groups = groups, .epsilon = or_epsilon(config)};
    int n = norm_params(g, config, name, in, true);
    return snug_apply(g, &snug_op_group_norm, name, &attrs, n, in);
}

snug_value *snug_group_norm(snug_graph *g, snug_value *x, int64_t groups, const char *name)
{
    return snug_group_norm_with(g, x, groups, NULL, name);
}

static snug_value *running(snug_graph *g, const char *name, const char *part, snug_type type,
                           snug_init_kind init)
{
    char buf[NAME_BYTES];
    return snug_buffer(g, part_name(buf, name, part), type, (snug_init){.kind = init});
}

snug_value *snug_batch_norm_with(snug_graph *g, snug_value *x, const snug_norm_config *config,
                                 const char *name)
{
    if (!layer_fits(g, x, name, 2, 1)) return NULL;
    if (!config) config = &defaults;
    int64_t n_channels = snug_shape_last(&x->type.shape);
    snug_type type = fixed_type(x->type.dtype, 1, &n_channels);
    snug_value *in[] = {x, channel_param(g, name, "weight", type, SNUG_INIT_ONE),
                        channel_param(g, name, "bias", type, SNUG_INIT_ZERO),
                        running(g, name, "running_mean", type, SNUG_INIT_ZERO),
                        running(g, name, "running_var", type, SNUG_INIT_ONE)};
    snug_batch_norm_attrs attrs = {.momentum = config->momentum > 0 ? config->momentum : 0.1,
                                   .epsilon = or_epsilon(config)};
    if (g->mode == SNUG_MODE_EVAL)
        return snug_apply(g, &snug_op_batch_norm_inference, name, &attrs, 5, in);
    snug_value *out[SNUG_MAX_OUT];
    if (snug_apply_all(g, &snug_op_batch_norm, name, &attrs, 5, in, out) != SNUG_OK) return NULL;
    snug_assign(g, in[3], out[3]);
    snug_assign(g, in[4], out[4]);
    return out[0];
}

snug_value *snug_batch_norm(snug_graph *g, snug_value *x, const char *name)
{
    return snug_batch_norm_with(g, x, NULL, name);
}
