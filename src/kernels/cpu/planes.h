/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions of few filters, whose vectors run along the pixels of a row: a filter to a lane
 * would leave most lanes empty. For that the image is copied as planes: of every line, for every
 * channel, its pixels side by side, with the padding's zeros. */
#ifndef KERNELS_CPU_PLANES_H
#define KERNELS_CPU_PLANES_H

#include "kernels/cpu/windows.h"

#define PLANES_MOST (VLEN / 2)          /* filters */
#define PLANES_AREA 512                 /* windows of a band, about */
#define PLANES_MAX  ((int64_t)64 << 10) /* floats of a band */

#if defined(__clang__)
#define PLANES_UNROLL _Pragma("clang loop unroll(full)")
#else
#define PLANES_UNROLL _Pragma("GCC unroll 16")
#endif

typedef struct planes {
    const windows *v;
    int64_t places;      /* of a window: (ky, kx, c) */
    int64_t rows, bands; /* grid rows of a band, bands of a sample */
    int64_t width;       /* windows of a row, in whole vectors */
    int64_t pitch;       /* floats of a plane */
    int64_t line, lines; /* floats of all planes of a line; lines of a band */
} planes;

static inline planes planes_of(const windows *v)
{
    planes p = {.v = v, .places = v->kh * v->kw * v->cg};
    const int64_t rows = PLANES_AREA / v->grid_w > 0 ? PLANES_AREA / v->grid_w : 1;
    p.bands = (v->grid_h + rows - 1) / rows;
    p.rows = p.bands > 0 ? (v->grid_h + p.bands - 1) / p.bands : 0;
    p.width = (v->grid_w + VLEN - 1) / VLEN * VLEN;
    p.pitch = (p.width + (v->kw - 1) * v->dilation_w + VLEN - 1) / VLEN * VLEN;
    p.line = v->c * p.pitch;
    p.lines = (p.rows - 1) * v->stride_h + (v->kh - 1) * v->dilation_h + 1;
    return p;
}

/* Whether n filters and this shape are worth it. */
static inline bool planes_suit(const windows *v, int64_t n)
{
    if (v->cg != v->c || n > PLANES_MOST || v->grid_w < VLEN / 2 || v->grid_h == 0) return false;
    if (v->stride_w > 1 || v->kh == 0 || v->kw == 0 || v->c == 0) return false;
    const planes p = planes_of(v);
    return p.places <= 1024 && p.lines * p.line <= PLANES_MAX;
}

/* Where place (ky, kx, c) of the first window of a band is. */
static inline int64_t planes_place(const planes *p, int64_t place)
{
    const windows *v = p->v;
    const int64_t c = place % v->c, tap = place / v->c;
    const int64_t ky = tap / v->kw * v->dilation_h, kx = tap % v->kw * v->dilation_w;
    return ky * p->line + c * p->pitch + kx;
}

/* VLEN pixels `step` floats apart, of which those before `end` from `begin` on exist, into planes
 * of their channels, `pitch` floats apart. */
typedef struct planes_turn {
    const float *from;
    int64_t step, begin, end, channels, pitch;
} planes_turn;

static inline void planes_block(const planes_turn *t, float *to)
{
    for (int64_t c = 0; c < t->channels; c += VLEN) {
        const int lanes = vlanes(c, t->channels);
        vf r[VLEN];
        PLANES_UNROLL for (int i = 0; i < VLEN; i++)
        {
            const int n = i >= t->begin && i < t->end ? lanes : 0;
            r[i] = vload_n(t->from + i * t->step + c, n);
        }
        vtranspose(r);
        for (int i = 0; i < lanes; i++) vstore(to + (c + i) * t->pitch, r[i]);
    }
}

/* Line y of the image, which may be outside, from the pixel where windows begin. */
static inline void planes_line(const planes *p, int64_t sample, int64_t y, float *to)
{
    const windows *v = p->v;
    if (v->c == 1) {
        window_line(v, 0, sample, y, p->pitch, to);
        return;
    }
    const float *line = v->x + (sample * v->h + y) * v->w * v->c;
    if (y < 0 || y >= v->h) {
        gemm_zero(to, p->line);
        return;
    }
    for (int64_t i = 0; i < p->pitch; i += VLEN) {
        const int64_t first = i - v->left;
        planes_block(
            &(planes_turn){line + first * v->c, v->c, -first, v->w - first, v->c, p->pitch},
            to + i);
    }
}

/* The lines of grid rows [gy, gy + rows). */
static inline void planes_band(const planes *p, int64_t sample, int64_t gy, int64_t rows, float *to)
{
    const windows *v = p->v;
    const int64_t lines = (rows - 1) * v->stride_h + (v->kh - 1) * v->dilation_h + 1;
    for (int64_t r = 0; r < lines; r++)
        planes_line(p, sample, gy * v->stride_h - v->top + r, to + r * p->line);
}

bool SNUG_TIER_SYMBOL(planes_suits)(const gemm *g, const windows *v);
size_t SNUG_TIER_SYMBOL(planes_scratch)(const gemm *g, const windows *v, int threads);
/* g's rows are v's windows, its B is g->b. */
void SNUG_TIER_SYMBOL(planes_run)(const gemm *g, const windows *v, const snug_call *call);
/* The gradient of the weights: g's rows are places of v's windows, its B is g->b. */
bool SNUG_TIER_SYMBOL(planes_weight_suits)(const gemm *g, const windows *v);
size_t SNUG_TIER_SYMBOL(planes_weight_scratch)(const gemm *g, const windows *v, int threads);
void SNUG_TIER_SYMBOL(planes_weight_run)(const gemm *g, const windows *v, const snug_call *call);
#define planes_suits          SNUG_TIER_SYMBOL(planes_suits)
#define planes_scratch        SNUG_TIER_SYMBOL(planes_scratch)
#define planes_run            SNUG_TIER_SYMBOL(planes_run)
#define planes_weight_suits   SNUG_TIER_SYMBOL(planes_weight_suits)
#define planes_weight_scratch SNUG_TIER_SYMBOL(planes_weight_scratch)
#define planes_weight_run     SNUG_TIER_SYMBOL(planes_weight_run)

#endif
