/* SPDX-License-Identifier: Apache-2.0 */
/* The sum of squares of all elements. */
#include "kernels/cpu/flat_sum.h"

ALWAYS_INLINE vf square_term(const void *arg, int64_t i, int n, vf sum)
{
    vf v = vload_upto((const float *)arg + i, n);
    return vfma(v, v, sum);
}

static float square_chunk(const void *arg, int64_t begin, int64_t end)
{
    return flat_elements(arg, begin, end, square_term);
}

static void k_sum_squares_f32(const snug_call *c)
{
    flat f = flat_of(c);
    f.chunk = square_chunk, f.arg = c->in[0].data;
    *(float *)c->out[0].data = flat_sum(c, &f, 1);
}

KERNEL_TABLE(squares) = {
    {.op = "sum_squares",
     .name = "k_sum_squares_f32",
     .scratch = flat_scratch,
     .run = k_sum_squares_f32},
    {0},
};
