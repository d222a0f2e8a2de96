/* SPDX-License-Identifier: Apache-2.0 */
/* What average pooling and resizing of images have in common: y [N, OH, OW, C] is x [N, H, W, C]
 * times a matrix along each axis,
 *     y[n, oy, ox, c] = sum_{iy, ix} Ay[oy, iy] Ax[ox, ix] x[n, iy, ix, c],
 * whose row o is not zero in one range of columns, which moves to the right as o rises; so its
 * columns are ranges too, and dx is dy times the transposed matrices. */
#ifndef OPS_RESAMPLE_H
#define OPS_RESAMPLE_H

#include "ops/rules.h"

typedef enum snug_resample_kind {
    RESAMPLE_WINDOW,  /* the mean of a window */
    RESAMPLE_BINS,    /* the mean of [floor(o in / out), ceil((o + 1) in / out)) */
    RESAMPLE_NEAREST, /* element floor(o in / out) */
    RESAMPLE_LINEAR   /* between the two elements around o's place */
} snug_resample_kind;

/* The matrix of one axis. */
typedef struct snug_resample {
    snug_resample_kind kind;
    int64_t in, out;
    int64_t kernel, stride, before; /* WINDOW */
    bool count_pad;                 /* WINDOW: padding counts in the mean */
    bool corners;                   /* LINEAR: first and last elements stay in place */
} snug_resample;

/* Row o is not zero in [*begin, *end), never empty. */
void snug_resample_row(const snug_resample *r, int64_t o, int64_t *begin, int64_t *end);
/* Column i is not zero in [*begin, *end), which may be empty. */
void snug_resample_column(const snug_resample *r, int64_t i, int64_t *begin, int64_t *end);
double snug_resample_weight(const snug_resample *r, int64_t o, int64_t i);

/* The matrices of height and width, by an operator's attributes and the shapes of x and y. */
typedef void (*snug_resample_axes)(const void *attrs, const snug_shape *x, const snug_shape *y,
                                   snug_resample r[2]);
void snug_avg_pool2d_axes(const void *attrs, const snug_shape *x, const snug_shape *y,
                          snug_resample r[2]);
void snug_adaptive_avg_pool2d_axes(const void *attrs, const snug_shape *x, const snug_shape *y,
                                   snug_resample r[2]);
void snug_resize2d_axes(const void *attrs, const snug_shape *x, const snug_shape *y,
                        snug_resample r[2]);

/* ---- rules and references of such operators ---------------------------------------------------
 */

/* The first input is an image, the output one of h x w with its samples and channels. */
snug_status snug_resample_shape(snug_infer *f, int64_t h, int64_t w);
int snug_resample_uses(const snug_sig *s, snug_axis_use *u);
/* One multiplication and addition for every element of x in every sum. */
snug_cost snug_resample_cost(const snug_sig *s, const snug_resample r[2]);
void snug_resample_ref(const snug_call *c, snug_resample_axes axes);
void snug_resample_grad_ref(const snug_call *c, snug_resample_axes axes);

#endif
