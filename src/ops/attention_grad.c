/* SPDX-License-Identifier: Apache-2.0 */
/* The gradients of attention, from what forward left: y and lse, not the scores (Dao et al. 2022,
 * algorithm 4). With p[t, s] = exp(scale * q[t] . k[s] - lse[t]):
 *     ds[t, s] = p[t, s] (dy[t] . v[s] - dy[t] . y[t])
 *     dq[t] = scale * sum over s of ds[t, s] k[s]
 *     dk[s] = scale * sum over heads of the group, over t, of ds[t, s] q[t]
 *     dv[s] = sum over heads of the group, over t, of p[t, s] dy[t] */
#include "ops/attention.h"
#include "ops/cases.h"

enum { FIRST = 3 /* inputs before those of the forward node: dy, y, lse */ };

/* ---- rules ------------------------------------------------------------------------------------
 */

/* dy and y like the forward's first output, lse like its second. */
static snug_status check_forward(const snug_infer *f, int64_t heads, int64_t columns)
{
    const snug_shape *q = &f->in[FIRST].shape, *lse = &f->in[2].shape;
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    snug_shape_text(q, b, sizeof b);
    for (int i = 0; i < FIRST; i++) TRY(snug_infer_float(f, i, FIRST));
    for (int i = 0; i < 2; i++) {
        const snug_shape *y = &f->in[i].shape;
        CHECK(y->n_dims == 3 && y->dim[0] == q->dim[0] && y->kind[0] == q->kind[0] &&
                  y->dim[1] == q->dim[1] && y->dim[2] == columns,
              SNUG_ESHAPE, "'%s': input %d is %s, which is no result of queries %s", f->name, i,
              snug_shape_text(y, a, sizeof a), b);
    }
    CHECK(lse->n_dims == 3 && lse->dim[0] == q->dim[0] && lse->kind[0] == q->kind[0] &&
              lse->dim[1] == heads && lse->dim[2] == q->dim[1],
          SNUG_ESHAPE, "'%s': lse is %s, but queries %s need [N, heads, T]", f->name,
          snug_shape_text(lse, a, sizeof a), b);
    return SNUG_OK;
}

static snug_status attention_grad_shape(snug_infer *f)
{
    TRY(snug_attention_check(f, FIRST, false));
    TRY(check_forward(f, attention_of(f->attrs, 1).heads, f->in[FIRST].shape.dim[2]));
    for (int i = 0; i < 3; i++) f->out[i] = f->in[FIRST + i];
    return SNUG_OK;
}

static snug_status packed_grad_shape(snug_infer *f)
{
    TRY(snug_attention_check(f, FIRST, true));
    const attention a = attention_of(f->attrs, 1);
    int64_t columns = f->in[FIRST].shape.dim[2] / (a.heads + 2 * a.kv_heads) * a.heads;
    TRY(check_forward(f, a.heads, columns));
    f->out[0] = f->in[FIRST];
    return SNUG_OK;
}

static snug_cost attention_grad_cost(const snug_sig *s)
{
    return snug_cost_of(s, 10 * snug_attention_macs(s, FIRST, false));
}

static snug_cost packed_grad_cost(const snug_sig *s)
{
    return snug_cost_of(s, 10 * snug_attention_macs(s, FIRST, true));
}

/* ---- reference --------------------------------------------------------------------------------
 */

/* One pair of a query's head and a key. */
typedef struct pair {
    attention a;
    const snug_tensor *dy, *y, *lse, *q, *k, *v;
    int64_t n, t, s, h, kv_head;
    double p, ds;
} pair;

static double dot(const snug_tensor *x, int64_t i, const snug_tensor *y, int64_t j, int64_t n)
{
    double sum = 0;
    for (int64_t d = 0; d < n; d++) sum += snug_load(x, i + d) * snug_load(y, j + d);
    return sum;
}

static int64_t at_y(const pair *x)
{
    return ((x->n * x->a.t + x->t) * x->a.heads + x->h) * x->a.width;
}

/* p and ds of the pair. */
static void weigh(pair *x)
{
    const attention *a = &x->a;
    x->p = x->ds = 0;
    if (x->s >= attention_end(a, x->n, x->t) || !attention_sees(a, x->n, x->t, x->s)) return;
    int64_t q = attention_at(a, &a->q, x->n, x->t, x->h), y = at_y(x);
    int64_t k = attention_at(a, &a->k, x->n, x->s, x->kv_head);
    int64_t v = attention_at(a, &a->v, x->n, x->s, x->kv_head);
    double lse = snug_load(x->lse, (x->n * a->heads + x->h) * a->t + x->t);
    x->p = exp(a->scale * dot(x->q, q, x->k, k, a->width) - lse);
    x->ds = x->p * (dot(x->dy, y, x->v, v, a->width) - dot(x->dy, y, x->y, y, a->width));
}

enum { COLUMNS = 64 }; /* of a head, summed at a time */

static void put_query(pair *x, const snug_tensor *dq)
{
    const attention *a = &x->a;
    int64_t at = attention_at(a, &a->q, x->n, x->t, x->h);
    x->kv_head = x->h / attention_group(a);
    for (int64_t d0 = 0; d0 < a->width; d0 += COLUMNS) {
        double sum[COLUMNS] = {0};
        int64_t n = a->width - d0 < COLUMNS ? a->width - d0 : COLUMNS;
        for (x->s = 0; x->s < a->s; x->s++) {
            int64_t k = attention_at(a, &a->k, x->n, x->s, x->kv_head) + d0;
            weigh(x);
            for (int64_t d = 0; d < n; d++) sum[d] += x->ds * snug_load(x->k, k + d);
        }
        for (int64_t d = 0; d < n; d++) snug_store(dq, at + d0 + d, sum[d] * a->scale);
    }
}

/* Columns [d0, d0 + n) of the sums over the queries of one head. */
static void add_queries(pair *x, int64_t d0, int64_t n, double dk[COLUMNS], double dv[COLUMNS])
{
    const attention *a = &x->a;
    for (x->t = 0; x->t < a->t; x->t++) {
        int64_t q = attention_at(a, &a->q, x->n, x->t, x->h) + d0, y = at_y(x) + d0;
        weigh(x);
        for (int64_t d = 0; d < n; d++) {
            dk[d] += x->ds * snug_load(x->q, q + d);
            dv[d] += x->p * snug_load(x->dy, y + d);
        }
    }
}

static void put_key(pair *x, const snug_tensor *dk, const snug_tensor *dv)
{
    const attention *a = &x->a;
    int64_t first = x->kv_head * attention_group(a);
    int64_t k = attention_at(a, &a->k, x->n, x->s, x->kv_head);
    int64_t v = attention_at(a, &a->v, x->n, x->s, x->kv_head);
    for (int64_t d0 = 0; d0 < a->width; d0 += COLUMNS) {
        double sum_k[COLUMNS] = {0}, sum_v[COLUMNS] = {0};
        int64_t n = a->width - d0 < COLUMNS ? a->width - d0 : COLUMNS;
        for (x->h = first; x->h < first + attention_group(a); x->h++)
            add_queries(x, d0, n, sum_k, sum_v);
        for (int64_t d = 0; d < n; d++) {
            snug_store(dk, k + d0 + d, sum_k[d] * a->scale);
            snug_store(dv, v + d0 + d, sum_v[d]);
        }
    }
}

static void backward(pair *x, const snug_tensor *dq, const snug_tensor *dk, const snug_tensor *dv)
{
    for (x->n = 0; x->n < x->a.n; x->n++) {
        for (x->h = 0; x->h < x->a.heads; x->h++)
            for (x->t = 0; x->t < x->a.t; x->t++) put_query(x, dq);
        for (x->kv_head = 0; x->kv_head < x->a.kv_heads; x->kv_head++)
            for (int64_t s = 0; s < x->a.s; s++) {
                x->s = s;
                put_key(x, dk, dv);
            }
    }
}

static void attention_grad_ref(const snug_call *c)
{
    const snug_tensor *in = c->in;
    pair x = {.dy = in, .y = in + 1, .lse = in + 2, .q = in + 3, .k = in + 4, .v = in + 5};
    x.a = attention_apart(c->attrs, in, FIRST, c->n_in);
    backward(&x, &c->out[0], &c->out[1], &c->out[2]);
}

static void packed_grad_ref(const snug_call *c)
{
    const snug_tensor *in = c->in;
    pair x = {.dy = in, .y = in + 1, .lse = in + 2, .q = in + 3, .k = in + 3, .v = in + 3};
    x.a = attention_packed(c->attrs, in, FIRST, c->n_in);
    backward(&x, &c->out[0], &c->out[0], &c->out[0]);
}

/* ---- the operators ----------------------------------------------------------------------------
 */

static const snug_attention_attrs two = {.heads = 2}, causal = {.heads = 2, .causal = 1},
                                  grouped = {.heads = 4, .kv_heads = 2, .causal = 1},
                                  gpt = {.heads = 4, .causal = 1},
                                  gpt2 = {.heads = 12, .causal = 1}, vit = {.heads = 3};

static const snug_case attention_grad_cases[] = {
    {.name = "one",
     .n_in = 6,
     .in = INPUTS(BATCH(1, 1, 1), BATCH(1, 1, 1), BATCH(1, 1, 1), BATCH(1, 1, 1), BATCH(1, 1, 1),
                  BATCH(1, 1, 1))},
    {.name = "two heads",
     .attrs = &two,
     .n_in = 6,
     .in = INPUTS(BATCH(7, 5, 6), BATCH(7, 5, 6), BATCH(7, 2, 5), BATCH(7, 5, 6), BATCH(7, 4, 6),
                  BATCH(7, 4, 6))},
    {.name = "grouped",
     .attrs = &grouped,
     .n_in = 7,
     .in = INPUTS(BATCH(3, 7, 12), BATCH(3, 7, 12), BATCH(3, 4, 7), BATCH(3, 7, 12), BATCH(3, 7, 6),
                  BATCH(3, 7, 6), INDICES(9, 3))},
    {0}};

const snug_op snug_op_attention_grad = {
    .name = "attention_grad",
    .doc = "attention_grad(dy, y, lse, q, k, v, lengths?, segments?; as attention) -> dq, dk, dv\n"
           "The gradients of attention from its results; scores are made again (Dao et al. 2022).",
    .n_in_min = 6,
    .n_in_max = 8,
    .n_out = 3,
    .flags = SNUG_OP_BACKWARD,
    .attrs = snug_attention_attr_rows,
    .attrs_bytes = sizeof(snug_attention_attrs),
    .shape = attention_grad_shape,
    .axes = snug_attention_axes,
    .cost = attention_grad_cost,
    .ref = attention_grad_ref,
    .cases = attention_grad_cases};

#define PACKED(n, t, heads, columns, all)                                                          \
    BATCH(n, t, columns), BATCH(n, t, columns), BATCH(n, heads, t), BATCH(n, t, all)

static const snug_case packed_grad_cases[] = {
    {.name = "two heads", .attrs = &two, .n_in = 4, .in = INPUTS(PACKED(7, 5, 2, 6, 18))},
    {.name = "causal", .attrs = &causal, .n_in = 4, .in = INPUTS(PACKED(3, 9, 2, 34, 102))},
    {.name = "grouped", .attrs = &grouped, .n_in = 4, .in = INPUTS(PACKED(2, 7, 4, 20, 40))},
    {.name = "segments",
     .attrs = &causal,
     .n_in = 6,
     .in = INPUTS(PACKED(3, 6, 2, 4, 12), INDICES(2, 3, 6), INDICES(7, 3))},
    {.name = "long", .attrs = &causal, .n_in = 4, .in = INPUTS(PACKED(2, 131, 2, 8, 24))},
    {.name = "gpt",
     .bench = true,
     .attrs = &gpt,
     .n_in = 4,
     .in = INPUTS(PACKED(12, 64, 4, 128, 384))},
    {.name = "gpt2",
     .bench = true,
     .attrs = &gpt2,
     .n_in = 4,
     .in = INPUTS(PACKED(4, 64, 12, 768, 2304))},
    {.name = "vit",
     .bench = true,
     .attrs = &vit,
     .n_in = 4,
     .in = INPUTS(PACKED(2, 197, 3, 192, 576))},
    {0}};

const snug_op snug_op_self_attention_grad = {
    .name = "self_attention_grad",
    .doc = "self_attention_grad(dy, y, lse, qkv, lengths?, segments?; as self_attention) -> dqkv\n"
           "The gradient of self_attention from its results; scores are made again (Dao et al.\n"
           "2022).",
    .n_in_min = 4,
    .n_in_max = 6,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = snug_attention_attr_rows,
    .attrs_bytes = sizeof(snug_attention_attrs),
    .shape = packed_grad_shape,
    .axes = snug_attention_axes,
    .cost = packed_grad_cost,
    .ref = packed_grad_ref,
    .cases = packed_grad_cases};
