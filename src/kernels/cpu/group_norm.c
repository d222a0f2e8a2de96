/* SPDX-License-Identifier: Apache-2.0 */
/* group_norm and its gradient (ops/group_norm.c has the formulas). A sample is one task's: sums of
 * its channels over the places, block by block as in columns.h and added in double; then numbers a
 * group, in double; then one pass that writes. Sums of samples wait in scratch, in double, and are
 * added by leaves. */
#include "kernels/cpu/columns.h"
#include <math.h>

/* A sample's vectors over the wide row and two sums a channel, in scratch. */
typedef struct sample_room {
    double *sum[2];
    float *mean, *scale, *shift, *slope;
} sample_room;

static size_t room_bytes(const columns *l)
{
    size_t bytes = (size_t)l->n_columns * 2 * sizeof(double) + (size_t)l->width * 4 * sizeof(float);
    return (bytes + 63) & ~(size_t)63;
}

static sample_room room_of(const snug_call *c, const columns *l, int64_t sample)
{
    double *sums = (double *)(void *)((char *)c->scratch + (size_t)sample * room_bytes(l));
    float *f = (float *)(void *)(sums + 2 * l->n_columns);
    return (sample_room){
        {sums, sums + l->n_columns}, f, f + l->width, f + 2 * l->width, f + 3 * l->width};
}

static size_t group_norm_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    columns l = columns_of(snug_shape_last(&s->in[0].shape));
    return (size_t)s->in[0].shape.dim[0] * room_bytes(&l);
}

/* x [N, places, groups, each] */
typedef struct layout {
    columns columns;
    int64_t n, places, groups, each;
} layout;

static layout layout_of(const snug_call *c)
{
    const snug_shape *x = &c->in[0].type.shape;
    const snug_group_norm_attrs *a = c->attrs;
    layout l = {.columns = columns_of(snug_shape_last(x)), .n = x->dim[0]};
    l.groups = a->groups > 0 ? a->groups : l.columns.n_columns;
    l.each = l.columns.n_columns / l.groups;
    l.places = l.n > 0 ? snug_shape_rows(x) / l.n : 0;
    return l;
}

/* One sample, or a block of its places. */
typedef struct sample {
    const float *x, *dy;
    float *out;
    sample_room room;
} sample;

ALWAYS_INLINE void sum_term(const void *arg, int64_t at, int64_t j, int n, vf sum[2])
{
    const sample *k = arg;
    (void)j;
    sum[0] = vadd(sum[0], vload_upto(k->x + at, n));
}

ALWAYS_INLINE void square_term(const void *arg, int64_t at, int64_t j, int n, vf sum[2])
{
    const sample *k = arg;
    vf v = vsub(vload_upto(k->x + at, n), vload_upto(k->room.mean + j, n));
    if (n < VLEN) v = vselect(vmask_n(n), v, vzero());
    sum[0] = vadd(sum[0], v);
    sum[1] = vfma(v, v, sum[1]);
}

/* dy is zero in lanes that are not there. */
ALWAYS_INLINE void slope_term(const void *arg, int64_t at, int64_t j, int n, vf sum[2])
{
    const sample *k = arg;
    vf dy = vload_upto(k->dy + at, n);
    sum[0] = vadd(sum[0], dy);
    sum[1] = vfma(dy, vsub(vload_upto(k->x + at, n), vload_upto(k->room.mean + j, n)), sum[1]);
}

/* The two sums of every channel over the sample's places. */
ALWAYS_INLINE void channel_sums(const layout *l, const sample *k, column_term term)
{
    const columns *cols = &l->columns;
    float part[2][COLUMN_PANEL];
    memset(k->room.sum[0], 0, (size_t)cols->n_columns * 2 * sizeof(double));
    for (int64_t row = 0; row < l->places; row += cols->block_rows) {
        sample block = *k;
        block.x += row * cols->n_columns;
        if (k->dy) block.dy += row * cols->n_columns;
        column_block b = {.row = row, .n_rows = l->places - row};
        if (b.n_rows > cols->block_rows) b.n_rows = cols->block_rows;
        for (; b.begin < cols->n_columns; b.begin = b.end) {
            int64_t left = cols->n_columns - b.begin;
            b.end = b.begin + (left < COLUMN_PANEL ? left : COLUMN_PANEL);
            block_sums(cols, &b, term, &block, (float *const[]){part[0], part[1]});
            for (int s = 0; s < 2; s++)
                for (int64_t i = b.begin; i < b.end; i++)
                    k->room.sum[s][i] += (double)part[s][i - b.begin];
        }
    }
}

static double group_sum(const layout *l, const double *channels, int64_t group)
{
    double sum = 0;
    for (int64_t i = group * l->each; i < (group + 1) * l->each; i++) sum += channels[i];
    return sum;
}

static void group_fill(const layout *l, float *channels, int64_t group, double v)
{
    for (int64_t i = group * l->each; i < (group + 1) * l->each; i++) channels[i] = (float)v;
}

static float input_at(const snug_call *c, int input, int64_t i, float otherwise)
{
    return c->n_in > input ? ((const float *)c->in[input].data)[i] : otherwise;
}

/* ---- forward ----------------------------------------------------------------------------------
 */

ALWAYS_INLINE void norm_at(const void *arg, int64_t at, int64_t j, int n)
{
    const sample *k = arg;
    vf centred = vsub(vload_upto(k->x + at, n), vload_upto(k->room.mean + j, n));
    vf y = vfma(centred, vload_upto(k->room.scale + j, n), vload_upto(k->room.shift + j, n));
    vstore_upto(k->out + at, y, n);
}

/* The mean of each group, near enough to take deviations from. */
static void sample_pivots(const layout *l, const sample *k)
{
    double m = (double)(l->places * l->each);
    for (int64_t g = 0; g < l->groups; g++)
        group_fill(l, k->room.mean, g, group_sum(l, k->room.sum[0], g) / m);
    columns_repeat(&l->columns, k->room.mean);
}

/* Mean and deviation of each group into the outputs and the sample's vectors. */
static void sample_statistics(const snug_call *c, const layout *l, const sample *k, int64_t s)
{
    const snug_group_norm_attrs *a = c->attrs;
    float *means = c->out[1].data, *inv_stds = c->out[2].data;
    double m = (double)(l->places * l->each);
    for (int64_t g = 0; g < l->groups; g++) {
        double drift = group_sum(l, k->room.sum[0], g) / m;
        double mean = (double)k->room.mean[g * l->each] + drift;
        double var = group_sum(l, k->room.sum[1], g) / m - drift * drift;
        float inv_std = (float)(1 / sqrt((var > 0 ? var : 0) + a->epsilon));
        group_fill(l, k->room.mean, g, mean);
        group_fill(l, k->room.scale, g, (double)inv_std);
        if (means) means[s * l->groups + g] = (float)mean;
        if (inv_stds) inv_stds[s * l->groups + g] = inv_std;
    }
    for (int64_t i = 0; i < l->columns.n_columns; i++) {
        k->room.scale[i] *= input_at(c, 1, i, 1);
        k->room.shift[i] = input_at(c, 2, i, 0);
    }
    columns_repeat(&l->columns, k->room.mean);
    columns_repeat(&l->columns, k->room.scale);
    columns_repeat(&l->columns, k->room.shift);
}

static void norm_samples(const snug_call *c, int64_t begin, int64_t end)
{
    layout l = layout_of(c);
    int64_t elements = l.places * l.columns.n_columns;
    for (int64_t s = begin; s < end; s++) {
        sample k = {.x = (const float *)c->in[0].data + s * elements,
                    .out = (float *)c->out[0].data + s * elements,
                    .room = room_of(c, &l.columns, s)};
        channel_sums(&l, &k, sum_term);
        sample_pivots(&l, &k);
        channel_sums(&l, &k, square_term);
        sample_statistics(c, &l, &k, s);
        rows_each(&l.columns, l.places, norm_at, &k);
    }
}

/* Samples of a task: as many as make SPAN_STREAM elements. */
static int64_t samples_grain(const layout *l)
{
    return span_rows(l->places * l->columns.n_columns, SPAN_STREAM);
}

static void k_group_norm_f32(const snug_call *c)
{
    layout l = layout_of(c);
    spans_run(c, l.n, samples_grain(&l), norm_samples);
}

/* ---- gradient ---------------------------------------------------------------------------------
 */

ALWAYS_INLINE void slope_at(const void *arg, int64_t at, int64_t j, int n)
{
    const sample *k = arg;
    vf centred = vsub(vload_upto(k->x + at, n), vload_upto(k->room.mean + j, n));
    vf dx = vfma(vload_upto(k->dy + at, n), vload_upto(k->room.scale + j, n),
                 vload_upto(k->room.shift + j, n));
    vstore_upto(k->out + at, vfma(centred, vload_upto(k->room.slope + j, n), dx), n);
}

/* From sums of dy and dy * (x - mean): dx = scale * dy + slope * (x - mean) + shift. The sums
 * become the sample's part of dbias and dweight. */
static void sample_slopes(const snug_call *c, const layout *l, const sample *k, int64_t s)
{
    double m = (double)(l->places * l->each);
    for (int64_t g = 0; g < l->groups; g++) {
        double inv_std = (double)input_at(c, 3, s * l->groups + g, 1), u = 0, ux = 0;
        for (int64_t i = g * l->each; i < (g + 1) * l->each; i++) {
            double weight = (double)input_at(c, 4, i, 1);
            k->room.sum[1][i] *= inv_std;
            u += weight * k->room.sum[0][i];
            ux += weight * k->room.sum[1][i];
            k->room.scale[i] = (float)(inv_std * weight);
        }
        group_fill(l, k->room.slope, g, -inv_std * inv_std * ux / m);
        group_fill(l, k->room.shift, g, -inv_std * u / m);
    }
    columns_repeat(&l->columns, k->room.scale);
    columns_repeat(&l->columns, k->room.slope);
    columns_repeat(&l->columns, k->room.shift);
}

static void grad_samples(const snug_call *c, int64_t begin, int64_t end)
{
    layout l = layout_of(c);
    int64_t elements = l.places * l.columns.n_columns;
    for (int64_t s = begin; s < end; s++) {
        sample k = {.dy = (const float *)c->in[0].data + s * elements,
                    .x = (const float *)c->in[1].data + s * elements,
                    .out = (float *)c->out[0].data + s * elements,
                    .room = room_of(c, &l.columns, s)};
        for (int64_t g = 0; g < l.groups; g++)
            group_fill(&l, k.room.mean, g, (double)input_at(c, 2, s * l.groups + g, 0));
        columns_repeat(&l.columns, k.room.mean);
        channel_sums(&l, &k, slope_term);
        sample_slopes(c, &l, &k, s);
        rows_each(&l.columns, l.places, slope_at, &k);
    }
}

/* The sum of samples [begin, end) of one channel: dbias is sum 0, dweight sum 1. */
static float channel_partial(const snug_call *c, const columns *l, int which, int64_t channel,
                             int64_t begin, int64_t end)
{
    double sum = 0;
    for (int64_t s = begin; s < end; s++) sum += room_of(c, l, s).sum[which][channel];
    return (float)sum;
}

static float channel_total(const snug_call *c, const layout *l, int which, int64_t channel)
{
    const columns *cols = &l->columns;
    if (!snug_shape_has_batch(&c->in[0].type.shape))
        return channel_partial(c, cols, which, channel, 0, l->n);
    float stack[SNUG_LEAF_DEPTH] = {0};
    int64_t each = snug_each_sample(c->step, l->n);
    int depth = 0;
    for (int64_t slot = 0; slot < c->step->leaves_here; slot++) {
        int64_t begin, end;
        snug_leaf_range(c->step, slot, &begin, &end);
        stack[depth++] = channel_partial(c, cols, which, channel, begin * each, end * each);
        for (int m = snug_leaf_merges(slot); m > 0; m--, depth--)
            stack[depth - 2] += stack[depth - 1];
    }
    return stack[0];
}

static void k_group_norm_grad_f32(const snug_call *c)
{
    layout l = layout_of(c);
    float *dweight = c->out[1].data, *dbias = c->out[2].data;
    spans_run(c, l.n, samples_grain(&l), grad_samples);
    for (int64_t i = 0; i < l.columns.n_columns; i++) {
        if (dweight) dweight[i] = channel_total(c, &l, 1, i);
        if (dbias) dbias[i] = channel_total(c, &l, 0, i);
    }
}

KERNEL_TABLE(group_norm) = {
    {.op = "group_norm",
     .name = "k_group_norm_f32",
     .scratch = group_norm_scratch,
     .run = k_group_norm_f32},
    {.op = "group_norm_grad",
     .name = "k_group_norm_grad_f32",
     .scratch = group_norm_scratch,
     .run = k_group_norm_grad_f32},
    {0},
};
