/* SPDX-License-Identifier: Apache-2.0 */
/* layer_norm, rms_norm and their gradients (ops/layer_norm.c has the formulas): rms_norm is
 * layer_norm with a mean of 0. A row is one task's; the order of its sums follows from its length
 * and the tier: four vector accumulators that take turns. Statistics are sums of deviations from a
 * pivot and of their squares, in one pass; the pivot is the mean of the row's first four vectors,
 * so that a row of n elements loses no more to cancellation than the factor n by theirs. Gradients
 * of weight and bias are reductions over rows as in columns.h. */
#include "kernels/cpu/columns.h"

/* Adds to two sums what the n elements at i contribute; lanes past n must add nothing. */
typedef void (*row_term)(const void *arg, int64_t i, int n, vf sum[2]);

ALWAYS_INLINE void row_sums(int64_t n, row_term term, const void *arg, float out[2])
{
    vf s[4][2];
    int64_t i = 0;
    UNROLL for (int v = 0; v < 4; v++) s[v][0] = s[v][1] = vzero();
    for (; i + 4 * VLEN <= n; i += 4 * VLEN)
        UNROLL for (int v = 0; v < 4; v++) term(arg, i + v * VLEN, VLEN, s[v]);
    if (i < n) UNROLL for (int v = 0; v < 4; v++)
        {
            if (i < n) term(arg, i, vlanes(i, n), s[v]);
            i += VLEN;
        }
    UNROLL for (int k = 0; k < 2; k++) out[k] =
        vsum(vadd(vadd(s[0][k], s[1][k]), vadd(s[2][k], s[3][k])));
}

/* Rows that go through each pass together, so that none waits for its own sums: half as many where
 * they are long, a vector's lanes where they are short. */
enum { ROWS = 8, LONG_ROW = 512, ROWS_UP = ROWS > VLEN ? ROWS : VLEN };

static inline void ask_for(const float *in, int64_t n)
{
    for (int64_t i = 0; i < n; i += 16) __builtin_prefetch(in + i, 0);
}

static const float *floats(const snug_call *c, int input)
{
    return c->n_in > input ? c->in[input].data : NULL;
}

/* ---- forward ----------------------------------------------------------------------------------
 */

typedef struct norm_row {
    const float *x, *weight, *bias; /* weight NULL: 1; bias NULL: 0 */
    float *y;
    vf mean, inv_std;
} norm_row;

ALWAYS_INLINE void sum_term(const void *arg, int64_t i, int n, vf sum[2])
{
    const norm_row *r = arg;
    sum[0] = vadd(sum[0], vload_upto(r->x + i, n));
}

ALWAYS_INLINE void deviation_term(const void *arg, int64_t i, int n, vf sum[2])
{
    const norm_row *r = arg;
    vf d = vsub(vload_upto(r->x + i, n), r->mean);
    if (n < VLEN) d = vselect(vmask_n(n), d, vzero());
    sum[0] = vadd(sum[0], d);
    sum[1] = vfma(d, d, sum[1]);
}

ALWAYS_INLINE void square_term(const void *arg, int64_t i, int n, vf sum[2])
{
    const norm_row *r = arg;
    vf v = vload_upto(r->x + i, n);
    sum[0] = vfma(v, v, sum[0]);
}

/* y = (x - mean) * inv_std * weight + bias */
ALWAYS_INLINE void norm_at(const void *arg, int64_t i, int n)
{
    const norm_row *r = arg;
    vf y = vmul(vsub(vload_upto(r->x + i, n), r->mean), r->inv_std);
    if (r->weight) y = vmul(y, vload_upto(r->weight + i, n));
    if (r->bias) y = vadd(y, vload_upto(r->bias + i, n));
    vstore_upto(r->y + i, y, n);
}

ALWAYS_INLINE void norm_whole_at(const void *arg, int64_t i, int n)
{
    const norm_row *r = arg;
    vf xhat = vmul(vsub(vload_upto(r->x + i, n), r->mean), r->inv_std);
    vf y = vmul(xhat, vload_upto(r->weight + i, n));
    vstore_upto(r->y + i, vadd(y, vload_upto(r->bias + i, n)), n);
}

static inline void norm_each(int64_t n, const norm_row *r)
{
    int64_t i = 0;
    if (r->weight && r->bias) {
        for (; i + 4 * VLEN <= n; i += 4 * VLEN)
            UNROLL for (int v = 0; v < 4; v++) norm_whole_at(r, i + v * VLEN, VLEN);
        span_each(i, n, norm_whole_at, r);
    } else
        span_each(0, n, norm_at, r);
}

static float epsilon_of(const snug_call *c)
{
    return (float)((const snug_layer_norm_attrs *)c->attrs)->epsilon;
}

/* 1 / sqrt(mean_square + epsilon), where it is not negative. */
static inline vf inverse_root(vf mean_square, float epsilon)
{
    return vdiv(vset1(1), vsqrt(vadd(vmax(vzero(), mean_square), vset1(epsilon))));
}

/* Means that pivots and the sums of deviations from them give, and inv_std from those of squares,
 * in their places. */
static void conclude_rows(const snug_call *c, int n_rows, float *mean, const float *sum, float *inv)
{
    const vf each = vset1(1 / (float)snug_shape_last(&c->in[0].type.shape));
    for (int i = 0; i < n_rows; i += VLEN) {
        const vf off = vload(sum + i), drift = vmul(off, each);
        const vf var = vmul(vfma(vneg(off), drift, vload(inv + i)), each);
        vstore(mean + i, vadd(vload(mean + i), drift));
        vstore(inv + i, inverse_root(var, epsilon_of(c)));
    }
}

static norm_row norm_row_of(const snug_call *c, int64_t r, int64_t n)
{
    return (norm_row){.x = (const float *)c->in[0].data + r * n,
                      .y = (float *)c->out[0].data + r * n,
                      .weight = floats(c, 1),
                      .bias = floats(c, 2),
                      .mean = vzero()};
}

static void layer_norm_some(const snug_call *c, int64_t first, int n_rows)
{
    const int64_t n = snug_shape_last(&c->in[0].type.shape);
    float *means = c->out[1].data, *inv_stds = c->out[2].data, two[2];
    float mean[ROWS_UP] = {0}, sum[ROWS_UP] = {0}, inv_std[ROWS_UP] = {0};
    const int64_t n_pivot = n < 4 * VLEN ? n : 4 * VLEN;
    const float each = 1 / (float)n_pivot;
    for (int i = 0; i < n_rows; i++) {
        norm_row k = norm_row_of(c, first + i, n);
        row_sums(n_pivot, sum_term, &k, two);
        mean[i] = two[0] * each;
    }
    for (int i = 0; i < n_rows; i++) {
        norm_row k = norm_row_of(c, first + i, n);
        k.mean = vset1(mean[i]);
        row_sums(n, deviation_term, &k, two);
        sum[i] = two[0], inv_std[i] = two[1];
    }
    conclude_rows(c, n_rows, mean, sum, inv_std);
    for (int i = 0; i < n_rows; i++) {
        norm_row k = norm_row_of(c, first + i, n);
        k.mean = vset1(mean[i]), k.inv_std = vset1(inv_std[i]);
        norm_each(n, &k);
        if (means) means[first + i] = mean[i];
        if (inv_stds) inv_stds[first + i] = inv_std[i];
    }
}

/* Rows of up to four vectors, from the first of a span. */
typedef struct short_rows {
    const float *x;
    float *y;
    vf weight[4], bias[4];
    int64_t n;
    int lanes[4];
    float epsilon;
} short_rows;

/* Up to VLEN of them and what becomes known of them. */
typedef struct short_batch {
    int64_t first;
    int n_rows;
    float mean[VLEN], inv_std[VLEN];
} short_batch;

/* Row i of the batch; any where there is none. */
ALWAYS_INLINE void short_row_of(const short_rows *k, const short_batch *b, int i, vf x[4])
{
    const float *row = k->x + (b->first + (i < b->n_rows ? i : 0)) * k->n;
    UNROLL for (int v = 0; v < 4; v++) x[v] = vload_n(row + v * VLEN, k->lanes[v]);
}

ALWAYS_INLINE vf sum_of_four(const vf x[4])
{
    return vadd(vadd(x[0], x[1]), vadd(x[2], x[3]));
}

ALWAYS_INLINE void short_means(const short_rows *k, short_batch *b)
{
    vf x[4], sums[VLEN];
    UNROLL for (int i = 0; i < VLEN; i++)
    {
        short_row_of(k, b, i, x);
        sums[i] = sum_of_four(x);
    }
    vstore(b->mean, vmul(vsums(sums), vset1(1 / (float)k->n)));
}

/* Sums of deviations from those means, which make up for their rounding, and of their squares. The
 * batch after is asked for meanwhile. */
ALWAYS_INLINE void short_deviations(const short_rows *k, short_batch *b)
{
    const vf each = vset1(1 / (float)k->n);
    vf d[4], sums[VLEN], squares[VLEN];
    for (int i = 0; i < VLEN; i++) {
        const float *next = k->x + (b->first + VLEN + i) * k->n;
        UNROLL for (int v = 0; v < 4; v++) __builtin_prefetch(next + v * VLEN);
        short_row_of(k, b, i, d);
        UNROLL for (int v = 0; v < 4; v++) d[v] =
            vselect(vmask_n(k->lanes[v]), vsub(d[v], vset1(b->mean[i])), vzero());
        sums[i] = sum_of_four(d);
        squares[i] = vadd(vfma(d[1], d[1], vmul(d[0], d[0])), vfma(d[3], d[3], vmul(d[2], d[2])));
    }
    const vf off = vsums(sums), drift = vmul(off, each);
    const vf var = vmul(vfma(vneg(off), drift, vsums(squares)), each);
    vstore(b->mean, vadd(vload(b->mean), drift));
    vstore(b->inv_std, inverse_root(var, k->epsilon));
}

ALWAYS_INLINE void short_results(const short_rows *k, const short_batch *b)
{
    for (int i = 0; i < b->n_rows; i++) {
        const vf mean = vset1(b->mean[i]), inv_std = vset1(b->inv_std[i]);
        float *y = k->y + (b->first + i) * k->n;
        vf x[4];
        short_row_of(k, b, i, x);
        UNROLL for (int v = 0; v < 4; v++)
        {
            const vf xhat = vmul(vsub(x[v], mean), inv_std);
            vstore_n(y + v * VLEN, vadd(vmul(xhat, k->weight[v]), k->bias[v]), k->lanes[v]);
        }
    }
}

static short_rows short_rows_of(const snug_call *c, int64_t begin)
{
    const int64_t n = snug_shape_last(&c->in[0].type.shape);
    const norm_row first = norm_row_of(c, begin, n);
    short_rows k = {.x = first.x, .y = first.y, .n = n, .epsilon = epsilon_of(c)};
    UNROLL for (int v = 0; v < 4; v++)
    {
        k.lanes[v] = v * VLEN < n ? vlanes(v * VLEN, n) : 0;
        k.weight[v] = first.weight ? vload_n(first.weight + v * VLEN, k.lanes[v]) : vset1(1);
        k.bias[v] = first.bias ? vload_n(first.bias + v * VLEN, k.lanes[v]) : vzero();
    }
    return k;
}

/* The results of a batch are made between the passes over the next, so that none of them waits for
 * the sums of the one before it. */
static void layer_norm_short(const snug_call *c, int64_t begin, int64_t end)
{
    const short_rows k = short_rows_of(c, begin);
    float *means = c->out[1].data, *inv_stds = c->out[2].data;
    short_batch two[2] = {{.n_rows = 0}, {.n_rows = 0}};
    int now = 0;
    for (int64_t r = 0; r < end - begin; r += VLEN, now ^= 1) {
        short_batch *b = &two[now];
        b->first = r, b->n_rows = vlanes(r, end - begin);
        short_means(&k, b);
        short_results(&k, &two[!now]);
        short_deviations(&k, b);
        if (means) vstore_upto(means + begin + r, vload(b->mean), b->n_rows);
        if (inv_stds) vstore_upto(inv_stds + begin + r, vload(b->inv_std), b->n_rows);
    }
    short_results(&k, &two[!now]);
}

static void layer_norm_rows(const snug_call *c, int64_t begin, int64_t end)
{
    /* on narrower tiers too few rows are so short to be worth the code */
    if (VLEN >= 16 && snug_shape_last(&c->in[0].type.shape) <= 4 * VLEN) {
        layer_norm_short(c, begin, end);
        return;
    }
    const int rows = snug_shape_last(&c->in[0].type.shape) >= LONG_ROW ? ROWS / 2 : ROWS;
    for (int64_t r = begin; r < end; r += rows)
        layer_norm_some(c, r, end - r < rows ? (int)(end - r) : rows);
}

static void rms_norm_some(const snug_call *c, int64_t first, int n_rows)
{
    const int64_t n = snug_shape_last(&c->in[0].type.shape);
    const float each = 1 / (float)n;
    float *inv_rms = c->out[1].data, two[2];
    float inv[ROWS_UP] = {0};
    for (int i = 0; i < n_rows; i++) {
        norm_row k = norm_row_of(c, first + i, n);
        ask_for(k.x + ROWS * n, n);
        row_sums(n, square_term, &k, two);
        inv[i] = two[0] * each;
    }
    for (int i = 0; i < n_rows; i += VLEN)
        vstore(inv + i, inverse_root(vload(inv + i), epsilon_of(c)));
    for (int i = 0; i < n_rows; i++) {
        norm_row k = norm_row_of(c, first + i, n);
        k.inv_std = vset1(inv[i]);
        span_each(0, n, norm_at, &k);
        if (inv_rms) inv_rms[first + i] = inv[i];
    }
}

static void rms_norm_rows(const snug_call *c, int64_t begin, int64_t end)
{
    for (int64_t r = begin; r < end; r += ROWS)
        rms_norm_some(c, r, end - r < ROWS ? (int)(end - r) : ROWS);
}

static void run_rows(const snug_call *c, span_fn fn)
{
    const snug_shape *s = &c->in[0].type.shape;
    spans_run(c, snug_shape_rows(s), span_rows(snug_shape_last(s), SPAN_MATH), fn);
}

static void k_layer_norm_f32(const snug_call *c)
{
    run_rows(c, layer_norm_rows);
}

static void k_rms_norm_f32(const snug_call *c)
{
    run_rows(c, rms_norm_rows);
}

/* ---- gradients --------------------------------------------------------------------------------
 */

/* Inputs of both gradients; mean NULL: rms_norm. */
typedef struct grad_in {
    const float *dy, *x, *mean, *inv_std, *weight;
} grad_in;

static grad_in grad_in_of(const snug_call *c)
{
    int stats = c->n_out == 3 ? 2 : 1;
    return (grad_in){.dy = c->in[0].data,
                     .x = c->in[1].data,
                     .mean = stats == 2 ? floats(c, 2) : NULL,
                     .inv_std = c->in[1 + stats].data,
                     .weight = floats(c, 2 + stats)};
}

typedef struct grad_row {
    const float *dy, *x, *weight;
    float *dx;
    vf mean, inv_std, mean_u, mean_ux;
} grad_row;

ALWAYS_INLINE vf u_at(const grad_row *r, int64_t i, int n)
{
    vf dy = vload_upto(r->dy + i, n);
    return r->weight ? vmul(dy, vload_upto(r->weight + i, n)) : dy;
}

ALWAYS_INLINE vf xhat_at(const grad_row *r, int64_t i, int n)
{
    return vmul(vsub(vload_upto(r->x + i, n), r->mean), r->inv_std);
}

/* u is zero in lanes that are not there. */
ALWAYS_INLINE void grad_term(const void *arg, int64_t i, int n, vf sum[2])
{
    const grad_row *r = arg;
    vf u = u_at(r, i, n);
    sum[0] = vadd(sum[0], u);
    sum[1] = vfma(u, xhat_at(r, i, n), sum[1]);
}

ALWAYS_INLINE void grad_at(const void *arg, int64_t i, int n)
{
    const grad_row *r = arg;
    vf d = vfma(vneg(xhat_at(r, i, n)), r->mean_ux, vsub(u_at(r, i, n), r->mean_u));
    vstore_upto(r->dx + i, vmul(d, r->inv_std), n);
}

static grad_row grad_row_of(const snug_call *c, const grad_in *in, int64_t r, int64_t n)
{
    return (grad_row){.dy = in->dy + r * n,
                      .x = in->x + r * n,
                      .weight = in->weight,
                      .dx = (float *)c->out[0].data + r * n,
                      .mean = vset1(in->mean ? in->mean[r] : 0),
                      .inv_std = vset1(in->inv_std[r])};
}

static void grad_some(const snug_call *c, const grad_in *in, int64_t first, int n_rows)
{
    int64_t n = snug_shape_last(&c->in[0].type.shape);
    float sum[ROWS][2];
    for (int i = 0; i < n_rows; i++) {
        grad_row k = grad_row_of(c, in, first + i, n);
        ask_for(k.x + ROWS * n, n);
        row_sums(n, grad_term, &k, sum[i]);
    }
    for (int i = 0; i < n_rows; i++) {
        grad_row k = grad_row_of(c, in, first + i, n);
        k.mean_u = vset1(in->mean ? sum[i][0] / (float)n : 0);
        k.mean_ux = vset1(sum[i][1] / (float)n);
        span_each(0, n, grad_at, &k);
    }
}

static void grad_rows(const snug_call *c, int64_t begin, int64_t end)
{
    const grad_in in = grad_in_of(c);
    for (int64_t r = begin; r < end; r += ROWS)
        grad_some(c, &in, r, end - r < ROWS ? (int)(end - r) : ROWS);
}

/* Sums of dy and dy * xhat of up to four vectors of columns, row after row. */
ALWAYS_INLINE void group_sums_of_rows(const grad_in *in, const column_block *b, int64_t n,
                                      int64_t column, int width, float *const out[2])
{
    vf sum[4][2];
    UNROLL for (int v = 0; v < 4; v++) sum[v][0] = sum[v][1] = vzero();
    for (int64_t r = b->row; r < b->row + b->n_rows; r++) {
        grad_row k = {.dy = in->dy + r * n + column, .x = in->x + r * n + column};
        k.mean = vset1(in->mean ? in->mean[r] : 0);
        k.inv_std = vset1(in->inv_std[r]);
        UNROLL for (int v = 0; v < 4; v++) if (v * VLEN < width)
            grad_term(&k, v * VLEN, vlanes(v * VLEN, width), sum[v]);
    }
    UNROLL for (int v = 0; v < 4; v++)
    {
        if (v * VLEN >= width) continue;
        for (int k = 0; k < 2; k++)
            vstore_upto(out[k] + v * VLEN, sum[v][k], vlanes(v * VLEN, width));
    }
}

/* Where a task has all columns of its rows, it goes on to their dx while they are near. */
static void grad_block(const column_job *j, const column_block *b, float *const out[2])
{
    grad_in in = grad_in_of(j->arg);
    int64_t n = j->layout.n_columns, c = b->begin;
    for (; c + COLUMN_GROUP <= b->end; c += COLUMN_GROUP)
        group_sums_of_rows(&in, b, n, c, COLUMN_GROUP,
                           (float *const[]){out[0] + c - b->begin, out[1] + c - b->begin});
    if (c < b->end)
        group_sums_of_rows(&in, b, n, c, (int)(b->end - c),
                           (float *const[]){out[0] + c - b->begin, out[1] + c - b->begin});
    if (j->partials && b->end == n) grad_rows(j->arg, b->row, b->row + b->n_rows);
}

static void grad_finish(const column_job *j, int64_t begin, int64_t end, const column_state *s)
{
    const snug_call *c = j->arg;
    float *dweight = c->out[1].data, *dbias = c->n_out == 3 ? c->out[2].data : NULL;
    for (int64_t i = begin; i < end; i++) {
        if (dweight) dweight[i] = (float)s->v[1][i - begin];
        if (dbias) dbias[i] = (float)s->v[0][i - begin];
    }
}

/* dx may be dy: sums over a row come before its dx. */
static void k_norm_grad_f32(const snug_call *c)
{
    column_job j = columns_job(c, &c->in[0].type.shape);
    if (c->out[1].data || (c->n_out == 3 && c->out[2].data)) {
        j.block = grad_block;
        j.merge = column_merge_sums;
        j.round = true;
        j.finish = grad_finish;
        j.arg = c;
        columns_reduce(c, &j, c->scratch, c->scratch_bytes);
    }
    if (!j.partials) run_rows(c, grad_rows);
}

static size_t norm_grad_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    return columns_scratch(&s->in[0].shape);
}

KERNEL_TABLE(layer_norm) = {
    {.op = "layer_norm", .name = "k_layer_norm_f32", .run = k_layer_norm_f32},
    {.op = "layer_norm_grad",
     .name = "k_layer_norm_grad_f32",
     .scratch = norm_grad_scratch,
     .run = k_norm_grad_f32},
    {.op = "rms_norm", .name = "k_rms_norm_f32", .run = k_rms_norm_f32},
    {.op = "rms_norm_grad",
     .name = "k_rms_norm_grad_f32",
     .scratch = norm_grad_scratch,
     .run = k_norm_grad_f32},
    {0},
};
