/* SPDX-License-Identifier: Apache-2.0 */
/* The simple recurrent network (Elman 1990). With z = x w_ih + bias of all steps, walking steps t:
 *     h <- act(z + h w_hh), act = tanh or max(., 0);  y[t] = h.
 * Gradients, walking back, dh the sum of dy[t] and what comes from later steps:
 *     dz = dh * act'(z), which follows from y: 1 - y^2, or 1 where y > 0;  dh <- dz w_hh^T. */
#include "ops/cases.h"
#include "ops/recurrent.h"

static const recurrent_form form = {.n_fixed = 2, .n_gates = 1, .h0 = true};
static const recurrent_form grad_form = {.n_fixed = 2, .n_gates = 1};

static const snug_attr attrs[] = {
    ATTR_BOOL(snug_recurrent_attrs, reverse, "walk steps from the last to the first"),
    ATTR_BOOL(snug_recurrent_attrs, initial, "there is an input h0; else it is 0"),
    ATTR_BOOL(snug_recurrent_attrs, lengths, "there is an input lengths"),
    ATTR_BOOL(snug_recurrent_attrs, relu, "max(., 0) in place of tanh"),
    {0}};

static const snug_attr grad_attrs[] = {
    ATTR_BOOL(snug_recurrent_attrs, reverse, "steps were walked from the last to the first"),
    ATTR_BOOL(snug_recurrent_attrs, lengths, "there is an input lengths"),
    ATTR_BOOL(snug_recurrent_attrs, dy, "there is an input dy"),
    ATTR_BOOL(snug_recurrent_attrs, dh, "there is an input dh"),
    ATTR_BOOL(snug_recurrent_attrs, relu, "max(., 0) in place of tanh"),
    {0}};

static snug_status rnn_shape(snug_infer *f)
{
    return snug_recurrent_infer(f, &form, &f->out[0], &f->out[1]);
}

static snug_status rnn_grad_shape(snug_infer *f)
{
    return snug_recurrent_infer(f, &grad_form, &f->out[0], &f->out[1]);
}

static snug_status rnn_gradient(snug_grad *g)
{
    snug_recurrent_attrs a;
    snug_value *in[SNUG_MAX_IN] = {g->out[0], g->in[1]}, *out[SNUG_MAX_OUT];
    int n = snug_recurrent_backward(g, &form, &grad_form, in, &a);
    TRY(snug_apply_all(g->graph, &snug_op_rnn_grad, NULL, &a, n, in, out));
    g->din[0] = out[0];
    recurrent_places p = recurrent_find(&form, g->attrs);
    if (p.h0 >= 0) g->din[p.h0] = out[1];
    return g->need[1] ? snug_recurrent_weight(g, &form, out, 1, &g->din[1]) : SNUG_OK;
}

static snug_cost rnn_cost(const snug_sig *s)
{
    const snug_shape *z = &s->in[0].shape, *w = &s->in[1].shape;
    double rows = (double)z->dim[0] * (double)z->dim[1], h = (double)w->dim[0];
    return snug_cost_of(s, rows * h * (2 * (double)w->dim[1] + 20));
}

static size_t scratch(const snug_sig *s)
{
    return snug_recurrent_scratch(s, &form, 2);
}

static void rnn_ref(const snug_call *c)
{
    recurrent r = recurrent_of(&form, c);
    double *h = c->scratch, *next = h + r.h;
    for (int64_t n = 0; n < r.n; n++) {
        for (int64_t j = 0; j < r.h; j++) h[j] = recurrent_initial(r.h0, n * r.h + j);
        int64_t length = recurrent_length(&r, n);
        for (int64_t k = 0; k < length; k++) {
            int64_t row = n * r.t + recurrent_step(&r, length, k);
            for (int64_t j = 0; j < r.h; j++) {
                double z =
                    snug_load(&c->in[0], row * r.h + j) + recurrent_dot(h, &c->in[1], r.h, r.h, j);
                next[j] = !r.attrs->relu ? tanh(z) : z < 0 ? 0 : z;
                snug_store(&c->out[0], row * r.h + j, next[j]);
            }
            double *old = h;
            h = next, next = old;
        }
        recurrent_blank(&r, &c->out[0], r.h, n);
        for (int64_t j = 0; j < r.h; j++) recurrent_put(&c->out[1], n * r.h + j, h[j]);
    }
}

static void walk_back(const snug_call *c, const recurrent *r, int64_t row, double *dh)
{
    double *d = dh + r->h;
    for (int64_t j = 0; j < r->h; j++) {
        double y = snug_load(&c->in[0], row * r->h + j);
        if (r->dy) dh[j] += snug_load(r->dy, row * r->h + j);
        d[j] = !r->attrs->relu ? dh[j] * (1 - y * y) : y > 0 ? dh[j] : 0;
        snug_store(&c->out[0], row * r->h + j, d[j]);
    }
    for (int64_t j = 0; j < r->h; j++) {
        dh[j] = 0;
        for (int64_t i = 0; i < r->h; i++) dh[j] += d[i] * snug_load(&c->in[1], j * r->h + i);
    }
}

static void rnn_grad_ref(const snug_call *c)
{
    recurrent r = recurrent_of(&grad_form, c);
    double *dh = c->scratch;
    for (int64_t n = 0; n < r.n; n++) {
        int64_t length = recurrent_length(&r, n);
        for (int64_t j = 0; j < r.h; j++) dh[j] = recurrent_initial(r.dh, n * r.h + j);
        for (int64_t k = length; k-- > 0;)
            walk_back(c, &r, n * r.t + recurrent_step(&r, length, k), dh);
        recurrent_blank(&r, &c->out[0], r.h, n);
        for (int64_t j = 0; j < r.h; j++) recurrent_put(&c->out[1], n * r.h + j, dh[j]);
    }
}

static const snug_case cases[] = {
    {.name = "one",
     .attrs = RECURRENT_ATTRS(0),
     .n_in = 2,
     .in = INPUTS(BATCH(1, 1, 1), FIXED_OF(SMALL, 1, 1))},
    {.name = "odd",
     .attrs = RECURRENT_ATTRS(0),
     .n_in = 2,
     .in = INPUTS(BATCH(7, 3, 5), FIXED_OF(SMALL, 5, 5))},
    {.name = "relu",
     .attrs = RECURRENT_ATTRS(.relu = 1),
     .n_in = 2,
     .in = INPUTS(BATCH(7, 3, 5), FIXED_OF(SMALL, 5, 5))},
    {.name = "fixed",
     .attrs = RECURRENT_ATTRS(0),
     .n_in = 2,
     .in = INPUTS(FIXED(3, 4, 9), FIXED_OF(SMALL, 9, 9))},
    {.name = "lengths",
     .attrs = RECURRENT_ATTRS(.initial = 1, .lengths = 1),
     .n_in = 4,
     .in = INPUTS(BATCH(7, 5, 6), FIXED_OF(SMALL, 6, 6), BATCH(7, 6), LABELS(7, 6))},
    {.name = "reverse",
     .attrs = RECURRENT_ATTRS(.reverse = 1, .lengths = 1),
     .n_in = 3,
     .in = INPUTS(BATCH(7, 5, 17), FIXED_OF(SMALL, 17, 17), LABELS(7, 6))},
    {.name = "128 units",
     .bench = true,
     .attrs = RECURRENT_ATTRS(0),
     .tolerance = 1e-5,
     .n_in = 2,
     .in = INPUTS(BATCH(64, 29, 128), FIXED_OF(SMALL, 128, 128))},
    {0}};

static const snug_case grad_cases[] = {
    {.name = "odd",
     .attrs = RECURRENT_ATTRS(.dy = 1),
     .n_in = 3,
     .in = INPUTS(BATCH_OF(UNIT, 7, 3, 5), FIXED_OF(SMALL, 5, 5), BATCH(7, 3, 5))},
    {.name = "relu",
     .attrs = RECURRENT_ATTRS(.dy = 1, .relu = 1),
     .n_in = 3,
     .in = INPUTS(BATCH(7, 3, 5), FIXED_OF(SMALL, 5, 5), BATCH(7, 3, 5))},
    {.name = "fixed",
     .attrs = RECURRENT_ATTRS(.dh = 1),
     .n_in = 3,
     .in = INPUTS(FIXED_OF(UNIT, 3, 4, 9), FIXED_OF(SMALL, 9, 9), FIXED_OF(SMALL, 3, 9))},
    {.name = "lengths",
     .attrs = RECURRENT_ATTRS(.lengths = 1, .dy = 1, .dh = 1),
     .n_in = 5,
     .in = INPUTS(BATCH_OF(UNIT, 7, 5, 6), FIXED_OF(SMALL, 6, 6), BATCH(7, 5, 6), BATCH(7, 6),
                  LABELS(7, 6))},
    {.name = "reverse",
     .attrs = RECURRENT_ATTRS(.reverse = 1, .lengths = 1, .dy = 1),
     .n_in = 4,
     .in =
         INPUTS(BATCH_OF(UNIT, 7, 5, 17), FIXED_OF(SMALL, 17, 17), BATCH(7, 5, 17), LABELS(7, 6))},
    {.name = "128 units",
     .bench = true,
     .attrs = RECURRENT_ATTRS(.dy = 1),
     .tolerance = 1e-5,
     .n_in = 3,
     .in = INPUTS(BATCH_OF(UNIT, 64, 29, 128), FIXED_OF(SMALL, 128, 128), BATCH(64, 29, 128))},
    {0}};

const snug_op snug_op_rnn = {
    .name = "rnn",
    .doc =
        "rnn(z [N, T, H], w_hh [H, H], h0 [N, H]?, lengths i32 [N]?) -> y [N, T, H], h [N, H]\n"
        "z = x w_ih + bias for all steps (matmul). For each step t: y[t] = h = tanh(z + h w_hh),\n"
        "or max(z + h w_hh, 0) with relu. lengths and reverse as in lstm (Elman 1990).\n"
        "Gradient: rnn_grad(y, w_hh, dy, dh, ..), recurrent_grad_weight.",
    .n_in_min = 2,
    .n_in_max = 4,
    .n_out = 2,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_recurrent_attrs),
    .inplace = {1},
    .shape = rnn_shape,
    .axes = snug_recurrent_axes,
    .grad = rnn_gradient,
    .cost = rnn_cost,
    .ref = rnn_ref,
    .ref_scratch = scratch,
    .cases = cases};

const snug_op snug_op_rnn_grad = {
    .name = "rnn_grad",
    .doc = "rnn_grad(y [N, T, H], w_hh [H, H], dy [N, T, H]?, dh [N, H]?, lengths i32 [N]?)\n"
           "-> dz [N, T, H], dh0 [N, H]\n"
           "dz = dh * (1 - y^2), or dh where y > 0 with relu; then dz w_hh^T goes to the step\n"
           "before, where dy is added to it.",
    .n_in_min = 2,
    .n_in_max = 5,
    .n_out = 2,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_attrs,
    .attrs_bytes = sizeof(snug_recurrent_attrs),
    .inplace = {1},
    .shape = rnn_grad_shape,
    .axes = snug_recurrent_axes,
    .cost = rnn_cost,
    .ref = rnn_grad_ref,
    .ref_scratch = scratch,
    .cases = grad_cases};
