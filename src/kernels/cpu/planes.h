/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions of few filters, whose vectors run along the pixels of a row: a filter to a lane
 * would leave most lanes empty. For that the image is copied as planes: of every line, for every
 * phase of the horizontal stride, for every channel, the pixels that windows side by side see side
 * by side, with the padding's zeros. */
#ifndef KERNELS_CPU_PLANES_H
#define KERNELS_CPU_PLANES_H

#include "kernels/cpu/windows.h"

#define PLANES_MOST (VLEN / 2)          /* filters */
#define PLANES_AREA 512                 /* windows of a band, about */
#define PLANES_MAX  ((int64_t)64 << 10) /* floats of a band */

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
    p.pitch = (p.width + (v->kw - 1) * v->dilation_w / v->stride_w + VLEN - 1) / VLEN * VLEN;
    p.line = v->stride_w * v->c * p.pitch;
    p.lines = (p.rows - 1) * v->stride_h + (v->kh - 1) * v->dilation_h + 1;
    return p;
}

/* Whether n filters and this shape are worth it. */
static inline bool planes_suit(const windows *v, int64_t n)
{
    if (v->cg != v->c || n > PLANES_MOST || v->grid_w < VLEN / 2 || v->grid_h == 0) return false;
    if (v->kh == 0 || v->kw == 0 || v->c == 0 || v->stride_w > 2) return false;
    const planes p = planes_of(v);
    return p.places <= 1024 && p.lines * p.line <= PLANES_MAX;
}

/* Multiply-adds of a sample, those of empty lanes and filters among them. */
static inline int64_t planes_macs(const windows *v, int64_t n)
{
    const planes p = planes_of(v);
    const int64_t step = (PLANES_MOST + 3) / 4;
    return v->grid_h * p.width * p.places * ((n + step - 1) / step * step);
}

/* Where places (ky, kx, c) of the first window of a band are. */
static inline void planes_places(const planes *p, int64_t *at)
{
    const windows *v = p->v;
    for (int64_t ky = 0; ky < v->kh; ky++)
        for (int64_t kx = 0; kx < v->kw; kx++) {
            const int64_t x = kx * v->dilation_w, phase = x % v->stride_w;
            const int64_t pixel = ky * v->dilation_h * p->line + x / v->stride_w;
            for (int64_t c = 0; c < v->c; c++) *at++ = pixel + (phase * v->c + c) * p->pitch;
        }
}

/* VLEN places of n floats each, `apart`, into planes, `pitch` floats apart: a float to each. */
static inline void planes_few(const float *from, int64_t apart, int n, float *to, int64_t pitch)
{
    enum { HALF = VLEN / 2 };
    const float *high = from + HALF * apart;
    vf r[HALF];
    UNROLL for (int i = 0; i < HALF; i++) r[i] = vload2(from + i * apart, n, high + i * apart, n);
    vtranspose2(r);
    UNROLL for (int i = 0; i < HALF; i++) if (i < n) vstore(to + i * pitch, r[i]);
}

/* The same of places of which those in [begin, end) exist. */
typedef struct planes_turn {
    const float *from;
    int64_t apart, begin, end, n, pitch;
} planes_turn;

static inline void planes_many(const planes_turn *t, float *to)
{
    for (int64_t c = 0; c < t->n; c += VLEN) {
        const int lanes = vlanes(c, t->n);
        vf r[VLEN];
        UNROLL for (int i = 0; i < VLEN; i++) r[i] =
            vload_n(t->from + i * t->apart + c, i >= t->begin && i < t->end ? lanes : 0);
        vtranspose(r);
        for (int i = 0; i < lanes; i++) vstore(to + (c + i) * t->pitch, r[i]);
    }
}

/* Asks for n floats which are read soon. */
static inline void planes_ask(const float *p, int64_t n)
{
    for (int64_t i = 0; i < n; i += 16) __builtin_prefetch(p + i);
}

/* Floats of the copy of a line that planes_line wants; fewer are used with a stride of 2. */
static inline int64_t planes_copy_floats(const planes *p)
{
    return p->v->c <= VLEN / 2 ? p->v->stride_w * p->pitch * p->v->c + 2 * VLEN : 0;
}

/* VLEN windows' pixels of all phases from pixel `first` of a line on: where they are, or a copy
 * with zeros for those outside. */
static inline const float *planes_pixels(const windows *v, const float *line, int64_t first,
                                         float *copy)
{
    const int64_t n = VLEN * v->stride_w;
    if (first >= 0 && first + n <= v->w) return line + first * v->c;
    window_clip(v, line, &(window_run){.x = first, .pixels = n, .hi = n * v->c}, copy);
    return copy;
}

/* Line y of the image, which may be outside, from the pixel where windows begin. */
static inline void planes_line(const planes *p, int64_t sample, int64_t y, float *copy, float *to)
{
    const windows *v = p->v;
    const int64_t phases = v->stride_w, c = v->c;
    if (c == 1 && phases == 1) {
        window_line(v, 0, sample, y, p->pitch, to);
        return;
    }
    if (y < 0 || y >= v->h) {
        gemm_zero(to, p->line);
        return;
    }
    const float *line = v->x + (sample * v->h + y) * v->w * c;
    planes_ask(line + v->w * c, v->w * c);
    /* the pixels of all phases are turned at once where they are few floats */
    const int64_t pixels = phases * c <= VLEN / 2 ? phases : 1;
    const bool few = c <= VLEN / 2;
    if (few && phases == 1) window_line(v, 0, sample, y, p->pitch * c, copy);
    for (int64_t x = 0; x < p->pitch; x += VLEN) {
        const float *from = copy + x * c;
        if (x * phases - v->left >= v->w) {
            for (int64_t k = 0; k < phases * c; k++) vstore(to + k * p->pitch + x, vzero());
            continue;
        }
        if (few && phases > 1) from = planes_pixels(v, line, x * phases - v->left, copy);
        for (int64_t phase = 0; phase < phases; phase += pixels) {
            const int64_t pixel = x * phases + phase, first = pixel - v->left;
            float *plane = to + phase * c * p->pitch + x;
            if (few) {
                planes_few(from + phase * c, phases * c, (int)(pixels * c), plane, p->pitch);
                continue;
            }
            planes_turn t = {line + first * c, phases * c, 0, 0, c, p->pitch};
            if (first < 0) t.begin = ceil_div(-first, phases);
            if (first < v->w) t.end = ceil_div(v->w - first, phases);
            planes_many(&t, plane);
        }
    }
}

/* The lines of grid rows [gy, gy + rows). */
static inline void planes_band(const planes *p, int64_t sample, int64_t gy, int64_t rows,
                               float *copy, float *to)
{
    const windows *v = p->v;
    const int64_t lines = (rows - 1) * v->stride_h + (v->kh - 1) * v->dilation_h + 1;
    for (int64_t r = 0; r < lines; r++)
        planes_line(p, sample, gy * v->stride_h - v->top + r, copy, to + r * p->line);
}

bool SNUG_TIER_SYMBOL(planes_suits)(const gemm *g, const windows *v);
size_t SNUG_TIER_SYMBOL(planes_scratch)(const gemm *g, const windows *v, int threads);
/* g's rows are v's windows. */
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
