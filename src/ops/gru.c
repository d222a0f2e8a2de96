/* SPDX-License-Identifier: Apache-2.0 */
/* Gated recurrent unit (Cho et al. 2014), the variant of PyTorch and cuDNN that applies the reset
 * gate after the product; gates in the order r, u (PyTorch's z), n. With z = x w_ih + bias of all
 * steps, walking steps t:
 *     r, u = sigmoid(z_r + h w_r), ..;  q = h w_n + b_n;  n = tanh(z_n + r * q);
 *     h <- (1 - u) * n + u * h;  y[t] = h.
 * Gradients, walking back, dh the sum of dy[t] and what comes from later steps, h' the state
 * before: dn = dh * (1 - u) (1 - n^2),  du = dh * (h' - n) * u (1 - u),  dr = dn * q * r (1 - r),
 *     dq = dn * r,  dh <- dh * u + (dr, du, dq) w_hh^T. */
#include "ops/cases.h"
#include "ops/recurrent.h"

static const recurrent_form form = {.n_fixed = 3, .n_gates = 3, .h0 = true};
static const recurrent_form grad_form = {.n_fixed = 4, .n_gates = 3, .h0 = true};

static const snug_attr attrs[] = {
    ATTR_BOOL(snug_recurrent_attrs, reverse, "walk steps from the last to the first"),
    ATTR_BOOL(snug_recurrent_attrs, initial, "there is an input h0; else it is 0"),
    ATTR_BOOL(snug_recurrent_attrs, lengths, "there is an input lengths"),
    {0}};

static const snug_attr grad_attrs[] = {
    ATTR_BOOL(snug_recurrent_attrs, reverse, "steps were walked from the last to the first"),
    ATTR_BOOL(snug_recurrent_attrs, initial, "there is an input h0"),
    ATTR_BOOL(snug_recurrent_attrs, lengths, "there is an input lengths"),
    ATTR_BOOL(snug_recurrent_attrs, dy, "there is an input dy"),
    ATTR_BOOL(snug_recurrent_attrs, dh, "there is an input dh"),
    {0}};

static snug_status gru_shape(snug_infer *f)
{
    TRY(snug_recurrent_infer(f, &form, &f->out[0], &f->out[1]));
    TRY(snug_infer_float(f, 2, 0));
    TRY(snug_recurrent_expect(f, 2, &(snug_shape){.n_dims = 1, .dim = {f->in[1].shape.dim[0]}}));
    f->out[2] = f->in[0];
    f->out[3] = f->out[0];
    return SNUG_OK;
}

static snug_status gru_grad_shape(snug_infer *f)
{
    TRY(snug_recurrent_infer(f, &grad_form, &f->out[1], &f->out[2]));
    for (int i = 2; i <= 3; i++) {
        TRY(snug_infer_float(f, i, 0));
        TRY(snug_recurrent_expect(f, i, &f->out[1].shape));
    }
    f->out[0] = f->in[0];
    return SNUG_OK;
}

static snug_status gru_gradient(snug_grad *g)
{
    snug_recurrent_attrs a;
    snug_value *in[SNUG_MAX_IN] = {g->out[2], g->in[1], g->out[0], g->out[3]}, *out[SNUG_MAX_OUT];
    CHECK(!g->dout[2] && !g->dout[3], SNUG_EUNSUPPORTED,
          "gru: its gates and products are kept for backward and have no gradient");
    int n = snug_recurrent_backward(g, &form, &grad_form, in, &a);
    TRY(snug_apply_all(g->graph, &snug_op_gru_grad, NULL, &a, n, in, out));
    g->din[0] = out[0];
    recurrent_places p = recurrent_find(&form, g->attrs);
    if (p.h0 >= 0) g->din[p.h0] = out[2];
    if (g->need[2])
        TRY(snug_apply_all(g->graph, &snug_op_sum_rows, NULL, NULL, 1, &out[1], &g->din[2]));
    /* in w_hh's columns of n, dq stands for dn: the reset gate is between them */
    return g->need[1] ? snug_recurrent_weight(g, &form, out, 2, &g->din[1]) : SNUG_OK;
}

static snug_cost gru_cost(const snug_sig *s)
{
    const snug_shape *z = &s->in[0].shape, *w = &s->in[1].shape;
    double rows = (double)z->dim[0] * (double)z->dim[1], h = (double)w->dim[0];
    return snug_cost_of(s, rows * h * (2 * (double)w->dim[1] + 60));
}

static size_t scratch(const snug_sig *s)
{
    return snug_recurrent_scratch(s, &form, 5);
}

/* One step of one sample: from h[] to next[]. `row` is its place in [N, T]. */
static void step(const snug_call *c, int64_t n_units, int64_t row, const double *h, double *next)
{
    const snug_tensor *z = &c->in[0], *w = &c->in[1];
    int64_t wide = 3 * n_units;
    for (int64_t j = 0; j < n_units; j++) {
        double a[3], p[3];
        for (int q = 0; q < 3; q++) {
            a[q] = snug_load(z, row * wide + q * n_units + j);
            p[q] = recurrent_dot(h, w, n_units, wide, q * n_units + j);
        }
        p[2] += snug_load(&c->in[2], j);
        a[0] = recurrent_sigmoid(a[0] + p[0]), a[1] = recurrent_sigmoid(a[1] + p[1]);
        a[2] = tanh(a[2] + a[0] * p[2]);
        next[j] = (1 - a[1]) * a[2] + a[1] * h[j];
        for (int q = 0; q < 3; q++) recurrent_put(&c->out[2], row * wide + q * n_units + j, a[q]);
        recurrent_put(&c->out[3], row * n_units + j, p[2]);
        snug_store(&c->out[0], row * n_units + j, next[j]);
    }
}

static void gru_ref(const snug_call *c)
{
    recurrent r = recurrent_of(&form, c);
    double *h = c->scratch, *next = h + r.h;
    for (int64_t n = 0; n < r.n; n++) {
        for (int64_t j = 0; j < r.h; j++) h[j] = recurrent_initial(r.h0, n * r.h + j);
        int64_t length = recurrent_length(&r, n);
        for (int64_t k = 0; k < length; k++) {
            step(c, r.h, n * r.t + recurrent_step(&r, length, k), h, next);
            double *old = h;
            h = next, next = old;
        }
        recurrent_blank(&r, &c->out[0], r.h, n);
        recurrent_blank(&r, &c->out[2], r.wide, n);
        recurrent_blank(&r, &c->out[3], r.h, n);
        for (int64_t j = 0; j < r.h; j++) recurrent_put(&c->out[1], n * r.h + j, h[j]);
    }
}

/* The k-th step of sample n: gradients of gates into out[0], out[1] and d[], dh to the step before.
 */
static void walk_back(const snug_call *c, const recurrent *r, int64_t n, int64_t k, double *dh)
{
    double *d = dh + r->h;
    int64_t length = recurrent_length(r, n), row = n * r->t + recurrent_step(r, length, k);
    int64_t earlier = k > 0 ? n * r->t + recurrent_step(r, length, k - 1) : 0;
    for (int64_t j = 0; j < r->h; j++) {
        double a[3], before = recurrent_initial(r->h0, n * r->h + j);
        for (int q = 0; q < 3; q++) a[q] = snug_load(&c->in[0], row * r->wide + q * r->h + j);
        if (k > 0) before = snug_load(&c->in[2], earlier * r->h + j);
        if (r->dy) dh[j] += snug_load(r->dy, row * r->h + j);
        double dn = dh[j] * (1 - a[1]) * (1 - a[2] * a[2]);
        double dr = dn * snug_load(&c->in[3], row * r->h + j) * a[0] * (1 - a[0]);
        d[j] = dr, d[r->h + j] = dh[j] * (before - a[2]) * a[1] * (1 - a[1]);
        d[2 * r->h + j] = dn * a[0];
        dh[j] *= a[1];
        snug_store(&c->out[0], row * r->wide + j, dr);
        snug_store(&c->out[0], row * r->wide + r->h + j, d[r->h + j]);
        snug_store(&c->out[0], row * r->wide + 2 * r->h + j, dn);
        recurrent_put(&c->out[1], row * r->h + j, d[2 * r->h + j]);
    }
    for (int64_t j = 0; j < r->h; j++)
        for (int64_t i = 0; i < r->wide; i++) dh[j] += d[i] * snug_load(&c->in[1], j * r->wide + i);
}

static void gru_grad_ref(const snug_call *c)
{
    recurrent r = recurrent_of(&grad_form, c);
    double *dh = c->scratch;
    for (int64_t n = 0; n < r.n; n++) {
        for (int64_t j = 0; j < r.h; j++) dh[j] = recurrent_initial(r.dh, n * r.h + j);
        for (int64_t k = recurrent_length(&r, n); k-- > 0;) walk_back(c, &r, n, k, dh);
        recurrent_blank(&r, &c->out[0], r.wide, n);
        recurrent_blank(&r, &c->out[1], r.h, n);
        for (int64_t j = 0; j < r.h; j++) recurrent_put(&c->out[2], n * r.h + j, dh[j]);
    }
}

static const snug_case cases[] = {
    {.name = "one",
     .attrs = RECURRENT_ATTRS(0),
     .n_in = 3,
     .in = INPUTS(BATCH(1, 1, 3), FIXED_OF(SMALL, 1, 3), FIXED(1))},
    {.name = "odd",
     .attrs = RECURRENT_ATTRS(0),
     .n_in = 3,
     .in = INPUTS(BATCH(7, 3, 15), FIXED_OF(SMALL, 5, 15), FIXED(5))},
    {.name = "fixed",
     .attrs = RECURRENT_ATTRS(0),
     .n_in = 3,
     .in = INPUTS(FIXED(3, 4, 9), FIXED_OF(SMALL, 3, 9), FIXED(3))},
    {.name = "initial",
     .attrs = RECURRENT_ATTRS(.initial = 1),
     .n_in = 4,
     .in = INPUTS(BATCH(5, 3, 27), FIXED_OF(SMALL, 9, 27), FIXED(9), BATCH(5, 9))},
    {.name = "lengths",
     .attrs = RECURRENT_ATTRS(.initial = 1, .lengths = 1),
     .n_in = 5,
     .in = INPUTS(BATCH(7, 5, 18), FIXED_OF(SMALL, 6, 18), FIXED(6), BATCH(7, 6), LABELS(7, 6))},
    {.name = "reverse",
     .attrs = RECURRENT_ATTRS(.reverse = 1, .lengths = 1),
     .n_in = 4,
     .in = INPUTS(BATCH(7, 5, 51), FIXED_OF(SMALL, 17, 51), FIXED(17), LABELS(7, 6))},
    {.name = "128 units",
     .bench = true,
     .attrs = RECURRENT_ATTRS(0),
     .tolerance = 1e-5,
     .n_in = 3,
     .in = INPUTS(BATCH(64, 29, 384), FIXED_OF(SMALL, 128, 384), FIXED(128))},
    {0}};

static const snug_case grad_cases[] = {
    {.name = "one",
     .attrs = RECURRENT_ATTRS(.dy = 1),
     .n_in = 5,
     .in = INPUTS(BATCH_OF(UNIT, 1, 1, 3), FIXED_OF(SMALL, 1, 3), BATCH(1, 1, 1), BATCH(1, 1, 1),
                  BATCH(1, 1, 1))},
    {.name = "odd",
     .attrs = RECURRENT_ATTRS(.dy = 1),
     .n_in = 5,
     .in = INPUTS(BATCH_OF(UNIT, 7, 3, 15), FIXED_OF(SMALL, 5, 15), BATCH(7, 3, 5), BATCH(7, 3, 5),
                  BATCH(7, 3, 5))},
    {.name = "fixed",
     .attrs = RECURRENT_ATTRS(.dh = 1),
     .n_in = 5,
     .in = INPUTS(FIXED_OF(UNIT, 3, 4, 9), FIXED_OF(SMALL, 3, 9), FIXED(3, 4, 3), FIXED(3, 4, 3),
                  FIXED(3, 3))},
    {.name = "lengths",
     .attrs = RECURRENT_ATTRS(.initial = 1, .lengths = 1, .dy = 1, .dh = 1),
     .n_in = 8,
     .in = INPUTS(BATCH_OF(UNIT, 7, 5, 18), FIXED_OF(SMALL, 6, 18), BATCH(7, 5, 6), BATCH(7, 5, 6),
                  BATCH(7, 5, 6), BATCH(7, 6), BATCH(7, 6), LABELS(7, 6))},
    {.name = "reverse",
     .attrs = RECURRENT_ATTRS(.reverse = 1, .lengths = 1, .dy = 1),
     .n_in = 6,
     .in = INPUTS(BATCH_OF(UNIT, 7, 5, 51), FIXED_OF(SMALL, 17, 51), BATCH(7, 5, 17),
                  BATCH(7, 5, 17), BATCH(7, 5, 17), LABELS(7, 6))},
    {.name = "128 units",
     .bench = true,
     .attrs = RECURRENT_ATTRS(.dy = 1),
     .tolerance = 1e-5,
     .n_in = 5,
     .in = INPUTS(BATCH_OF(UNIT, 64, 29, 384), FIXED_OF(SMALL, 128, 384), BATCH(64, 29, 128),
                  BATCH(64, 29, 128), BATCH(64, 29, 128))},
    {0}};

const snug_op snug_op_gru = {
    .name = "gru",
    .doc =
        "gru(z [N, T, 3H], w_hh [H, 3H], b_hn [H], h0 [N, H]?, lengths i32 [N]?)\n"
        "-> y [N, T, H], h [N, H], gates [N, T, 3H], products [N, T, H]\n"
        "z = x w_ih + bias for all steps (matmul), gates in the order r, u, n. For each step t:\n"
        "r, u = sigmoid(z + h w_hh), q = h w_hn + b_hn, n = tanh(z_n + r * q),\n"
        "y[t] = h = (1 - u) * n + u * h. lengths and reverse as in lstm. gates and products (q)\n"
        "are what backward needs (Cho et al. 2014, the reset gate after the product).\n"
        "Gradient: gru_grad(gates, w_hh, y, products, dy, dh, ..), recurrent_grad_weight.",
    .n_in_min = 3,
    .n_in_max = 5,
    .n_out = 4,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_recurrent_attrs),
    .inplace = {0, 0, 1},
    .shape = gru_shape,
    .axes = snug_recurrent_axes,
    .grad = gru_gradient,
    .cost = gru_cost,
    .ref = gru_ref,
    .ref_scratch = scratch,
    .cases = cases};

const snug_op snug_op_gru_grad = {
    .name = "gru_grad",
    .doc = "gru_grad(gates [N, T, 3H], w_hh [H, 3H], y [N, T, H], products [N, T, H],\n"
           "dy [N, T, H]?, dh [N, H]?, h0 [N, H]?, lengths i32 [N]?)\n"
           "-> dz [N, T, 3H], dq [N, T, H], dh0 [N, H]\n"
           "dn = dh * (1 - u) (1 - n^2); du = dh * (h' - n) * u (1 - u), h' the state before the\n"
           "step; dr = dn * q * r (1 - r); dq = dn * r; then dh * u + (dr, du, dq) w_hh^T goes to\n"
           "the step before, where dy is added to it.",
    .n_in_min = 4,
    .n_in_max = 8,
    .n_out = 3,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_attrs,
    .attrs_bytes = sizeof(snug_recurrent_attrs),
    .inplace = {1, 4},
    .shape = gru_grad_shape,
    .axes = snug_recurrent_axes,
    .cost = gru_cost,
    .ref = gru_grad_ref,
    .ref_scratch = scratch,
    .cases = grad_cases};
