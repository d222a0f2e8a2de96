/* SPDX-License-Identifier: Apache-2.0 */
/* The pulse: multiply-adds from registers, nothing else. What it reaches on all threads is what
 * "fraction of peak" means. */
#ifndef KERNELS_PULSE_H
#define KERNELS_PULSE_H

#include <snug/context.h>

typedef struct snug_pulse {
    float (*run)(int64_t rounds,
                 float seed); /* the result is of no interest, only that it is used */
    double flops_per_round;   /* a multiply-add counts two */
} snug_pulse;

/* NULL: this build has no such tier. */
const snug_pulse *snug_pulse_of(snug_tier tier);

#endif
