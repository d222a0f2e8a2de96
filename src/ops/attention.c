/* SPDX-License-Identifier: Apache-2.0 */
/* Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1), a head h at a time:
 *     p[t, s] = softmax over the keys s that query t sees of scale * q[t] . k[s]
 *     y[t] = sum over s of p[t, s] v[s],     lse[t] = log of the sum of exp(scale * q[t] . k[s])
 * The scores are never stored: the gradient makes them again from lse (Dao et al. 2022). A query
 * that sees no key gives 0, and lse 0. */
#include "ops/attention.h"
#include "ops/cases.h"

const snug_attr snug_attention_attr_rows[] = {
    ATTR_INT(snug_attention_attrs, heads, 1, 1 << 20, 1, "heads of the queries"),
    ATTR_INT(snug_attention_attrs, kv_heads, 0, 1 << 20, 0,
             "heads of keys and values, a divisor of heads; 0: as many"),
    ATTR_BOOL(snug_attention_attrs, causal, "a query sees no key behind its own position"),
    ATTR_INT(snug_attention_attrs, offset, 0, 0x1p40, 0, "position of the first query"),
    ATTR_FLOAT(snug_attention_attrs, scale, 0, 1e6, 0,
               "factor of the scores; 0: 1 / sqrt(width of a head)"),
    {0}};

/* ---- rules ------------------------------------------------------------------------------------
 */

/* lengths [N] and segments [N, T], i32. */
static snug_status check_extra(const snug_infer *f, int i, int first, bool same_lengths)
{
    const snug_shape *x = &f->in[i].shape, *q = &f->in[first].shape;
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    snug_shape_text(x, a, sizeof a), snug_shape_text(q, b, sizeof b);
    bool fits = f->in[i].dtype == SNUG_I32 && (x->n_dims == 1 || x->n_dims == 2) &&
                x->dim[0] == q->dim[0] && x->kind[0] == q->kind[0];
    if (x->n_dims == 2) fits = fits && x->dim[1] == q->dim[1] && x->kind[1] == q->kind[1];
    CHECK(fits, SNUG_ESHAPE,
          "'%s': input %d is %s %s, but beside queries %s must be lengths i32 [N] or segments i32 "
          "[N, T]",
          f->name, i, snug_dtype_get(f->in[i].dtype)->name, a, b);
    CHECK(x->n_dims == 1 || same_lengths, SNUG_ESHAPE,
          "'%s': segments %s need as many keys as queries %s", f->name, a, b);
    return SNUG_OK;
}

static snug_status check_sides(const snug_infer *f, int first, const attention *a)
{
    const snug_shape *q = &f->in[first].shape;
    char tq[SNUG_SHAPE_TEXT], tk[SNUG_SHAPE_TEXT];
    CHECK(q->dim[2] % a->heads == 0, SNUG_ESHAPE,
          "'%s': %" PRId64 " heads do not divide the columns of %s (keys %s)", f->name, a->heads,
          snug_shape_text(q, tq, sizeof tq),
          snug_shape_text(&f->in[first + 1].shape, tk, sizeof tk));
    for (int i = first + 1; i < first + 3; i++) {
        const snug_shape *k = &f->in[i].shape;
        TRY(snug_infer_float(f, i, first));
        TRY(snug_infer_rank(f, i, 3, "[N, S, heads * width]"));
        CHECK(k->dim[0] == q->dim[0] && k->kind[0] == q->kind[0] && k->kind[2] == SNUG_AXIS_FIXED &&
                  k->dim[2] == q->dim[2] / a->heads * a->kv_heads,
              SNUG_ESHAPE,
              "'%s': input %d is %s, but must have the samples of %s and %" PRId64
              " heads of width %" PRId64,
              f->name, i, snug_shape_text(k, tk, sizeof tk), snug_shape_text(q, tq, sizeof tq),
              a->kv_heads, q->dim[2] / a->heads);
    }
    return snug_infer_same(f, first + 2, first + 1);
}

snug_status snug_attention_check(const snug_infer *f, int first, bool packed)
{
    const snug_shape *q = &f->in[first].shape;
    const attention a = attention_of(f->attrs, 1);
    char text[SNUG_SHAPE_TEXT];
    TRY(snug_infer_float(f, first, -1));
    TRY(snug_infer_rank(f, first, 3, "[N, T, heads * width]"));
    snug_shape_text(q, text, sizeof text);
    CHECK(q->kind[2] == SNUG_AXIS_FIXED && q->dim[2] > 0 && q->dim[1] <= MAX_EXTENT, SNUG_ESHAPE,
          "'%s': input %d is %s, but its last axis must hold heads", f->name, first, text);
    CHECK(a.heads % a.kv_heads == 0, SNUG_ESHAPE,
          "'%s': %" PRId64 " heads of queries %s cannot share %" PRId64 " heads of keys", f->name,
          a.heads, text, a.kv_heads);
    if (!packed) TRY(check_sides(f, first, &a));
    CHECK(!packed || q->dim[2] % (a.heads + 2 * a.kv_heads) == 0, SNUG_ESHAPE,
          "'%s': %s must be [N, T, (%" PRId64 " + 2 * %" PRId64
          ") * width]: heads of queries, of keys and of values",
          f->name, text, a.heads, a.kv_heads);
    bool same = packed || q->dim[1] == f->in[first + 1].shape.dim[1];
    for (int i = first + (packed ? 1 : 3); i < f->n_in; i++) TRY(check_extra(f, i, first, same));
    return SNUG_OK;
}

int snug_attention_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    for (int o = 0; o < s->n_out; o++)
        for (int i = 0; i < s->n_in; i++) n = snug_use_batch(s, u, n, o, i);
    return n;
}

double snug_attention_macs(const snug_sig *s, int first, bool packed)
{
    const snug_shape *q = &s->in[first].shape, *k = &s->in[packed ? first : first + 1].shape;
    const attention a = attention_of(s->attrs, 1);
    int64_t columns = packed ? q->dim[2] / (a.heads + 2 * a.kv_heads) * a.heads : q->dim[2];
    double all = (double)(q->dim[0] * q->dim[1] * columns) * (double)k->dim[1];
    return a.causal ? all / 2 : all;
}

/* y [N, T, columns] and lse [N, heads, T]. */
static void put_types(snug_infer *f, int64_t heads, int64_t columns)
{
    const snug_type *q = &f->in[0];
    f->out[0] = f->out[1] = *q;
    f->out[0].shape.dim[2] = columns;
    f->out[1].shape.dim[1] = heads, f->out[1].shape.kind[1] = SNUG_AXIS_FIXED;
    f->out[1].shape.dim[2] = q->shape.dim[1], f->out[1].shape.kind[2] = q->shape.kind[1];
}

static snug_status attention_shape(snug_infer *f)
{
    TRY(snug_attention_check(f, 0, false));
    put_types(f, attention_of(f->attrs, 1).heads, f->in[0].shape.dim[2]);
    return SNUG_OK;
}

static snug_status packed_shape(snug_infer *f)
{
    TRY(snug_attention_check(f, 0, true));
    const attention a = attention_of(f->attrs, 1);
    put_types(f, a.heads, f->in[0].shape.dim[2] / (a.heads + 2 * a.kv_heads) * a.heads);
    return SNUG_OK;
}

/* The gradient's node: dy, y, lse, then the inputs of the node itself. */
static snug_status grad(snug_grad *g, const snug_op *op)
{
    snug_value *in[SNUG_MAX_IN] = {g->dout[0], g->out[0], g->out[1]}, *out[SNUG_MAX_OUT];
    if (!g->dout[0]) return SNUG_OK;
    CHECK(!g->dout[1], SNUG_EUNSUPPORTED, "attention has no gradient through lse");
    for (int i = 0; i < g->n_in; i++) in[3 + i] = g->in[i];
    TRY(snug_apply_all(g->graph, op, NULL, g->attrs, 3 + g->n_in, in, out));
    for (int i = 0; i < op->n_out; i++) g->din[i] = out[i];
    return SNUG_OK;
}

static snug_status attention_grad(snug_grad *g)
{
    return grad(g, &snug_op_attention_grad);
}

static snug_status packed_grad(snug_grad *g)
{
    return grad(g, &snug_op_self_attention_grad);
}

static snug_cost attention_cost(const snug_sig *s)
{
    return snug_cost_of(s, 4 * snug_attention_macs(s, 0, false));
}

static snug_cost packed_cost(const snug_sig *s)
{
    return snug_cost_of(s, 4 * snug_attention_macs(s, 0, true));
}

/* ---- reference --------------------------------------------------------------------------------
 */

enum { COLUMNS = 64 }; /* of a head, summed at a time */

/* One query's head. */
typedef struct query {
    const attention *a;
    const snug_tensor *q, *k, *v;
    int64_t n, t, h, kv_head, end;
    double max, sum;
} query;

static double score(const query *x, int64_t s)
{
    int64_t q = attention_at(x->a, &x->a->q, x->n, x->t, x->h);
    int64_t k = attention_at(x->a, &x->a->k, x->n, s, x->kv_head);
    double sum = 0;
    for (int64_t d = 0; d < x->a->width; d++)
        sum += snug_load(x->q, q + d) * snug_load(x->k, k + d);
    return sum * x->a->scale;
}

static void find_sum(query *x)
{
    x->max = -INFINITY, x->sum = 0;
    for (int64_t s = 0; s < x->end; s++) {
        if (!attention_sees(x->a, x->n, x->t, s)) continue;
        double v = score(x, s);
        if (v > x->max || v != v) x->max = v;
    }
    for (int64_t s = 0; s < x->end; s++)
        if (attention_sees(x->a, x->n, x->t, s)) x->sum += exp(score(x, s) - x->max);
}

static void put_query(const query *x, const snug_tensor *y)
{
    const attention *a = x->a;
    int64_t at = ((x->n * a->t + x->t) * a->heads + x->h) * a->width;
    for (int64_t d0 = 0; d0 < a->width; d0 += COLUMNS) {
        double sum[COLUMNS] = {0};
        int64_t n = a->width - d0 < COLUMNS ? a->width - d0 : COLUMNS;
        for (int64_t s = 0; s < x->end; s++) {
            if (!attention_sees(a, x->n, x->t, s)) continue;
            double p = exp(score(x, s) - x->max) / x->sum;
            int64_t v = attention_at(a, &a->v, x->n, s, x->kv_head) + d0;
            for (int64_t d = 0; d < n; d++) sum[d] += p * snug_load(x->v, v + d);
        }
        for (int64_t d = 0; d < n; d++) snug_store(y, at + d0 + d, sum[d]);
    }
}

void snug_attention_forward(const attention *a, const snug_tensor *const in[3],
                            const snug_tensor *y, const snug_tensor *lse)
{
    query x = {.a = a, .q = in[0], .k = in[1], .v = in[2]};
    for (x.n = 0; x.n < a->n; x.n++)
        for (x.h = 0; x.h < a->heads; x.h++) {
            x.kv_head = x.h / attention_group(a);
            for (x.t = 0; x.t < a->t; x.t++) {
                x.end = attention_end(a, x.n, x.t);
                find_sum(&x);
                put_query(&x, y);
                double log_sum = x.sum > 0 || x.sum != x.sum ? x.max + log(x.sum) : 0;
                if (lse) snug_store(lse, (x.n * a->heads + x.h) * a->t + x.t, log_sum);
            }
        }
}

static void attention_ref(const snug_call *c)
{
    const attention a = attention_apart(c->attrs, c->in, 0, c->n_in);
    const snug_tensor *in[] = {&c->in[0], &c->in[1], &c->in[2]};
    snug_attention_forward(&a, in, &c->out[0], &c->out[1]);
}

static void packed_ref(const snug_call *c)
{
    const attention a = attention_packed(c->attrs, c->in, 0, c->n_in);
    const snug_tensor *in[] = {&c->in[0], &c->in[0], &c->in[0]};
    snug_attention_forward(&a, in, &c->out[0], &c->out[1]);
}

/* ---- the operators ----------------------------------------------------------------------------
 */

static const snug_attention_attrs two = {.heads = 2}, causal = {.heads = 2, .causal = 1},
                                  grouped = {.heads = 4, .kv_heads = 2, .causal = 1},
                                  later = {.heads = 1, .causal = 1, .offset = 3, .scale = 0.7},
                                  gpt = {.heads = 4, .causal = 1},
                                  gpt2 = {.heads = 12, .causal = 1}, vit = {.heads = 3};

static const snug_case attention_cases[] = {
    {.name = "one", .n_in = 3, .in = INPUTS(BATCH(1, 1, 1), BATCH(1, 1, 1), BATCH(1, 1, 1))},
    {.name = "two heads",
     .attrs = &two,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 5, 6), BATCH(7, 4, 6), BATCH(7, 4, 6))},
    {.name = "causal",
     .attrs = &causal,
     .n_in = 3,
     .in = INPUTS(BATCH(3, 9, 38), BATCH(3, 9, 38), BATCH(3, 9, 38))},
    {.name = "grouped",
     .attrs = &grouped,
     .n_in = 3,
     .in = INPUTS(BATCH(2, 7, 12), BATCH(2, 7, 6), BATCH(2, 7, 6))},
    {.name = "later",
     .attrs = &later,
     .n_in = 3,
     .in = INPUTS(BATCH(3, 2, 5), BATCH(3, 5, 5), BATCH(3, 5, 5))},
    {.name = "lengths",
     .attrs = &two,
     .n_in = 4,
     .in = INPUTS(BATCH(7, 3, 6), BATCH(7, 5, 6), BATCH(7, 5, 6), INDICES(7, 7))},
    {.name = "segments",
     .attrs = &causal,
     .n_in = 4,
     .in = INPUTS(BATCH(3, 6, 4), BATCH(3, 6, 4), BATCH(3, 6, 4), INDICES(2, 3, 6))},
    {.name = "fixed",
     .attrs = &two,
     .n_in = 3,
     .in = INPUTS(FIXED(2, 5, 4), FIXED(2, 6, 4), FIXED(2, 6, 4))},
    {0}};

const snug_op snug_op_attention = {
    .name = "attention",
    .doc =
        "attention(q [N, T, H*D], k [N, S, K*D], v [N, S, K*D], lengths i32 [N]?, segments i32\n"
        "[N, T]?; heads, kv_heads, causal, offset, scale) -> y [N, T, H*D], lse [N, H, T]\n"
        "y = softmax(scale * q k^T) v for each of H heads of width D (Vaswani et al. 2017); H/K\n"
        "heads share a head of keys and values (Ainslie et al. 2023). Keys at and behind a\n"
        "sample's length are not seen, nor those of another segment; causal: nor those behind\n"
        "position offset + t. A query that sees none gives 0. Scores are not stored.\n"
        "Gradient: attention_grad, which makes the scores again (Dao et al. 2022).",
    .n_in_min = 3,
    .n_in_max = 5,
    .n_out = 2,
    .attrs = snug_attention_attr_rows,
    .attrs_bytes = sizeof(snug_attention_attrs),
    .shape = attention_shape,
    .axes = snug_attention_axes,
    .grad = attention_grad,
    .cost = attention_cost,
    .ref = attention_ref,
    .cases = attention_cases};

static const snug_case packed_cases[] = {
    {.name = "one", .n_in = 1, .in = INPUTS(BATCH(1, 1, 3))},
    {.name = "two heads", .attrs = &two, .n_in = 1, .in = INPUTS(BATCH(7, 5, 18))},
    {.name = "causal", .attrs = &causal, .n_in = 1, .in = INPUTS(BATCH(3, 9, 102))},
    {.name = "grouped", .attrs = &grouped, .n_in = 1, .in = INPUTS(BATCH(2, 7, 40))},
    {.name = "lengths", .attrs = &two, .n_in = 2, .in = INPUTS(BATCH(7, 5, 12), INDICES(7, 7))},
    {.name = "segments",
     .attrs = &causal,
     .n_in = 3,
     .in = INPUTS(BATCH(3, 6, 12), INDICES(2, 3, 6), INDICES(7, 3))},
    {.name = "long", .attrs = &causal, .no_grad = true, .n_in = 1, .in = INPUTS(BATCH(2, 131, 24))},
    {.name = "gpt", .bench = true, .attrs = &gpt, .n_in = 1, .in = INPUTS(BATCH(12, 64, 384))},
    {.name = "gpt2", .bench = true, .attrs = &gpt2, .n_in = 1, .in = INPUTS(BATCH(4, 64, 2304))},
    {.name = "vit", .bench = true, .attrs = &vit, .n_in = 1, .in = INPUTS(BATCH(2, 197, 576))},
    {0}};

const snug_op snug_op_self_attention = {
    .name = "self_attention",
    .doc = "self_attention(qkv [N, T, (H + 2K)*D], lengths i32 [N]?, segments i32 [N, T]?; heads,\n"
           "kv_heads, causal, offset, scale) -> y [N, T, H*D], lse [N, H, T]\n"
           "attention among the positions of one tensor that holds, for each, H heads of queries,\n"
           "K of keys and K of values. Queries at and behind a sample's length give 0.\n"
           "Gradient: self_attention_grad, which makes the scores again (Dao et al. 2022).",
    .n_in_min = 1,
    .n_in_max = 3,
    .n_out = 2,
    .attrs = snug_attention_attr_rows,
    .attrs_bytes = sizeof(snug_attention_attrs),
    .shape = packed_shape,
    .axes = snug_attention_axes,
    .grad = packed_grad,
    .cost = packed_cost,
    .ref = packed_ref,
    .cases = packed_cases};
