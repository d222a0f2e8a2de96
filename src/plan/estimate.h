/* SPDX-License-Identifier: Apache-2.0 */
/* How long an instruction takes, by the shipped table of costs: nothing is run or measured. */
#ifndef PLAN_ESTIMATE_H
#define PLAN_ESTIMATE_H

#include "kernels/kernel.h"

/* Seconds of one call on so many threads; kernel NULL: of a reference kernel. */
double snug_estimate_seconds(snug_tier tier, int threads, const snug_kernel *kernel,
                             const snug_cost *cost);

#endif
