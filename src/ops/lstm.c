/* SPDX-License-Identifier: Apache-2.0 */
/* Long short-term memory (Hochreiter and Schmidhuber 1997; with forget gates, Gers et al. 2000), in
 * PyTorch's order of gates i, f, g, o. With z = x w_ih + bias of all steps, walking steps t:
 *     i, f, o = sigmoid(z_i + h w_i), ..;  g = tanh(z_g + h w_g);
 *     c <- f * c + i * g;  h <- o * tanh(c);  y[t] = h.
 * Gradients, walking back, dh the sum of dy[t] and what comes from later steps:
 *     do = dh * tanh(c) * o (1 - o),  dc += dh * o (1 - tanh(c)^2),
 *     di = dc * g * i (1 - i),  df = dc * c' * f (1 - f),  dg = dc * i (1 - g^2),  dc <- dc * f,
 *     dh <- dz w_hh^T,  c' the state before the step. */
#include "ops/cases.h"
#include "ops/recurrent.h"

static const recurrent_form form = {.n_fixed = 2, .n_gates = 4, .h0 = true, .c0 = true};
static const recurrent_form grad_form = {.n_fixed = 3, .n_gates = 4, .c0 = true};

static const snug_attr attrs[] = {
    ATTR_BOOL(snug_recurrent_attrs, reverse, "walk steps from the last to the first"),
    ATTR_BOOL(snug_recurrent_attrs, initial, "there are inputs h0 and c0; else they are 0"),
    ATTR_BOOL(snug_recurrent_attrs, lengths, "there is an input lengths"),
    {0}};

static const snug_attr grad_attrs[] = {
    ATTR_BOOL(snug_recurrent_attrs, reverse, "steps were walked from the last to the first"),
    ATTR_BOOL(snug_recurrent_attrs, initial, "there is an input c0"),
    ATTR_BOOL(snug_recurrent_attrs, lengths, "there is an input lengths"),
    ATTR_BOOL(snug_recurrent_attrs, dy, "there is an input dy"),
    ATTR_BOOL(snug_recurrent_attrs, dh, "there is an input dh"),
    ATTR_BOOL(snug_recurrent_attrs, dc, "there is an input dc"),
    {0}};

static snug_status lstm_shape(snug_infer *f)
{
    TRY(snug_recurrent_infer(f, &form, &f->out[0], &f->out[1]));
    f->out[2] = f->out[1];
    f->out[3] = f->in[0];
    f->out[4] = f->out[0];
    return SNUG_OK;
}

static snug_status lstm_grad_shape(snug_infer *f)
{
    snug_type hidden;
    TRY(snug_recurrent_infer(f, &grad_form, &hidden, &f->out[1]));
    TRY(snug_infer_float(f, 2, 0));
    TRY(snug_recurrent_expect(f, 2, &hidden.shape));
    f->out[0] = f->in[0];
    f->out[2] = f->out[1];
    return SNUG_OK;
}

static snug_status lstm_gradient(snug_grad *g)
{
    snug_recurrent_attrs a;
    snug_value *in[SNUG_MAX_IN] = {g->out[3], g->in[1], g->out[4]}, *out[SNUG_MAX_OUT];
    CHECK(!g->dout[3] && !g->dout[4], SNUG_EUNSUPPORTED,
          "lstm '%s': its gates and cells are kept for backward and have no gradient",
          g->node ? snug_value_name(g->out[0]) : "");
    int n = snug_recurrent_backward(g, &form, &grad_form, in, &a);
    TRY(snug_apply_all(g->graph, &snug_op_lstm_grad, NULL, &a, n, in, out));
    g->din[0] = out[0];
    recurrent_places p = recurrent_find(&form, g->attrs);
    if (p.h0 >= 0) g->din[p.h0] = out[1], g->din[p.c0] = out[2];
    return g->need[1] ? snug_recurrent_weight(g, &form, out, 1, &g->din[1]) : SNUG_OK;
}

static snug_cost lstm_cost(const snug_sig *s)
{
    const snug_shape *z = &s->in[0].shape, *w = &s->in[1].shape;
    double rows = (double)z->dim[0] * (double)z->dim[1], h = (double)w->dim[0];
    return snug_cost_of(s, rows * h * (2 * (double)w->dim[1] + 80));
}

static size_t scratch(const snug_sig *s)
{
    return snug_recurrent_scratch(s, &form, 6);
}

/* One step of one sample: from h[], c[] to next[], c[]. `row` is its place in [N, T]. */
static void step(const snug_call *c, int64_t n_units, int64_t row, double *const state[3])
{
    const snug_tensor *z = &c->in[0], *w = &c->in[1];
    const double *h = state[0];
    double *cell = state[1], *next = state[2];
    for (int64_t j = 0; j < n_units; j++) {
        double a[4];
        for (int q = 0; q < 4; q++) {
            int64_t column = q * n_units + j;
            a[q] = snug_load(z, row * 4 * n_units + column) +
                   recurrent_dot(h, w, n_units, 4 * n_units, column);
            a[q] = q == 2 ? tanh(a[q]) : recurrent_sigmoid(a[q]);
        }
        cell[j] = a[1] * cell[j] + a[0] * a[2];
        next[j] = a[3] * tanh(cell[j]);
        for (int q = 0; q < 4; q++)
            recurrent_put(&c->out[3], row * 4 * n_units + q * n_units + j, a[q]);
        recurrent_put(&c->out[4], row * n_units + j, cell[j]);
        snug_store(&c->out[0], row * n_units + j, next[j]);
    }
}

static void lstm_ref(const snug_call *c)
{
    recurrent r = recurrent_of(&form, c);
    double *h = c->scratch, *state[3] = {h, h + r.h, h + 2 * r.h};
    for (int64_t n = 0; n < r.n; n++) {
        for (int64_t j = 0; j < r.h; j++) {
            state[0][j] = recurrent_initial(r.h0, n * r.h + j);
            state[1][j] = recurrent_initial(r.c0, n * r.h + j);
        }
        int64_t length = recurrent_length(&r, n);
        for (int64_t k = 0; k < length; k++) {
            step(c, r.h, n * r.t + recurrent_step(&r, length, k), state);
            double *old = state[0];
            state[0] = state[2], state[2] = old;
        }
        recurrent_blank(&r, &c->out[0], r.h, n);
        recurrent_blank(&r, &c->out[3], r.wide, n);
        recurrent_blank(&r, &c->out[4], r.h, n);
        for (int64_t j = 0; j < r.h; j++) {
            recurrent_put(&c->out[1], n * r.h + j, state[0][j]);
            recurrent_put(&c->out[2], n * r.h + j, state[1][j]);
        }
    }
}

/* dz of one step of unit j, from dh (dy included), to dz[0 .. 3]; dc moves to the step before. */
static void step_back(const double a[4], double tanh_c, double before, double dh, double *dc,
                      double dz[4])
{
    *dc += dh * a[3] * (1 - tanh_c * tanh_c);
    dz[0] = *dc * a[2] * a[0] * (1 - a[0]);
    dz[1] = *dc * before * a[1] * (1 - a[1]);
    dz[2] = *dc * a[0] * (1 - a[2] * a[2]);
    dz[3] = dh * tanh_c * a[3] * (1 - a[3]);
    *dc *= a[1];
}

/* The k-th step of sample n: gates' gradients into out[0] and dz[], dh and dc to the step before.
 */
static void walk_back(const snug_call *c, const recurrent *r, int64_t n, int64_t k, double *dh)
{
    double *dc = dh + r->h, *dz = dc + r->h;
    int64_t length = recurrent_length(r, n), row = n * r->t + recurrent_step(r, length, k);
    int64_t earlier = k > 0 ? n * r->t + recurrent_step(r, length, k - 1) : 0;
    for (int64_t j = 0; j < r->h; j++) {
        double a[4], d[4], before = recurrent_initial(r->c0, n * r->h + j);
        for (int q = 0; q < 4; q++) a[q] = snug_load(&c->in[0], row * r->wide + q * r->h + j);
        if (k > 0) before = snug_load(&c->in[2], earlier * r->h + j);
        double tanh_c = tanh(snug_load(&c->in[2], row * r->h + j));
        if (r->dy) dh[j] += snug_load(r->dy, row * r->h + j);
        step_back(a, tanh_c, before, dh[j], &dc[j], d);
        for (int q = 0; q < 4; q++) {
            dz[q * r->h + j] = d[q];
            snug_store(&c->out[0], row * r->wide + q * r->h + j, d[q]);
        }
    }
    for (int64_t j = 0; j < r->h; j++) {
        dh[j] = 0;
        for (int64_t i = 0; i < r->wide; i++)
            dh[j] += dz[i] * snug_load(&c->in[1], j * r->wide + i);
    }
}

static void lstm_grad_ref(const snug_call *c)
{
    recurrent r = recurrent_of(&grad_form, c);
    double *dh = c->scratch, *dc = dh + r.h;
    for (int64_t n = 0; n < r.n; n++) {
        for (int64_t j = 0; j < r.h; j++) {
            dh[j] = recurrent_initial(r.dh, n * r.h + j);
            dc[j] = recurrent_initial(r.dc, n * r.h + j);
        }
        for (int64_t k = recurrent_length(&r, n); k-- > 0;) walk_back(c, &r, n, k, dh);
        recurrent_blank(&r, &c->out[0], r.wide, n);
        for (int64_t j = 0; j < r.h; j++) {
            recurrent_put(&c->out[1], n * r.h + j, dh[j]);
            recurrent_put(&c->out[2], n * r.h + j, dc[j]);
        }
    }
}

static const snug_case cases[] = {
    {.name = "one",
     .attrs = RECURRENT_ATTRS(0),
     .n_in = 2,
     .in = INPUTS(BATCH(1, 1, 4), FIXED_OF(SMALL, 1, 4))},
    {.name = "odd",
     .attrs = RECURRENT_ATTRS(0),
     .n_in = 2,
     .in = INPUTS(BATCH(7, 3, 20), FIXED_OF(SMALL, 5, 20))},
    {.name = "fixed",
     .attrs = RECURRENT_ATTRS(0),
     .n_in = 2,
     .in = INPUTS(FIXED(3, 4, 12), FIXED_OF(SMALL, 3, 12))},
    {.name = "initial",
     .attrs = RECURRENT_ATTRS(.initial = 1),
     .n_in = 4,
     .in = INPUTS(BATCH(5, 3, 36), FIXED_OF(SMALL, 9, 36), BATCH(5, 9), BATCH(5, 9))},
    {.name = "lengths",
     .attrs = RECURRENT_ATTRS(.initial = 1, .lengths = 1),
     .n_in = 5,
     .in = INPUTS(BATCH(7, 5, 24), FIXED_OF(SMALL, 6, 24), BATCH(7, 6), BATCH(7, 6), LABELS(7, 6))},
    {.name = "reverse",
     .attrs = RECURRENT_ATTRS(.reverse = 1, .lengths = 1),
     .n_in = 3,
     .in = INPUTS(BATCH(7, 5, 68), FIXED_OF(SMALL, 17, 68), LABELS(7, 6))},
    {.name = "one of 101 units",
     .attrs = RECURRENT_ATTRS(0),
     .n_in = 2,
     .in = INPUTS(BATCH(1, 3, 404), FIXED_OF(SMALL, 101, 404))},
    {.name = "128 units",
     .bench = true,
     .attrs = RECURRENT_ATTRS(0),
     .tolerance = 1e-5,
     .n_in = 2,
     .in = INPUTS(BATCH(64, 29, 512), FIXED_OF(SMALL, 128, 512))},
    {0}};

static const snug_case grad_cases[] = {
    {.name = "one",
     .attrs = RECURRENT_ATTRS(.dy = 1),
     .n_in = 4,
     .in = INPUTS(BATCH_OF(UNIT, 1, 1, 4), FIXED_OF(SMALL, 1, 4), BATCH(1, 1, 1), BATCH(1, 1, 1))},
    {.name = "odd",
     .attrs = RECURRENT_ATTRS(.dy = 1),
     .n_in = 4,
     .in =
         INPUTS(BATCH_OF(UNIT, 7, 3, 20), FIXED_OF(SMALL, 5, 20), BATCH(7, 3, 5), BATCH(7, 3, 5))},
    {.name = "fixed",
     .attrs = RECURRENT_ATTRS(.dh = 1),
     .n_in = 4,
     .in = INPUTS(FIXED_OF(UNIT, 3, 4, 12), FIXED_OF(SMALL, 3, 12), FIXED(3, 4, 3), FIXED(3, 3))},
    {.name = "initial",
     .attrs = RECURRENT_ATTRS(.initial = 1, .dh = 1, .dc = 1),
     .n_in = 6,
     .in = INPUTS(BATCH_OF(UNIT, 5, 3, 36), FIXED_OF(SMALL, 9, 36), BATCH(5, 3, 9), BATCH(5, 9),
                  BATCH(5, 9), BATCH(5, 9))},
    {.name = "lengths",
     .attrs = RECURRENT_ATTRS(.initial = 1, .lengths = 1, .dy = 1, .dh = 1, .dc = 1),
     .n_in = 8,
     .in = INPUTS(BATCH_OF(UNIT, 7, 5, 24), FIXED_OF(SMALL, 6, 24), BATCH(7, 5, 6), BATCH(7, 5, 6),
                  BATCH(7, 6), BATCH(7, 6), BATCH(7, 6), LABELS(7, 6))},
    {.name = "reverse",
     .attrs = RECURRENT_ATTRS(.reverse = 1, .lengths = 1, .dy = 1),
     .n_in = 5,
     .in = INPUTS(BATCH_OF(UNIT, 7, 5, 68), FIXED_OF(SMALL, 17, 68), BATCH(7, 5, 17),
                  BATCH(7, 5, 17), LABELS(7, 6))},
    {.name = "128 units",
     .bench = true,
     .attrs = RECURRENT_ATTRS(.dy = 1),
     .tolerance = 1e-5,
     .n_in = 4,
     .in = INPUTS(BATCH_OF(UNIT, 64, 29, 512), FIXED_OF(SMALL, 128, 512), BATCH(64, 29, 128),
                  BATCH(64, 29, 128))},
    {0}};

const snug_op snug_op_lstm = {
    .name = "lstm",
    .doc =
        "lstm(z [N, T, 4H], w_hh [H, 4H], h0 [N, H]?, c0 [N, H]?, lengths i32 [N]?)\n"
        "-> y [N, T, H], h [N, H], c [N, H], gates [N, T, 4H], cells [N, T, H]\n"
        "z = x w_ih + bias for all steps (matmul), gates in the order i, f, g, o. For each\n"
        "step t: i, f, o = sigmoid(z + h w_hh), g = tanh(z + h w_hh), c = f * c + i * g,\n"
        "y[t] = h = o * tanh(c). With lengths, steps at or beyond a sample's length leave h and\n"
        "c as they are, and y there is 0; with reverse, steps are walked from the last to the\n"
        "first. gates and cells are what backward needs (Gers et al. 2000).\n"
        "Gradient: lstm_grad(gates, w_hh, cells, dy, dh, dc, ..), recurrent_grad_weight.",
    .n_in_min = 2,
    .n_in_max = 5,
    .n_out = 5,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_recurrent_attrs),
    .inplace = {0, 0, 0, 1},
    .shape = lstm_shape,
    .axes = snug_recurrent_axes,
    .grad = lstm_gradient,
    .cost = lstm_cost,
    .ref = lstm_ref,
    .ref_scratch = scratch,
    .cases = cases};

const snug_op snug_op_lstm_grad = {
    .name = "lstm_grad",
    .doc = "lstm_grad(gates [N, T, 4H], w_hh [H, 4H], cells [N, T, H], dy [N, T, H]?, dh [N, H]?,\n"
           "dc [N, H]?, c0 [N, H]?, lengths i32 [N]?) -> dz [N, T, 4H], dh0 [N, H], dc0 [N, H]\n"
           "dz of o = dh * tanh(c) * o (1 - o); dc += dh * o (1 - tanh(c)^2); of i = dc * g *\n"
           "i (1 - i); of f = dc * c' * f (1 - f), c' the cell before the step; of g = dc * i *\n"
           "(1 - g^2); then dc = dc * f and dh = dz w_hh^T go to the step before, where dy is\n"
           "added to dh.",
    .n_in_min = 3,
    .n_in_max = 8,
    .n_out = 3,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_attrs,
    .attrs_bytes = sizeof(snug_recurrent_attrs),
    .inplace = {1},
    .shape = lstm_grad_shape,
    .axes = snug_recurrent_axes,
    .cost = lstm_cost,
    .ref = lstm_grad_ref,
    .ref_scratch = scratch,
    .cases = grad_cases};
