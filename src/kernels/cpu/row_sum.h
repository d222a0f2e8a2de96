/* SPDX-License-Identifier: Apache-2.0 */
/* The sum over one row of contiguous elements: four vector accumulators over ROW_CHUNK elements at
 * a time, the chunks' sums in order, then the lanes. Its length and the tier fix the order. */
#ifndef KERNELS_CPU_ROW_SUM_H
#define KERNELS_CPU_ROW_SUM_H

#include "kernels/cpu/spans.h"

enum { ROW_CHUNK = 256 * VLEN };

/* What a row gives at element i, zeros behind its end. */
typedef vf (*row_term)(const void *arg, int64_t i, int n);

ALWAYS_INLINE float row_sum(int64_t n, row_term term, const void *arg)
{
    vf total = vzero();
    for (int64_t chunk = 0; chunk < n; chunk += ROW_CHUNK) {
        int64_t end = n - chunk < ROW_CHUNK ? n : chunk + ROW_CHUNK, i = chunk;
        vf s[4] = {vzero(), vzero(), vzero(), vzero()};
        for (; i + 4 * VLEN <= end; i += 4 * VLEN)
            for (int v = 0; v < 4; v++) s[v] = vadd(s[v], term(arg, i + v * VLEN, VLEN));
        for (int v = 0; i < end; v++, i += VLEN) s[v] = vadd(s[v], term(arg, i, vlanes(i, end)));
        total = vadd(total, vadd(vadd(s[0], s[1]), vadd(s[2], s[3])));
    }
    return vsum(total);
}

#endif
