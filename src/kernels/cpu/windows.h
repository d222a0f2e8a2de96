/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of an image as rows of a matrix: row (sample, gy, gx) of the grid is the window whose
 * upper left corner is at pixel (gy * stride_h - top, gx * stride_w - left), as k = (ky, kx,
 * channel) of one group. Zeros outside the image. Nothing is stored: rows are gathered when they
 * are packed. */
#ifndef KERNELS_CPU_WINDOWS_H
#define KERNELS_CPU_WINDOWS_H

#include "kernels/cpu/gemm.h"

typedef struct windows {
    const float *x;      /* [samples, h, w, c] */
    int64_t h, w, c, cg; /* cg: channels of a group */
    int64_t kh, kw;
    int64_t grid_h, grid_w;
    int64_t stride_h, stride_w, top, left;
} windows;

/* A place in the grid, and the pixel of its corner. */
typedef struct window {
    int64_t sample, gy, gx;
} window;

static inline window window_at(const windows *v, int64_t i)
{
    int64_t area = v->grid_h * v->grid_w;
    return (window){i / area, i % area / v->grid_w, i % v->grid_w};
}

static inline void window_next(const windows *v, window *at)
{
    if (++at->gx < v->grid_w) return;
    at->gx = 0;
    if (++at->gy < v->grid_h) return;
    at->gy = 0;
    at->sample++;
}

/* Floats [lo, hi) of a run of n adjacent pixels that starts at pixel x of an image row. */
static inline void window_run(const windows *v, const float *row, int64_t x, int64_t n, int64_t lo,
                              int64_t hi, float *to)
{
    int64_t first = x < 0 ? -x * v->cg : 0, end = x + n > v->w ? (v->w - x) * v->cg : hi;
    first = first < lo ? lo : first > hi ? hi : first;
    end = end > hi ? hi : end < first ? first : end;
    if (first > lo) gemm_zero(to, first - lo);
    gemm_copy(to + first - lo, row + x * v->c + first, end - first);
    if (end < hi) gemm_zero(to + end - lo, hi - end);
}

/* Elements [k0, k0 + nk) of a window. With one group, a window's row is one run of pixels; with
 * several, each pixel is a run of its own. */
static inline void window_gather(const windows *v, int64_t group, const window *at, int64_t k0,
                                 int64_t nk, float *to)
{
    int64_t pixels = v->cg == v->c ? v->kw : 1, run = pixels * v->cg, runs = v->kw / pixels;
    int64_t y0 = at->gy * v->stride_h - v->top, x0 = at->gx * v->stride_w - v->left;
    const float *image = v->x + at->sample * v->h * v->w * v->c + group * v->cg;
    for (int64_t k = k0, end = k0 + nk; k < end;) {
        int64_t r = k / run, lo = k - r * run, hi = end - r * run < run ? end - r * run : run;
        int64_t y = y0 + (runs == 1 ? r : r / runs), x = x0 + (runs == 1 ? 0 : r % runs);
        if (y < 0 || y >= v->h)
            gemm_zero(to, hi - lo);
        else
            window_run(v, image + y * v->w * v->c, x, pixels, lo, hi, to);
        to += hi - lo;
        k += hi - lo;
    }
}

/* A's block as rows of windows. */
static inline void windows_pack_rows(const windows *v, const gemm_block *p)
{
    if (p->nk == 0) return;
    window at = window_at(v, p->i0);
    for (int64_t i = 0; i < p->ni; i++, window_next(v, &at))
        window_gather(v, p->group, &at, p->k0, p->nk, p->out + i * BLOCK_LDA);
}

/* A's block as columns: k counts windows, rows of C are places in the window. */
static inline void windows_pack_columns(const windows *v, const gemm_block *p)
{
    if (p->nk == 0) return;
    window at = window_at(v, p->k0);
    for (int64_t k = 0; k < p->nk; k++, window_next(v, &at))
        window_gather(v, p->group, &at, p->i0, p->ni, p->out + k * p->ld);
}

#endif
