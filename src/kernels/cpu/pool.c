/* SPDX-License-Identifier: Apache-2.0 */
/* max_pool2d and its gradient, channels in lanes. The gradient gathers: an input element adds, in
 * the order of places, the dy of the windows that it won, so rows are independent and every
 * element is written once. */
#include "kernels/cpu/spans.h"
#include "ops/ops.h"

static vi load_places(const uint8_t *p, int n)
{
    return n == VLEN ? vload_u8(p) : vload_u8_n(p, n);
}

typedef struct window {
    const snug_pool2d_attrs *a;
    int64_t n_channels, row_stride; /* elements of a row of the input */
} window;

/* The window whose first element is x, for n channels: the first maximum wins, or the first NaN. */
ALWAYS_INLINE void pool_vector(const window *w, const float *x, float *y, uint8_t *index, int n)
{
    vf best = vload_upto(x, n);
    vi place = viset1(0);
    for (int64_t ky = 0, p = 0; ky < w->a->kernel_h; ky++) {
        const float *row = x + ky * w->row_stride;
        for (int64_t kx = 0; kx < w->a->kernel_w; kx++, p++) {
            vf v = vload_upto(row + kx * w->n_channels, n);
            vm wins = vm_and(vm_not(vle(v, best)), veq(best, best));
            best = vselect(wins, v, best);
            place = viselect(wins, viset1((int32_t)p), place);
        }
    }
    vstore_upto(y, best, n);
    if (!index) return;
    if (n == VLEN)
        vstore_u8(index, place);
    else
        vstore_u8_n(index, place, n);
}

static void pool_window(const window *w, const float *x, float *y, uint8_t *index)
{
    int64_t j = 0;
    for (; j + VLEN <= w->n_channels; j += VLEN)
        pool_vector(w, x + j, y + j, index ? index + j : NULL, VLEN);
    if (j < w->n_channels)
        pool_vector(w, x + j, y + j, index ? index + j : NULL, (int)(w->n_channels - j));
}

/* Output rows [begin, end), counted over all samples. */
static void pool_rows(const snug_call *c, int64_t begin, int64_t end)
{
    const int64_t *in = c->in[0].type.shape.dim, *out = c->out[0].type.shape.dim;
    window w = {.a = c->attrs, .n_channels = in[3], .row_stride = in[2] * in[3]};
    for (int64_t r = begin; r < end; r++) {
        int64_t top = r / out[1] * in[1] + r % out[1] * w.a->stride_h;
        const float *x = (const float *)c->in[0].data + top * w.row_stride;
        for (int64_t ox = 0; ox < out[2]; ox++) {
            int64_t o = (r * out[2] + ox) * out[3];
            uint8_t *index = c->out[1].data ? (uint8_t *)c->out[1].data + o : NULL;
            pool_window(&w, x + ox * w.a->stride_w * in[3], (float *)c->out[0].data + o, index);
        }
    }
}

static int64_t row_grain(int64_t row_elements)
{
    return row_elements < SPAN_STREAM ? SPAN_STREAM / row_elements : 1;
}

static void k_max_pool2d_f32(const snug_call *c)
{
    const int64_t *in = c->in[0].type.shape.dim, *out = c->out[0].type.shape.dim;
    const snug_pool2d_attrs *a = c->attrs;
    if (out[1] == 0) return;
    spans_run(c, out[0] * out[1], row_grain(a->kernel_h * in[2] * in[3]), pool_rows);
}

/* The windows over one input element: which place it has in each, and where the window's outputs
 * begin. */
typedef struct covers {
    int n;
    int32_t place[256];
    int64_t at[256];
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
    const int64_t *in = c->out[0].type.shape.dim;
    spans_run(c, in[0] * in[1], row_grain(in[2] * in[3]), gather_rows);
}

KERNEL_TABLE(pool) = {
    {.op = "max_pool2d", .name = "k_max_pool2d_f32", .run = k_max_pool2d_f32},
    {.op = "max_pool2d_grad", .name = "k_max_pool2d_grad_f32", .run = k_max_pool2d_grad_f32},
    {0},
};
