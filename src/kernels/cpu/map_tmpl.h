/* SPDX-License-Identifier: Apache-2.0 */
/* Element-wise kernels that are one formula over flat spans. Every one reads an element of each
 * input before it writes that element of the output, so outputs may share an input's bytes. */
#ifndef KERNELS_CPU_MAP_TMPL_H
#define KERNELS_CPU_MAP_TMPL_H

#include "kernels/cpu/spans.h"
#include "ops/ops.h"

/* A call as its spans see it. */
typedef struct map {
    const float *a, *b;
    float *y;
    const snug_unary_attrs *attrs;
} map;

/* Every vector of elements [begin, end). */
ALWAYS_INLINE void map_span(const snug_call *c, int64_t begin, int64_t end,
                            void (*f)(const void *, int64_t, int))
{
    map m = {c->in[0].data, c->in[c->n_in > 1].data, c->out[0].data, c->attrs};
    span_each(begin, end, f, &m);
}

static inline void map_run(const snug_call *c, int64_t grain, span_fn fn)
{
    spans_run(c, snug_shape_elements(&c->out[0].type.shape), grain, fn);
}

/* k_NAME_f32: y is an expression of the inputs' vectors a and b (of the only one: a), and of m, the
 * map. */
#define MAP_KERNEL(name, grain, y_)                                                                \
    ALWAYS_INLINE void name##_at(const void *arg, int64_t i, int n)                                \
    {                                                                                              \
        const map *m = arg;                                                                        \
        vf a = vload_upto(m->a + i, n), b = vload_upto(m->b + i, n);                               \
        (void)a, (void)b;                                                                          \
        vstore_upto(m->y + i, y_, n);                                                              \
    }                                                                                              \
    static void name##_span(const snug_call *c, int64_t begin, int64_t end)                        \
    {                                                                                              \
        map_span(c, begin, end, name##_at);                                                        \
    }                                                                                              \
    static void k_##name##_f32(const snug_call *c)                                                 \
    {                                                                                              \
        map_run(c, grain, name##_span);                                                            \
    }

#endif
