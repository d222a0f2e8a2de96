/* SPDX-License-Identifier: Apache-2.0 */
/* The pulse is twelve independent chains of multiply-adds: enough to cover a latency of four cycles
 * on three ports, and few enough for sixteen registers. a -> a x + y with |x| < 1 stays finite. */
#include "kernels/pulse.h"
#include "kernels/cpu/vec.h"

enum { CHAINS = 12, ROUNDS = 8 };

static float pulse(int64_t rounds, float seed)
{
    vf x = vset1(0.5f), y = vset1(seed), a[CHAINS];
    for (int k = 0; k < CHAINS; k++) a[k] = vset1((float)k);
    for (int64_t r = 0; r < rounds; r++)
        for (int u = 0; u < ROUNDS; u++)
            for (int k = 0; k < CHAINS; k++) a[k] = vfma(a[k], x, y);
    vf sum = a[0];
    for (int k = 1; k < CHAINS; k++) sum = vadd(sum, a[k]);
    return vsum(sum);
}

static void triad(float *a, const float *b, const float *c, float k, int64_t n)
{
    const vf factor = vset1(k);
    int64_t i = 0;
    for (; i + VLEN <= n; i += VLEN) vstore(a + i, vfma(factor, vload(c + i), vload(b + i)));
    const int tail = (int)(n - i);
    vstore_n(a + i, vfma(factor, vload_n(c + i, tail), vload_n(b + i, tail)), tail);
}

extern const snug_pulse SNUG_TIER_SYMBOL(snug_pulse);
const snug_pulse SNUG_TIER_SYMBOL(snug_pulse) = {pulse, 2.0 * ROUNDS *CHAINS *VLEN, triad};
