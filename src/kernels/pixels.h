/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of images made floats: x[i] = (float)((byte[i] - mean[i % P]) * scale[i % P]), P =
 * SNUG_PIXEL_PERIOD, in double, every operation rounded: the same bits in every tier. */
#ifndef KERNELS_PIXELS_H
#define KERNELS_PIXELS_H

#include <snug/context.h>

/* A multiple of the usual numbers of channels. */
enum { SNUG_PIXEL_PERIOD = 24 };

typedef struct snug_pixel_line {
    double mean[SNUG_PIXEL_PERIOD], scale[SNUG_PIXEL_PERIOD];
} snug_pixel_line;

typedef void (*snug_pixels_fn)(const uint8_t *byte, int64_t n, const snug_pixel_line *line,
                               float *x);

/* Of the highest tier that this CPU runs; NULL: it has none. */
snug_pixels_fn snug_pixels_best(void);

#endif
