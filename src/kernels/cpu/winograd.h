/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions with kernels of 3 x 3, stride 1, without dilation or groups, by Winograd's minimal
 * filtering F(4x4, 3x3) (Lavin and Gray 2016, arXiv:1509.09308): 36 products instead of 144 for 16
 * pixels. A tile of 6 x 6 pixels d and the weights g give 4 x 4 pixels
 *     y = A^T [(G g G^T) .* (B^T d B)] A
 * where .* is a sum over channels, so that there are 36 matrix products, one for each element of
 * the transformed tile. The weights' gradient is the same bilinear form taken from another side:
 *     dg = G^T [sum over tiles of (A dy A^T) .* (B^T d B)] G
 *
 * The points of interpolation are 0, -p, p, -q, q and infinity for p = 5/8, q = 3/2: their powers
 * are exact, and the error is half of that with 1 and 2. Relative rms 8e-7 to 1e-6 for 64 to 512
 * channels, where direct convolution has 4e-7 to 1e-6; the largest error is 2e-6 of the largest
 * result.
 *
 * An output is a function of its own tile, whose additions run over the channels; tiles do not
 * reach from one sample into the next. */
#ifndef KERNELS_CPU_WINOGRAD_H
#define KERNELS_CPU_WINOGRAD_H

#include "kernels/cpu/spans.h"
#include "kernels/cpu/windows.h"

/* A convolution as g: rows of windows v times weights w [3, 3, k, n]; backward: [3, 3, n, k], whose
 * places are counted from the last on. */
typedef struct winograd_weights {
    const float *w;
    bool backward;
} winograd_weights;

/* Whether a product of this shape can be done so, and is worth it; the batch is not looked at. */
bool SNUG_TIER_SYMBOL(winograd_can)(const gemm *g, const windows *v);
bool SNUG_TIER_SYMBOL(winograd_suits)(const gemm *g, const windows *v);
size_t SNUG_TIER_SYMBOL(winograd_scratch)(const gemm *g, const windows *v, int threads);
/* Does not use g's packing functions. */
void SNUG_TIER_SYMBOL(winograd_run)(const gemm *g, const windows *v, const winograd_weights *w,
                                    const snug_call *call);
/* What g->kept may point to: few weights transformed, many strip by strip. */
size_t SNUG_TIER_SYMBOL(winograd_keep_bytes)(const gemm *g, const windows *v);
void SNUG_TIER_SYMBOL(winograd_keep)(const gemm *g, const windows *v, const winograd_weights *w,
                                     const snug_call *call);
/* The gradient of the weights: g's columns of A are v's windows, B is call->in[1]. */
size_t SNUG_TIER_SYMBOL(winograd_weight_scratch)(const gemm *g, const windows *v, int threads);
void SNUG_TIER_SYMBOL(winograd_weight_run)(const gemm *g, const windows *v, const snug_call *call);
#define winograd_can            SNUG_TIER_SYMBOL(winograd_can)
#define winograd_suits          SNUG_TIER_SYMBOL(winograd_suits)
#define winograd_scratch        SNUG_TIER_SYMBOL(winograd_scratch)
#define winograd_run            SNUG_TIER_SYMBOL(winograd_run)
#define winograd_keep_bytes     SNUG_TIER_SYMBOL(winograd_keep_bytes)
#define winograd_keep           SNUG_TIER_SYMBOL(winograd_keep)
#define winograd_weight_scratch SNUG_TIER_SYMBOL(winograd_weight_scratch)
#define winograd_weight_run     SNUG_TIER_SYMBOL(winograd_weight_run)

/* ---- tiles ------------------------------------------------------------------------------------
 */

#define WINOGRAD_OUT    4  /* pixels along an edge of a tile's result */
#define WINOGRAD_IN     6  /* and of what it is made from */
#define WINOGRAD_PLACES 36 /* elements of a transformed tile */

/* Tiles over a grid of pixels, row by row; the last of a row or column may be partly outside. */
typedef struct winograd_tiles {
    int64_t down, across, samples;
} winograd_tiles;

static inline winograd_tiles winograd_tiles_of(const windows *v, int64_t samples)
{
    return (winograd_tiles){(v->grid_h + WINOGRAD_OUT - 1) / WINOGRAD_OUT,
                            (v->grid_w + WINOGRAD_OUT - 1) / WINOGRAD_OUT, samples};
}

/* The tile's first pixel in the grid. */
static inline window winograd_tile(const winograd_tiles *t, int64_t i)
{
    int64_t area = t->down * t->across, at = i % area;
    return (window){i / area, at / t->across * WINOGRAD_OUT, at % t->across * WINOGRAD_OUT};
}

/* Where the pixels [y, y + size) x [x, x + size) of a sample's image [h, w, c] are; `zeros` for
 * those outside. */
static inline void winograd_pixels(const windows *v, const window *at, int size, const float *zeros,
                                   const float **pixels)
{
    for (int i = 0; i < size; i++) {
        int64_t y = at->gy + i;
        const float *row = v->x + (at->sample * v->h + y) * v->w * v->c;
        for (int j = 0; j < size; j++) {
            int64_t x = at->gx + j;
            bool inside = y >= 0 && y < v->h && x >= 0 && x < v->w;
            *pixels++ = inside ? row + x * v->c : zeros;
        }
    }
}

/* Tiles of an image to be transformed: of channels [c, end), results from tile to tile `row` and
 * from place to place `plane` floats apart. */
typedef struct winograd_image {
    const windows *v;
    const winograd_tiles *grid;
    const float *zeros; /* a pixel of them */
    int64_t c, end, row, plane;
} winograd_image;

/* B^T d B of the tiles [first, first + n). */
void SNUG_TIER_SYMBOL(winograd_in_tiles)(const winograd_image *m, int64_t first, int64_t n,
                                         float *to);
#define winograd_in_tiles SNUG_TIER_SYMBOL(winograd_in_tiles)

/* ---- transforms, along one edge ---------------------------------------------------------------
 */

#define WINOGRAD_P  0.625f
#define WINOGRAD_Q  1.5f
#define WINOGRAD_P2 (WINOGRAD_P * WINOGRAD_P)
#define WINOGRAD_Q2 (WINOGRAD_Q * WINOGRAD_Q)
/* What G divides by: the products of a point's distances to the others. */
#define WINOGRAD_N0 (1 / (WINOGRAD_P2 * WINOGRAD_Q2))
#define WINOGRAD_NP (1 / (2 * WINOGRAD_P2 * (WINOGRAD_P2 - WINOGRAD_Q2)))
#define WINOGRAD_NQ (1 / (2 * WINOGRAD_Q2 * (WINOGRAD_Q2 - WINOGRAD_P2)))

/* B^T d. */
ALWAYS_INLINE void winograd_in(const vf d[6], vf v[6])
{
    const vf p = vset1(WINOGRAD_P), q = vset1(WINOGRAD_Q), p2 = vset1(-WINOGRAD_P2);
    const vf q2 = vset1(-WINOGRAD_Q2), both = vset1(WINOGRAD_P2 * WINOGRAD_Q2);
    const vf sum = vset1(-(WINOGRAD_P2 + WINOGRAD_Q2));
    vf even = vfma(q2, d[2], d[4]), odd = vmul(p, vfma(q2, d[1], d[3]));
    v[0] = vfma(both, d[0], vfma(sum, d[2], d[4]));
    v[1] = vadd(even, odd), v[2] = vsub(even, odd);
    even = vfma(p2, d[2], d[4]), odd = vmul(q, vfma(p2, d[1], d[3]));
    v[3] = vadd(even, odd), v[4] = vsub(even, odd);
    v[5] = vfma(both, d[1], vfma(sum, d[3], d[5]));
}

/* A^T m. */
ALWAYS_INLINE void winograd_out(const vf m[6], vf y[4])
{
    const vf p = vset1(WINOGRAD_P), q = vset1(WINOGRAD_Q);
    const vf p2 = vset1(WINOGRAD_P2), q2 = vset1(WINOGRAD_Q2);
    vf even_p = vadd(m[1], m[2]), odd_p = vmul(p, vsub(m[1], m[2]));
    vf even_q = vadd(m[3], m[4]), odd_q = vmul(q, vsub(m[3], m[4]));
    y[0] = vadd(m[0], vadd(even_p, even_q));
    y[1] = vadd(odd_p, odd_q);
    y[2] = vfma(p2, even_p, vmul(q2, even_q));
    y[3] = vfma(p2, odd_p, vfma(q2, odd_q, m[5]));
}

/* G g. */
ALWAYS_INLINE void winograd_kernel(const vf g[3], vf u[6])
{
    vf even = vmul(vset1(WINOGRAD_NP), vfma(vset1(WINOGRAD_P2), g[2], g[0]));
    vf odd = vmul(vset1(WINOGRAD_NP * WINOGRAD_P), g[1]);
    u[0] = vmul(vset1(WINOGRAD_N0), g[0]);
    u[1] = vadd(even, odd), u[2] = vsub(even, odd);
    even = vmul(vset1(WINOGRAD_NQ), vfma(vset1(WINOGRAD_Q2), g[2], g[0]));
    odd = vmul(vset1(WINOGRAD_NQ * WINOGRAD_Q), g[1]);
    u[3] = vadd(even, odd), u[4] = vsub(even, odd);
    u[5] = g[2];
}

/* A y. */
ALWAYS_INLINE void winograd_slope(const vf y[4], vf z[6])
{
    vf even = vfma(vset1(WINOGRAD_P2), y[2], y[0]);
    vf odd = vmul(vset1(WINOGRAD_P), vfma(vset1(WINOGRAD_P2), y[3], y[1]));
    z[0] = y[0];
    z[1] = vadd(even, odd), z[2] = vsub(even, odd);
    even = vfma(vset1(WINOGRAD_Q2), y[2], y[0]);
    odd = vmul(vset1(WINOGRAD_Q), vfma(vset1(WINOGRAD_Q2), y[3], y[1]));
    z[3] = vadd(even, odd), z[4] = vsub(even, odd);
    z[5] = y[3];
}

/* G^T m. */
ALWAYS_INLINE void winograd_weight(const vf m[6], vf g[3])
{
    const vf np = vset1(WINOGRAD_NP), nq = vset1(WINOGRAD_NQ);
    vf even_p = vmul(np, vadd(m[1], m[2])), odd_p = vmul(np, vsub(m[1], m[2]));
    vf even_q = vmul(nq, vadd(m[3], m[4])), odd_q = vmul(nq, vsub(m[3], m[4]));
    g[0] = vfma(vset1(WINOGRAD_N0), m[0], vadd(even_p, even_q));
    g[1] = vfma(vset1(WINOGRAD_P), odd_p, vmul(vset1(WINOGRAD_Q), odd_q));
    g[2] = vfma(vset1(WINOGRAD_P2), even_p, vfma(vset1(WINOGRAD_Q2), even_q, m[5]));
}

#endif
