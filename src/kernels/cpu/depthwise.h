/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernels of depthwise convolutions share: how a grid of pixels looks at an image along an
 * axis, and which calls they take. */
#ifndef KERNELS_CPU_DEPTHWISE_H
#define KERNELS_CPU_DEPTHWISE_H

#include "kernels/cpu/sizes.h"
#include "kernels/cpu/spans.h"
#include "ops/ops.h"

enum { MAX_TAPS = 128, PIXELS = 8 };

/* Loops over registers: gcc unrolls by itself only after it has decided to keep an array in memory.
 */
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 32")
#endif

/* Grid place o at tap j meets image place o * step + j * dilation - before, and w at w0 + j *
 * w_step. */
typedef struct axis {
    int64_t n, extent; /* of the grid, of the image */
    int64_t step, dilation, before;
    int64_t taps, w0, w_step;
    int64_t first, stride; /* grid place o is place first + o * stride of the result */
} axis;

static inline int64_t round_up_div(int64_t a, int64_t b)
{
    if (a <= 0) return 0;
    return b == 1 ? a : (a + b - 1) / b;
}

/* Taps [begin, end) of grid place o lie inside the image. */
static inline void axis_taps(const axis *a, int64_t o, int64_t *begin, int64_t *end)
{
    int64_t first = o * a->step - a->before;
    *begin = min64(round_up_div(-first, a->dilation), a->taps);
    *end = min64(round_up_div(a->extent - first, a->dilation), a->taps);
    if (*end < *begin) *end = *begin;
}

/* Grid places [begin, end) see all taps. */
static inline void axis_interior(const axis *a, int64_t *begin, int64_t *end)
{
    int64_t room = a->extent - 1 + a->before - (a->taps - 1) * a->dilation;
    *begin = min64(round_up_div(a->before, a->step), a->n);
    *end = min64(a->taps > 0 && room >= 0 ? room / a->step + 1 : 0, a->n);
    if (*end < *begin) *end = *begin;
}

/* A window of so many taps, the next one so many places on, which any grid place sees some of. */
static inline bool axis_is(const axis *a, int64_t taps, int64_t step)
{
    return a->taps == taps && a->step == step && a->dilation == 1 && a->before < taps;
}

/* The axes of a convolution of h x w pixels to oh x ow. */
static inline axis axis_down(const snug_conv2d_attrs *a, int64_t h, int64_t kh, int64_t oh)
{
    return (axis){.n = oh,
                  .extent = h,
                  .step = a->stride_h,
                  .dilation = a->dilation_h,
                  .before = a->pad_top,
                  .taps = kh,
                  .w_step = 1,
                  .stride = 1};
}

static inline axis axis_across(const snug_conv2d_attrs *a, int64_t w, int64_t kw, int64_t ow)
{
    return (axis){.n = ow,
                  .extent = w,
                  .step = a->stride_w,
                  .dilation = a->dilation_w,
                  .before = a->pad_left,
                  .taps = kw,
                  .w_step = 1,
                  .stride = 1};
}

static inline bool depthwise_all_f32(const snug_sig *sig)
{
    bool yes = sig->out[0].dtype == SNUG_F32;
    for (int i = 0; i < sig->n_in; i++) yes = yes && sig->in[i].dtype == SNUG_F32;
    return yes;
}

static inline bool depthwise_suits(const snug_sig *sig, const snug_shape *x, const snug_shape *w)
{
    const snug_conv2d_attrs *a = sig->attrs;
    return depthwise_all_f32(sig) && a->groups == x->dim[3] && w->dim[3] == x->dim[3] &&
           w->dim[2] == 1 && w->dim[0] <= MAX_TAPS && w->dim[1] <= MAX_TAPS &&
           w->dim[0] * w->dim[1] <= MAX_TAPS;
}

#endif
