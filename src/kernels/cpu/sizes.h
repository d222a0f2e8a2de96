/* SPDX-License-Identifier: Apache-2.0 */
/* Whole numbers by which kernels cut their work. */
#ifndef KERNELS_CPU_SIZES_H
#define KERNELS_CPU_SIZES_H

#include <stdint.h>

static inline int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* a / b, rounded up. */
static inline int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* n, up to a multiple of `to`. */
static inline int64_t round_up(int64_t n, int64_t to)
{
    return ceil_div(n, to) * to;
}

#endif
