/* SPDX-License-Identifier: Apache-2.0 */
/* What measures a machine: the pulse, multiply-adds from registers and nothing else, and the triad
 * a = b + k c (McCalpin's STREAM). What they reach on all threads is what kernels are held to. */
#ifndef KERNELS_PULSE_H
#define KERNELS_PULSE_H

#include <snug/context.h>

typedef struct snug_pulse {
    float (*run)(int64_t rounds, float seed); /* the result is only there to be used */
    double flops_per_round;                   /* a multiply-add counts two */
    void (*triad)(float *a, const float *b, const float *c, float k, int64_t n);
} snug_pulse;

/* NULL: this build has no such tier. */
const snug_pulse *snug_pulse_of(snug_tier tier);

#endif
