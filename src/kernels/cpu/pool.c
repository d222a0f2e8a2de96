/* SPDX-License-Identifier: Apache-2.0 */
/* max_pool2d and its gradient, channels in lanes. Every element of a result is written by one task,
 * whole rows of windows each. Where windows overlap, an element of the gradient gathers: it adds,
 * in the order of places, the dy of the windows that it won. */
#include "kernels/cpu/spans.h"
#include "ops/ops.h"

enum { MAX_PLACES = 256 };

/* Where the places of a window lie, from its first element. */
typedef struct window {
    int64_t n_channels;
    int n_places;
    int64_t at[MAX_PLACES];
} window;

/* `in` is the shape of the tensor that windows look at. */
static void window_of(const snug_pool2d_attrs *a, const int64_t *in, window *w)
{
    w->n_channels = in[3];
    w->n_places = (int)(a->kernel_h * a->kernel_w);
    for (int p = 0; p < w->n_places; p++)
        w->at[p] = (p / a->kernel_w * in[2] + p % a->kernel_w) * in[3];
}

/* ---- forward ----------------------------------------------------------------------------------
 */

/* Replaces the winner where there is a NaN: the first one wins. */
static void find_nan(const window *w, const float *x, int n, vf *best, vi *place)
{
    vm found = vm_not(veq(vzero(), vzero()));
    for (int p = 0; p < w->n_places; p++) {
        vf v = vload_n(x + w->at[p], n);
        vm first = vm_and(vm_not(veq(v, v)), vm_not(found));
        *best = vselect(first, v, *best);
        *place = viselect(first, viset1(p), *place);
        found = vm_or(found, first);
    }
}

/* The first maximum wins. The sum of all shows whether there may be a NaN. */
ALWAYS_INLINE void pool_vector(const window *w, const float *x, float *y, uint8_t *index, int n,
                               int n_places)
{
    vf best = vload_upto(x, n), sum = best;
    vi place = viset1(0);
    for (int p = 1; p < n_places; p++) {
        vf v = vload_upto(x + w->at[p], n);
        vm wins = vgt(v, best);
        best = vselect(wins, v, best);
        place = viselect(wins, viset1(p), place);
        sum = vadd(sum, v);
    }
    if (vm_any(vm_not(veq(sum, sum)))) find_nan(w, x, n, &best, &place);
    vstore_upto(y, best, n);
    if (!index) return;
    if (n == VLEN)
        vstore_u8(index, place);
    else
        vstore_u8_n(index, place, n);
}

/* A row of windows, x_step elements from one to the next. */
typedef struct window_row {
    const float *x;
    int64_t x_step, n_windows;
    float *y;
    uint8_t *index; /* may be NULL */
} window_row;

ALWAYS_INLINE void pool_row(const window *w, window_row r, int n_places)
{
    const int64_t n_channels = w->n_channels;
    for (int64_t i = 0; i < r.n_windows; i++) {
        int64_t j = 0;
        for (; j + VLEN <= n_channels; j += VLEN)
            pool_vector(w, r.x + j, r.y + j, r.index ? r.index + j : NULL, VLEN, n_places);
        if (j < n_channels)
            pool_vector(w, r.x + j, r.y + j, r.index ? r.index + j : NULL, (int)(n_channels - j),
                        n_places);
        r.x += r.x_step;
        r.y += n_channels;
        if (r.index) r.index += n_channels;
    }
}

/* Output rows [begin, end), counted over all samples. */
static void pool_rows(const snug_call *c, int64_t begin, int64_t end)
{
    const int64_t *in = c->in[0].type.shape.dim, *out = c->out[0].type.shape.dim;
    const snug_pool2d_attrs *a = c->attrs;
    window w;
    window_of(a, in, &w);
    for (int64_t i = begin; i < end; i++) {
        int64_t top = i / out[1] * in[1] + i % out[1] * a->stride_h, o = i * out[2] * out[3];
        window_row r = {.x = (const float *)c->in[0].data + top * in[2] * in[3],
                        .x_step = a->stride_w * in[3],
                        .n_windows = out[2],
                        .y = (float *)c->out[0].data + o,
                        .index = c->out[1].data ? (uint8_t *)c->out[1].data + o : NULL};
        if (w.n_places == 4)
            pool_row(&w, r, 4); /* two by two: places in registers */
        else
            pool_row(&w, r, w.n_places);
    }
}

static void k_max_pool2d_f32(const snug_call *c)
{
    const int64_t *in = c->in[0].type.shape.dim, *out = c->out[0].type.shape.dim;
    const snug_pool2d_attrs *a = c->attrs;
    if (out[1] == 0) return;
    spans_run(c, out[0] * out[1], span_rows(a->kernel_h * in[2] * in[3], SPAN_STREAM), pool_rows);
}

/* ---- gradient ---------------------------------------------------------------------------------
 */

ALWAYS_INLINE vi load_places(const uint8_t *p, int n)
{
    return n == VLEN ? vload_u8(p) : vload_u8_n(p, n);
}

ALWAYS_INLINE void scatter_vector(const window *w, const float *dy, const uint8_t *index, float *dx,
                                  int n)
{
    vf v = vload_upto(dy, n);
    vi place = load_places(index, n);
    for (int p = 0; p < w->n_places; p++)
        vstore_upto(dx + w->at[p], vselect(vieq(place, viset1(p)), v, vzero()), n);
}

static void scatter_window(const window *w, const float *dy, const uint8_t *index, float *dx,
                           bool whole)
{
    int64_t j = 0;
    for (; j + VLEN <= w->n_channels || (j == 0 && whole); j += VLEN)
        scatter_vector(w, dy + j, index + j, dx + j, VLEN);
    if (j < w->n_channels) scatter_vector(w, dy + j, index + j, dx + j, (int)(w->n_channels - j));
}

/* Of adjacent windows of few channels: so many first ones whose places may be stored as whole
 * vectors, since what is too much belongs to places behind, which are stored later. */
static int64_t whole_windows(int64_t n_channels, int64_t n_windows, int64_t kernel_w)
{
    int64_t out = n_windows * n_channels - VLEN; /* the last that a whole vector of dy begins at */
    if (n_channels >= VLEN || out < 0) return 0;
    int64_t in = (n_windows * kernel_w - (kernel_w - 1)) * n_channels - VLEN;
    out = out / n_channels + 1, in = in / (kernel_w * n_channels) + 1;
    return out < in ? out : in;
}

/* Windows that do not overlap: output rows [begin, end) of all samples, with the input rows from
 * each to the next. */
static void scatter_rows(const snug_call *c, int64_t begin, int64_t end)
{
    const int64_t *in = c->out[0].type.shape.dim, *out = c->in[0].type.shape.dim;
    const snug_pool2d_attrs *a = c->attrs;
    const int64_t x_step = a->stride_w * in[3];
    const bool adjacent = a->stride_w == a->kernel_w;
    const bool covered = adjacent && out[2] * a->stride_w == in[2];
    window w;
    window_of(a, in, &w);
    const int64_t whole = adjacent ? whole_windows(in[3], out[2], a->kernel_w) : 0;
    for (int64_t r = begin; r < end; r++) {
        int64_t oy = r % out[1], top = oy * a->stride_h;
        int64_t bottom = oy + 1 < out[1] ? top + a->stride_h : in[1];
        float *dx = (float *)c->out[0].data + (r / out[1] * in[1] + top) * in[2] * in[3];
        if (!covered || bottom - top > a->kernel_h)
            memset(dx, 0, (size_t)((bottom - top) * in[2] * in[3]) * sizeof *dx);
        for (int64_t ox = 0; ox < out[2]; ox++) {
            int64_t o = (r * out[2] + ox) * out[3];
            scatter_window(&w, (const float *)c->in[0].data + o, (const uint8_t *)c->in[1].data + o,
                           dx + ox * x_step, ox < whole);
        }
    }
}

/* The windows over one input element: which place it has in each, and where the window's outputs
 * begin. */
typedef struct covers {
    int n;
    int32_t place[MAX_PLACES];
    int64_t at[MAX_PLACES];
} covers;

static void find_covers(const snug_call *c, int64_t n, int64_t iy, int64_t ix, covers *w)
{
    const snug_pool2d_attrs *a = c->attrs;
    const int64_t *out = c->in[0].type.shape.dim;
    w->n = 0;
    for (int64_t ky = iy % a->stride_h; ky < a->kernel_h && ky <= iy; ky += a->stride_h) {
        int64_t oy = (iy - ky) / a->stride_h;
        for (int64_t kx = ix % a->stride_w; kx < a->kernel_w && kx <= ix; kx += a->stride_w) {
            int64_t ox = (ix - kx) / a->stride_w;
            if (oy >= out[1] || ox >= out[2]) continue;
            w->place[w->n] = (int32_t)(ky * a->kernel_w + kx);
            w->at[w->n++] = ((n * out[1] + oy) * out[2] + ox) * out[3];
        }
    }
}

ALWAYS_INLINE void gather_vector(const snug_call *c, const covers *w, int64_t j, float *dx, int n)
{
    const float *dy = c->in[0].data;
    const uint8_t *index = c->in[1].data;
    vf sum = vzero();
    for (int i = 0; i < w->n; i++) {
        vm won = vieq(load_places(index + w->at[i] + j, n), viset1(w->place[i]));
        sum = vadd(sum, vselect(won, vload_upto(dy + w->at[i] + j, n), vzero()));
    }
    vstore_upto(dx + j, sum, n);
}

/* Input rows [begin, end), counted over all samples. */
static void gather_rows(const snug_call *c, int64_t begin, int64_t end)
{
    const int64_t *in = c->out[0].type.shape.dim;
    covers w;
    for (int64_t r = begin; r < end; r++) {
        for (int64_t ix = 0; ix < in[2]; ix++) {
            float *dx = (float *)c->out[0].data + (r * in[2] + ix) * in[3];
            find_covers(c, r / in[1], r % in[1], ix, &w);
            int64_t j = 0;
            for (; j + VLEN <= in[3]; j += VLEN) gather_vector(c, &w, j, dx, VLEN);
            if (j < in[3]) gather_vector(c, &w, j, dx, (int)(in[3] - j));
        }
    }
}

static void k_max_pool2d_grad_f32(const snug_call *c)
{
    const int64_t *in = c->out[0].type.shape.dim, *out = c->in[0].type.shape.dim;
    const snug_pool2d_attrs *a = c->attrs;
    int64_t row = in[2] * in[3];
    if (a->stride_h >= a->kernel_h && a->stride_w >= a->kernel_w && out[1] > 0)
        spans_run(c, out[0] * out[1], span_rows(a->stride_h * row, SPAN_STREAM), scatter_rows);
    else
        spans_run(c, in[0] * in[1], span_rows(row, SPAN_STREAM), gather_rows);
}

KERNEL_TABLE(pool) = {
    {.op = "max_pool2d", .name = "k_max_pool2d_f32", .run = k_max_pool2d_f32},
    {.op = "max_pool2d_grad", .name = "k_max_pool2d_grad_f32", .run = k_max_pool2d_grad_f32},
    {0},
};
