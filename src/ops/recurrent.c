/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that recurrent operators share (recurrent.h), and the gradient of their weights:
 *     dw[i, j] = sum over samples and steps of h'[n, t, i] d[n, t, j],
 * h' the state before step t: y one step earlier in the order of walking, or h0. Over samples by
 * leaves, inside a sample by rising t. */
#include "ops/recurrent.h"
#include "ops/cases.h"
#include "ops/leaf_sum.h"

/* ---- shapes ------------------------------------------------------------------------------------
 */

snug_status snug_recurrent_expect(const snug_infer *f, int i, const snug_shape *want)
{
    const snug_shape *s = &f->in[i].shape;
    bool same = s->n_dims == want->n_dims;
    for (int d = 0; same && d < s->n_dims; d++)
        same = s->dim[d] == want->dim[d] && s->kind[d] == want->kind[d];
    char have[SNUG_SHAPE_TEXT], must[SNUG_SHAPE_TEXT], first[SNUG_SHAPE_TEXT];
    CHECK(same, SNUG_ESHAPE, "'%s': input %d is %s, but must be %s beside input 0 of %s", f->name,
          i, snug_shape_text(s, have, sizeof have), snug_shape_text(want, must, sizeof must),
          snug_shape_text(&f->in[0].shape, first, sizeof first));
    return SNUG_OK;
}

static snug_status expect_float(const snug_infer *f, int i, const snug_shape *want)
{
    if (i < 0) return SNUG_OK;
    TRY(snug_infer_float(f, i, 0));
    return snug_recurrent_expect(f, i, want);
}

/* [N, H] of [N, T, H] */
static snug_shape state_of(const snug_shape *hidden)
{
    snug_shape s = {.n_dims = 2, .dim = {hidden->dim[0], hidden->dim[2]}};
    s.kind[0] = hidden->kind[0];
    return s;
}

snug_status snug_recurrent_options(const snug_infer *f, const recurrent_form *form,
                                   const snug_type *hidden)
{
    recurrent_places p = recurrent_find(form, f->attrs);
    CHECK(f->n_in == p.n, SNUG_ESHAPE, "'%s': its attributes call for %d inputs, not %d", f->name,
          p.n, f->n_in);
    snug_shape state = state_of(&hidden->shape);
    TRY(expect_float(f, p.dy, &hidden->shape));
    TRY(expect_float(f, p.dh, &state));
    TRY(expect_float(f, p.dc, &state));
    TRY(expect_float(f, p.h0, &state));
    TRY(expect_float(f, p.c0, &state));
    if (p.lengths < 0) return SNUG_OK;
    snug_shape samples = {.n_dims = 1, .dim = {state.dim[0]}, .kind = {state.kind[0]}};
    CHECK(f->in[p.lengths].dtype == SNUG_I32, SNUG_ESHAPE,
          "'%s': input %d must hold lengths as i32", f->name, p.lengths);
    return snug_recurrent_expect(f, p.lengths, &samples);
}

snug_status snug_recurrent_infer(const snug_infer *f, const recurrent_form *form, snug_type *hidden,
                                 snug_type *state)
{
    const snug_shape *z = &f->in[0].shape, *w = &f->in[1].shape;
    char tz[SNUG_SHAPE_TEXT], tw[SNUG_SHAPE_TEXT];
    int64_t wide, elements;
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_float(f, 1, 0));
    TRY(snug_infer_rank(f, 0, 3, "[N, T, gates]"));
    TRY(snug_infer_rank(f, 1, 2, "a matrix"));
    TRY(snug_infer_mul(f, w->dim[0], form->n_gates, &wide));
    bool fixed = w->kind[0] == SNUG_AXIS_FIXED && w->kind[1] == SNUG_AXIS_FIXED &&
                 z->kind[1] == SNUG_AXIS_FIXED && z->kind[2] == SNUG_AXIS_FIXED;
    CHECK(fixed && w->dim[0] > 0 && w->dim[1] == wide && z->dim[2] == wide, SNUG_ESHAPE,
          "'%s': input 0 of %s and input 1 of %s must be [N, T, %d H] and [H, %d H]", f->name,
          snug_shape_text(z, tz, sizeof tz), snug_shape_text(w, tw, sizeof tw), form->n_gates,
          form->n_gates);
    TRY(snug_infer_mul(f, z->dim[0], z->dim[1], &elements));
    TRY(snug_infer_mul(f, elements, wide, &elements));
    *hidden = f->in[0];
    hidden->shape.dim[2] = w->dim[0];
    *state = (snug_type){.shape = state_of(&hidden->shape), .dtype = hidden->dtype};
    return snug_recurrent_options(f, form, hidden);
}

int snug_recurrent_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    for (int o = 0; o < s->n_out; o++)
        for (int i = 0; i < s->n_in; i++) {
            bool weight = s->in[i].shape.kind[0] == SNUG_AXIS_FIXED &&
                          (i == 1 || (s->in[i].shape.n_dims == 1 && s->in[i].dtype != SNUG_I32));
            if (!weight) n = snug_use_batch(s, u, n, o, i);
        }
    return n;
}

size_t snug_recurrent_scratch(const snug_sig *s, const recurrent_form *form, int states)
{
    int64_t h = s->in[0].shape.dim[2] / form->n_gates;
    return (size_t)h * (size_t)states * sizeof(double);
}

/* ---- gradients ---------------------------------------------------------------------------------
 */

int snug_recurrent_backward(const snug_grad *g, const recurrent_form *forward,
                            const recurrent_form *backward, snug_value **in,
                            snug_recurrent_attrs *a)
{
    recurrent_places from = recurrent_find(forward, g->attrs);
    *a = *(const snug_recurrent_attrs *)g->attrs;
    a->dy = g->dout[0] != NULL, a->dh = g->dout[1] != NULL;
    a->dc = forward->c0 && g->dout[2] != NULL;
    recurrent_places to = recurrent_find(backward, a);
    if (to.dy >= 0) in[to.dy] = g->dout[0];
    if (to.dh >= 0) in[to.dh] = g->dout[1];
    if (to.dc >= 0) in[to.dc] = g->dout[2];
    if (to.h0 >= 0) in[to.h0] = g->in[from.h0];
    if (to.c0 >= 0) in[to.c0] = g->in[from.c0];
    if (to.lengths >= 0) in[to.lengths] = g->in[from.lengths];
    return to.n;
}

snug_status snug_recurrent_weight(snug_grad *g, const recurrent_form *form, snug_value *const *d,
                                  int n_d, snug_value **dw)
{
    const snug_recurrent_attrs *a = g->attrs;
    recurrent_places from = recurrent_find(form, a);
    snug_recurrent_attrs attrs = {
        .reverse = a->reverse, .initial = a->initial, .lengths = a->lengths, .second = n_d > 1};
    snug_value *in[SNUG_MAX_IN] = {g->out[0], d[0], n_d > 1 ? d[1] : NULL};
    int n = 1 + n_d;
    if (from.h0 >= 0) in[n++] = g->in[from.h0];
    if (from.lengths >= 0) in[n++] = g->in[from.lengths];
    return snug_apply_all(g->graph, &snug_op_recurrent_grad_weight, NULL, &attrs, n, in, dw);
}

/* ---- recurrent_grad_weight ----------------------------------------------------------------------
 */

static recurrent_form weight_form(const snug_recurrent_attrs *a)
{
    return (recurrent_form){.n_fixed = a->second ? 3 : 2, .n_gates = 1, .h0 = true};
}

static const snug_attr weight_attrs[] = {
    ATTR_BOOL(snug_recurrent_attrs, reverse, "steps were walked from the last to the first"),
    ATTR_BOOL(snug_recurrent_attrs, initial, "there is an input h0"),
    ATTR_BOOL(snug_recurrent_attrs, lengths, "there is an input lengths"),
    ATTR_BOOL(snug_recurrent_attrs, second,
              "there is a second gradient, in place of d's last columns"),
    {0}};

static snug_status check_second(const snug_infer *f)
{
    const snug_shape *d = &f->in[1].shape, *second = &f->in[2].shape;
    char td[SNUG_SHAPE_TEXT], ts[SNUG_SHAPE_TEXT];
    CHECK(second->dim[2] <= d->dim[2], SNUG_ESHAPE,
          "'%s': input 2 of %s has more columns than input 1 of %s, whose last it stands for",
          f->name, snug_shape_text(second, ts, sizeof ts), snug_shape_text(d, td, sizeof td));
    return SNUG_OK;
}

static snug_status weight_shape(snug_infer *f)
{
    const snug_recurrent_attrs *a = f->attrs;
    recurrent_form form = weight_form(a);
    int64_t elements;
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_rank(f, 0, 3, "[N, T, H]"));
    const snug_shape *y = &f->in[0].shape;
    TRY(snug_infer_mul(f, y->dim[0], y->dim[1], &elements));
    TRY(snug_infer_mul(f, elements, y->dim[2], &elements));
    for (int i = 1; i < form.n_fixed; i++) {
        TRY(snug_infer_float(f, i, 0));
        TRY(snug_infer_rank(f, i, 3, "[N, T, gates]"));
        snug_shape want = *y;
        want.dim[2] = f->in[i].shape.dim[2];
        TRY(snug_recurrent_expect(f, i, &want));
        TRY(snug_infer_mul(f, y->dim[2], want.dim[2], &elements));
    }
    int64_t columns = f->in[1].shape.dim[2];
    if (a->second) TRY(check_second(f));
    f->out[0] = (snug_type){.shape = snug_shape_make(2, (int64_t[]){y->dim[2], columns}),
                            .dtype = f->in[0].dtype};
    return snug_recurrent_options(f, &form, &f->in[0]);
}

static int weight_axes(const snug_sig *s, snug_axis_use *u)
{
    recurrent_form form = weight_form(s->attrs);
    recurrent_places p = recurrent_find(&form, s->attrs);
    int n = snug_use_axis(u, 0, 0, 0, 0, 2);
    if (p.h0 >= 0) n = snug_use_axis(u, n, 0, 0, p.h0, 1);
    if (form.n_fixed == 2) n = snug_use_axis(u, n, 0, 1, 1, 2);
    for (int i = 0; i < s->n_in; i++) n = snug_use_axis(u, n, 0, -1, i, 0);
    return n;
}

static snug_cost weight_cost(const snug_sig *s)
{
    const snug_shape *y = &s->in[0].shape;
    double rows = (double)y->dim[0] * (double)y->dim[1];
    return snug_cost_of(s, 2 * rows * (double)snug_shape_elements(&s->out[0].shape));
}

/* One element of dw. */
typedef struct weight_dot {
    const recurrent *r;
    const snug_tensor *y, *d;
    int64_t unit, column, columns;
} weight_dot;

/* The state before step t of sample n; 0 where the sample has no such step. */
static double before(const weight_dot *w, int64_t n, int64_t t)
{
    const recurrent *r = w->r;
    int64_t length = recurrent_length(r, n), k = recurrent_step(r, length, t);
    if (t >= length) return 0;
    if (k == 0) return recurrent_initial(r->h0, n * r->h + w->unit);
    int64_t at = recurrent_step(r, length, k - 1);
    return snug_load(w->y, recurrent_at(r, r->h, n, at) + w->unit);
}

static double weight_partial(const void *arg, int64_t begin, int64_t end)
{
    const weight_dot *w = arg;
    double sum = 0;
    for (int64_t i = begin; i < end; i++)
        sum += before(w, i / w->r->t, i % w->r->t) * snug_load(w->d, i * w->columns + w->column);
    return sum;
}

static void weight_ref(const snug_call *c)
{
    recurrent_form form = weight_form(c->attrs);
    recurrent r = recurrent_of(&form, c);
    leaf_rows rows = leaf_rows_of(c, &c->in[0].type.shape, 2);
    int64_t wide = c->out[0].type.shape.dim[1], first = wide;
    if (r.attrs->second) first -= snug_shape_last(&c->in[2].type.shape);
    weight_dot w = {.r = &r, .y = &c->in[0]};
    for (int64_t i = 0; i < r.h * wide; i++) {
        bool second = i % wide >= first;
        w.d = &c->in[second ? 2 : 1];
        w.unit = i / wide, w.column = i % wide - (second ? first : 0);
        w.columns = second ? wide - first : wide;
        double sum = leaf_sum(&rows, c->out[0].type.dtype, weight_partial, &w);
        snug_store(&c->out[0], i, sum);
    }
}

static const snug_case weight_cases[] = {
    {.name = "one",
     .attrs = RECURRENT_ATTRS(0),
     .n_in = 2,
     .in = INPUTS(BATCH(1, 1, 1), BATCH(1, 1, 4))},
    {.name = "odd",
     .attrs = RECURRENT_ATTRS(0),
     .n_in = 2,
     .in = INPUTS(BATCH(7, 3, 5), BATCH(7, 3, 20))},
    {.name = "fixed",
     .attrs = RECURRENT_ATTRS(0),
     .n_in = 2,
     .in = INPUTS(FIXED(3, 4, 5), FIXED(3, 4, 5))},
    {.name = "initial",
     .attrs = RECURRENT_ATTRS(.initial = 1),
     .n_in = 3,
     .in = INPUTS(BATCH(5, 3, 9), BATCH(5, 3, 9), BATCH(5, 9))},
    {.name = "second",
     .attrs = RECURRENT_ATTRS(.second = 1),
     .n_in = 3,
     .in = INPUTS(BATCH(5, 4, 9), BATCH(5, 4, 27), BATCH(5, 4, 9))},
    {.name = "lengths",
     .attrs = RECURRENT_ATTRS(.initial = 1, .lengths = 1),
     .n_in = 4,
     .in = INPUTS(BATCH(7, 5, 6), BATCH(7, 5, 24), BATCH(7, 6), LABELS(7, 6))},
    {.name = "reverse",
     .attrs = RECURRENT_ATTRS(.reverse = 1, .initial = 1, .lengths = 1, .second = 1),
     .n_in = 5,
     .in = INPUTS(BATCH(7, 5, 17), BATCH(7, 5, 51), BATCH(7, 5, 17), BATCH(7, 17), LABELS(7, 6))},
    {.name = "lstm 128",
     .bench = true,
     .attrs = RECURRENT_ATTRS(0),
     .tolerance = 4e-6,
     .n_in = 2,
     .in = INPUTS(BATCH(64, 29, 128), BATCH(64, 29, 512))},
    {0}};

const snug_op snug_op_recurrent_grad_weight = {
    .name = "recurrent_grad_weight",
    .doc =
        "recurrent_grad_weight(y [N, T, H], d [N, T, G], d2 [N, T, B]?, h0 [N, H]?,\n"
        "lengths i32 [N]?) -> dw [H, G]\n"
        "dw = the sum over samples and steps of h'[n, t]^T d[n, t], h' the state before step t:\n"
        "y at the step walked before it, or h0, or 0. With d2, d's last B columns are d2's.",
    .n_in_min = 2,
    .n_in_max = 5,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = weight_attrs,
    .attrs_bytes = sizeof(snug_recurrent_attrs),
    .shape = weight_shape,
    .axes = weight_axes,
    .cost = weight_cost,
    .ref = weight_ref,
    .cases = weight_cases};
