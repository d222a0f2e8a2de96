/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of an image as rows of a matrix: row (sample, gy, gx) of the grid is the window whose
 * upper left corner is at pixel (gy * stride_h - top, gx * stride_w - left), as k = (ky, kx,
 * channel) of one group; its pixels lie (dilation_h, dilation_w) apart. Zeros outside the image.
 * Nothing is stored: rows are gathered when they are packed. */
#ifndef KERNELS_CPU_WINDOWS_H
#define KERNELS_CPU_WINDOWS_H

#include "kernels/cpu/gemm.h"

typedef struct windows {
    const float *x;      /* [samples, h, w, c] */
    int64_t h, w, c, cg; /* cg: channels of a group */
    int64_t kh, kw;
    int64_t grid_h, grid_w;
    int64_t stride_h, stride_w, dilation_h, dilation_w, top, left;
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

/* The elements [k0, k0 + nk) of every window, as runs of adjacent pixels: with one group and no
 * dilation a row of the window is one run, else each pixel is a run of its own. */
typedef struct window_part {
    int64_t ky, kx, pixels, run; /* where the first run is; pixels and floats a run */
    int64_t lo, nk;              /* floats of the first run to leave out; floats in all */
} window_part;

static inline window_part window_part_of(const windows *v, int64_t k0, int64_t nk)
{
    bool rows = v->cg == v->c && v->dilation_w == 1;
    window_part p = {.pixels = rows ? v->kw : 1, .nk = nk};
    p.run = p.pixels * v->cg;
    int64_t r = k0 / p.run, runs = v->kw / p.pixels;
    p.lo = k0 - r * p.run;
    p.ky = r / runs, p.kx = r % runs;
    return p;
}

/* Like gemm_copy, but may write up to VLEN floats past the end. */
static inline void window_copy(float *to, const float *from, int64_t n)
{
    int64_t i = 0;
    for (; i + VLEN <= n; i += VLEN) vstore(to + i, vload(from + i));
    if (i < n) vstore(to + i, vload_n(from + i, (int)(n - i)));
}

/* A few vectors: no memset, which takes its time to begin. */
static inline void window_zero(float *to, int64_t n)
{
    for (int64_t i = 0; i < n; i += VLEN) {
        __asm__("" : "+r"(i));
        vstore(to + i, vzero());
    }
}

/* Floats [lo, hi) of a run of pixels from pixel x of an image row on; some may be outside. */
typedef struct window_run {
    int64_t x, pixels, lo, hi;
} window_run;

static inline void window_clip(const windows *v, const float *row, const window_run *r, float *to)
{
    int64_t first = r->x < 0 ? -r->x * v->cg : 0;
    int64_t end = r->x + r->pixels > v->w ? (v->w - r->x) * v->cg : r->hi;
    if (first < r->lo) first = r->lo;
    if (end > r->hi) end = r->hi;
    window_zero(to, r->hi - r->lo);
    if (first < end) gemm_copy(to + first - r->lo, row + r->x * v->c + first, end - first);
}

/* Image row y of one group with its padding, from where the first window of a grid row begins: n
 * floats. */
static inline void window_line(const windows *v, int64_t group, int64_t sample, int64_t y,
                               int64_t n, float *to)
{
    int64_t pixels = n / v->cg, first = v->left < 0 ? 0 : v->left < pixels ? v->left : pixels;
    int64_t end = v->w + v->left < pixels ? v->w + v->left : pixels;
    if (end < first) end = first;
    if (y < 0 || y >= v->h) first = end = pixels;
    const float *image = v->x + sample * v->h * v->w * v->c + group * v->cg;
    window_zero(to, first * v->cg);
    for (int64_t p = first; p < end && v->cg != v->c; p++)
        window_copy(to + p * v->cg, image + (y * v->w + p - v->left) * v->c, v->cg);
    if (v->cg == v->c && first < end)
        window_copy(to + first * v->c, image + (y * v->w + first - v->left) * v->c,
                    (end - first) * v->c);
    window_zero(to + end * v->cg, (pixels - end) * v->cg);
}

static inline void window_gather(const windows *v, int64_t group, const window *at,
                                 const window_part *p, float *to)
{
    int64_t y = at->gy * v->stride_h - v->top + p->ky * v->dilation_h;
    int64_t x0 = at->gx * v->stride_w - v->left;
    int64_t lo = p->lo, kx = p->kx, left = p->nk;
    const float *image = v->x + at->sample * v->h * v->w * v->c + group * v->cg;
    while (left > 0) {
        int64_t n = left < p->run - lo ? left : p->run - lo, x = x0 + kx * v->dilation_w;
        const float *row = image + y * v->w * v->c;
        if (y < 0 || y >= v->h)
            gemm_zero(to, n);
        else if (x >= 0 && x + p->pixels <= v->w)
            window_copy(to, row + x * v->c + lo, n);
        else
            window_clip(v, row, &(window_run){x, p->pixels, lo, lo + n}, to);
        to += n, left -= n, lo = 0;
        kx += p->pixels;
        if (kx == v->kw) kx = 0, y += v->dilation_h;
    }
}

/* A's block as rows of windows. */
static inline void windows_pack_rows(const windows *v, const gemm_block *p)
{
    if (p->nk == 0) return;
    window at = window_at(v, p->i0);
    window_part part = window_part_of(v, p->k0, p->nk);
    for (int64_t i = 0; i < p->ni; i++, window_next(v, &at))
        window_gather(v, p->group, &at, &part, p->out + i * p->ld);
}

/* A's block as columns: k counts windows, rows of C are places in the window. */
static inline void windows_pack_columns(const windows *v, const gemm_block *p)
{
    if (p->nk == 0) return;
    window at = window_at(v, p->k0);
    window_part part = window_part_of(v, p->i0, p->ni);
    for (int64_t k = 0; k < p->nk; k++, window_next(v, &at))
        window_gather(v, p->group, &at, &part, p->out + k * p->ld);
}

#endif
