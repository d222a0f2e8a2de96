/* SPDX-License-Identifier: Apache-2.0 */
/* Builders of recurrent layers: for each layer and direction one product with the inputs of all
 * steps, then the operator that walks them. Parameters are named as PyTorch names them. */
#include "ops/build.h"
#include "ops/recurrent.h"

/* What differs between the kinds. */
typedef struct recurrent_kind {
    const snug_op *op;
    int n_gates;
    bool bias_hn; /* the third gate's own bias, inside the reset gate */
} recurrent_kind;

static const recurrent_kind lstm = {&snug_op_lstm, 4, false};
static const recurrent_kind gru = {&snug_op_gru, 3, true};
static const recurrent_kind rnn = {&snug_op_rnn, 1, false};

/* One layer in one direction. */
typedef struct direction {
    const recurrent_kind *kind;
    const snug_recurrent_config *config;
    const char *name;
    int layer;
    bool reverse;
} direction;

/* NAME.PART_l0, NAME.PART_l0_reverse; uniform in 1 / sqrt(units), as PyTorch begins. */
static snug_value *param(snug_graph *g, const direction *d, const char *part, snug_type type)
{
    char tail[64], name[NAME_BYTES];
    bool bias = type.shape.n_dims == 1;
    snprintf(tail, sizeof tail, "%s_l%d%s", part, d->layer, d->reverse ? "_reverse" : "");
    snug_init init = {.kind = SNUG_INIT_UNIFORM, .a = 1 / sqrt((double)d->config->units)};
    if (bias) init = (snug_init){.kind = SNUG_INIT_ZERO};
    return snug_param(g, part_name(name, d->name, tail), type, init);
}

/* y and the state after the last step, into out[0] and out[1]. */
static snug_status apply_direction(snug_graph *g, const direction *d, snug_value *x,
                                   snug_value *out[SNUG_MAX_OUT])
{
    int64_t units = d->config->units, wide = units * d->kind->n_gates;
    snug_dtype dtype = x->type.dtype;
    int64_t ih[] = {snug_shape_last(&x->type.shape), wide}, hh[] = {units, wide};
    snug_value *in[] = {x, param(g, d, "weight_ih", fixed_type(dtype, 2, ih)),
                        param(g, d, "bias", fixed_type(dtype, 1, &wide))};
    snug_value *w_hh = param(g, d, "weight_hh", fixed_type(dtype, 2, hh));
    snug_value *bias_hn = NULL;
    if (d->kind->bias_hn) bias_hn = param(g, d, "bias_hn", fixed_type(dtype, 1, &units));
    if (!in[1] || !in[2] || !w_hh) return g->error.status;
    snug_value *z = snug_apply(g, &snug_op_matmul, NULL, NULL, 3, in);
    if (!z) return g->error.status;
    snug_recurrent_attrs a = {.reverse = d->reverse, .relu = d->config->relu};
    snug_value *walk[SNUG_MAX_IN] = {z, w_hh};
    int n = 2;
    if (bias_hn) walk[n++] = bias_hn;
    if (d->config->lengths) walk[n++] = d->config->lengths;
    a.lengths = d->config->lengths != NULL;
    return snug_apply_all(g, d->kind->op, NULL, &a, n, walk, out);
}

/* One layer of one or two directions, side by side. */
static snug_status apply_layer(snug_graph *g, direction d, snug_value **x, snug_value **last)
{
    snug_value *forth[SNUG_MAX_OUT] = {NULL}, *back[SNUG_MAX_OUT] = {NULL};
    snug_value *from = *x;
    TRY(apply_direction(g, &d, from, forth));
    *x = forth[0], *last = forth[1];
    if (!d.config->bidirectional) return SNUG_OK;
    d.reverse = true;
    TRY(apply_direction(g, &d, from, back));
    *x = snug_concat(g, 2, (snug_value *[]){forth[0], back[0]}, 2);
    *last = snug_concat(g, 2, (snug_value *[]){forth[1], back[1]}, 1);
    return *x && *last ? SNUG_OK : g->error.status;
}

static snug_status check_series(const snug_value *x, const char *name)
{
    char text[SNUG_SHAPE_TEXT];
    CHECK(x->type.shape.n_dims == 3, SNUG_ESHAPE, "'%s': the input is %s, but must be [N, T, C]",
          name, snug_shape_text(&x->type.shape, text, sizeof text));
    return SNUG_OK;
}

static snug_value *build(snug_graph *g, const recurrent_kind *kind, snug_value *x,
                         const snug_recurrent_config *config, const char *name, snug_value **last)
{
    snug_value *end = NULL;
    if (!config || !layer_fits(g, x, name, 3, config->units)) return NULL;
    snug_status s = check_series(x, name);
    if (s != SNUG_OK) {
        snug_graph_fail(g, s);
        return NULL;
    }
    for (int i = 0; i < config->layers || i == 0; i++) {
        direction d = {.kind = kind, .config = config, .name = name, .layer = i};
        if (i > 0) x = snug_dropout(g, x, config->dropout);
        if (!x || apply_layer(g, d, &x, &end) != SNUG_OK) return NULL;
    }
    if (last) *last = end;
    return x;
}

snug_value *snug_lstm(snug_graph *g, snug_value *x, const snug_recurrent_config *config,
                      const char *name, snug_value **last)
{
    return build(g, &lstm, x, config, name, last);
}

snug_value *snug_gru(snug_graph *g, snug_value *x, const snug_recurrent_config *config,
                     const char *name, snug_value **last)
{
    return build(g, &gru, x, config, name, last);
}

snug_value *snug_rnn(snug_graph *g, snug_value *x, const snug_recurrent_config *config,
                     const char *name, snug_value **last)
{
    return build(g, &rnn, x, config, name, last);
}

snug_value *snug_over_time(snug_graph *g, snug_value *x, snug_over_time_kind kind,
                           snug_value *lengths)
{
    static const snug_op *const ops[] = {&snug_op_sequence_last, &snug_op_sequence_mean,
                                         &snug_op_sequence_max};
    if (!g || !x) return NULL;
    return snug_apply(g, ops[kind], NULL, NULL, lengths ? 2 : 1, (snug_value *[]){x, lengths});
}

snug_value *snug_mask_padding(snug_graph *g, snug_value *x, snug_value *lengths)
{
    return lengths ? apply2(g, &snug_op_sequence_mask, x, lengths) : x;
}
