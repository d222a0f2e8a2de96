/* SPDX-License-Identifier: Apache-2.0 */
/* embedding and its gradient on f32. The gradient first sorts the places by their id (a counting
 * sort, which keeps their order), then every row of the table sums its own places: one row is
 * written by one task, in an order that follows from the ids and the leaves alone. */
#include "kernels/cpu/spans.h"
#include "ops/rules.h"
#include <snug/leaves.h>

static void embedding_rows(const snug_call *c, int64_t begin, int64_t end)
{
    const snug_shape *table = &c->in[0].type.shape;
    const int32_t *ids = c->in[1].data;
    const float *from = c->in[0].data;
    size_t bytes = (size_t)table->dim[1] * sizeof(float);
    for (int64_t r = begin; r < end; r++) {
        float *y = (float *)c->out[0].data + r * table->dim[1];
        if (ids[r] >= 0 && ids[r] < table->dim[0])
            memcpy(y, from + ids[r] * table->dim[1], bytes);
        else
            memset(y, 0, bytes);
    }
}

static void k_embedding_f32(const snug_call *c)
{
    int64_t n = snug_shape_elements(&c->in[1].type.shape);
    spans_run(c, n, span_rows(c->in[0].type.shape.dim[1], SPAN_STREAM), embedding_rows);
}

/* ---- gradient ---------------------------------------------------------------------------------
 */

/* Places of a call by id: those of row v are place[first[v]] to place[first[v + 1]]. */
typedef struct places {
    int32_t *first, *place;
} places;

typedef struct gradient {
    const snug_call *call;
    const float *dy, *base; /* base NULL: zeros */
    places by_id;
    int64_t n_columns, leaf_places; /* places of a leaf slot */
} gradient;

static places sort_places(const int32_t *ids, int64_t n, int64_t rows, int32_t *scratch)
{
    places p = {.first = scratch, .place = scratch + rows + 2};
    memset(p.first, 0, (size_t)(rows + 2) * sizeof *p.first);
    for (int64_t i = 0; i < n; i++)
        if (ids[i] >= 0 && ids[i] < rows) p.first[ids[i] + 2]++;
    for (int64_t v = 1; v < rows; v++) p.first[v + 1] += p.first[v];
    for (int64_t i = 0; i < n; i++)
        if (ids[i] >= 0 && ids[i] < rows) p.place[p.first[ids[i] + 1]++] = (int32_t)i;
    return p;
}

enum { GROUP = 4 }; /* vectors of columns summed at a time */

typedef struct leaf_sums {
    vf v[GROUP];
    int64_t slot;
} leaf_sums;

/* The level of the tree at which two slots meet. */
static int meeting(int64_t a, int64_t b)
{
    return 64 - __builtin_clzll((unsigned long long)(a ^ b) | 1);
}

static void merge_top(leaf_sums *stack, int *depth)
{
    leaf_sums *a = &stack[*depth - 2];
    for (int k = 0; k < GROUP; k++) a->v[k] = vadd(a->v[k], a[1].v[k]);
    a->slot = a[1].slot;
    --*depth;
}

/* GROUP vectors of columns from `column` on: the sum over the places of one row. Slots without a
 * place add nothing: sums meet in the tree over slot numbers as if zeros stood between. */
static void sum_places(const gradient *g, const int32_t *place, int64_t n, int64_t column,
                       vf sum[GROUP])
{
    leaf_sums stack[SNUG_LEAF_DEPTH + 1];
    int depth = 0, lanes[GROUP];
    for (int k = 0; k < GROUP; k++) {
        int64_t left = g->n_columns - column - k * VLEN;
        lanes[k] = left <= 0 ? 0 : vlanes(0, left);
    }
    for (int64_t i = 0; i < n;) {
        leaf_sums s = {.slot = place[i] / g->leaf_places};
        for (int k = 0; k < GROUP; k++) s.v[k] = vzero();
        for (; i < n && place[i] / g->leaf_places == s.slot; i++)
            for (int k = 0; k < GROUP && lanes[k] > 0; k++)
                s.v[k] =
                    vadd(s.v[k],
                         vload_upto(g->dy + place[i] * g->n_columns + column + k * VLEN, lanes[k]));
        while (depth > 1 && meeting(stack[depth - 2].slot, stack[depth - 1].slot) <
                                meeting(stack[depth - 1].slot, s.slot))
            merge_top(stack, &depth);
        stack[depth++] = s;
    }
    while (depth > 1) merge_top(stack, &depth);
    memcpy(sum, stack[0].v, sizeof stack[0].v);
}

static void put_sums(const gradient *g, int64_t row, const int32_t *place, int64_t n)
{
    int64_t at = row * g->n_columns;
    float *y = (float *)g->call->out[0].data + at;
    for (int64_t column = 0; column < g->n_columns; column += GROUP * VLEN) {
        vf sum[GROUP];
        sum_places(g, place, n, column, sum);
        for (int k = 0; k < GROUP; k++) {
            int64_t j = column + k * VLEN;
            if (j >= g->n_columns) break;
            int lanes = vlanes(j, g->n_columns);
            if (g->base) sum[k] = vadd(vload_upto(g->base + at + j, lanes), sum[k]);
            vstore_upto(y + j, sum[k], lanes);
        }
    }
}

static void gradient_task(void *arg, int64_t task, int thread)
{
    const gradient *g = arg;
    (void)thread;
    int64_t rows = g->call->out[0].type.shape.dim[0], grain = span_rows(g->n_columns, SPAN_STREAM);
    int64_t begin = task * grain, end = begin + grain < rows ? begin + grain : rows;
    size_t bytes = (size_t)g->n_columns * sizeof(float);
    for (int64_t v = begin; v < end; v++) {
        const int32_t *place = g->by_id.place + g->by_id.first[v];
        int64_t n = g->by_id.first[v + 1] - g->by_id.first[v];
        float *y = (float *)g->call->out[0].data + v * g->n_columns;
        if (n > 0)
            put_sums(g, v, place, n);
        else if (!g->base)
            memset(y, 0, bytes);
        else if (y != g->base + v * g->n_columns)
            memcpy(y, g->base + v * g->n_columns, bytes);
    }
}

/* dy is input x, ids the next. */
static void run_gradient(const snug_call *c, int x, const float *base)
{
    const snug_shape *ids = &c->in[x + 1].type.shape;
    int64_t n = snug_shape_elements(ids), rows = c->out[0].type.shape.dim[0];
    gradient g = {.call = c, .dy = c->in[x].data, .base = base};
    g.n_columns = c->out[0].type.shape.dim[1];
    g.leaf_places = n;
    if (snug_shape_has_batch(ids))
        g.leaf_places = snug_each_sample(c->step, n) * c->step->leaf_samples;
    if (g.leaf_places == 0) g.leaf_places = 1;
    g.by_id = sort_places(c->in[x + 1].data, n, rows, c->scratch);
    int64_t grain = span_rows(g.n_columns, SPAN_STREAM);
    snug_parallel(c->queue, (rows + grain - 1) / grain, gradient_task, &g);
}

static void k_embedding_grad_f32(const snug_call *c)
{
    run_gradient(c, 0, NULL);
}

static void k_embedding_grad_onto_f32(const snug_call *c)
{
    run_gradient(c, 1, c->in[0].data);
}

static size_t gradient_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    int64_t n = snug_shape_elements(&s->in[s->n_in - 1].shape);
    return (size_t)(s->out[0].shape.dim[0] + 2 + n) * sizeof(int32_t);
}

KERNEL_TABLE(embedding) = {
    {.op = "embedding", .name = "k_embedding_f32", .run = k_embedding_f32},
    {.op = "embedding_grad",
     .name = "k_embedding_grad_f32",
     .scratch = gradient_scratch,
     .run = k_embedding_grad_f32},
    {.op = "embedding_grad_onto",
     .name = "k_embedding_grad_onto_f32",
     .scratch = gradient_scratch,
     .run = k_embedding_grad_onto_f32},
    {0},
};
