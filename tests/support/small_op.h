/* SPDX-License-Identifier: Apache-2.0 */
/* One call of an operator's reference kernel on inputs written out in the test. */
#ifndef TESTS_SMALL_OP_H
#define TESTS_SMALL_OP_H

#include "support/op_case.h"

typedef struct small {
    snug_type type[SNUG_MAX_IN];
    snug_tensor in[SNUG_MAX_IN], out[SNUG_MAX_OUT];
    int n_in;
    snug_step step;
} small;

static inline void small_in(small *s, snug_dtype dtype, const double *v, int n_dims,
                            const int64_t *dim)
{
    snug_type t = {.shape = snug_shape_make(n_dims, dim), .dtype = dtype};
    s->type[s->n_in] = t;
    s->in[s->n_in] = op_tensor(&t);
    int64_t n = 1;
    for (int d = 0; d < n_dims; d++) n *= dim[d];
    for (int64_t i = 0; i < n; i++) snug_store(&s->in[s->n_in], i, v[i]);
    s->n_in++;
}

static inline void small_scalar(small *s, snug_dtype dtype, double v)
{
    s->type[s->n_in] = (snug_type){.dtype = dtype};
    s->in[s->n_in] = op_tensor(&s->type[s->n_in]);
    snug_store(&s->in[s->n_in++], 0, v);
}

static inline void small_batch(small *s, int i)
{
    s->type[i].shape.kind[0] = s->in[i].type.shape.kind[0] = SNUG_AXIS_BATCH;
}

static inline void small_run(small *s, const snug_op *op, const void *attrs)
{
    snug_type out[SNUG_MAX_OUT] = {0};
    snug_infer f = {"small", attrs, s->n_in, op->n_out, s->type, out};
    ok(op->shape(&f));
    for (int o = 0; o < op->n_out; o++)
        if (!s->out[o].data) s->out[o] = op_tensor(&out[o]);
    snug_call c = {.attrs = attrs, .in = s->in, .out = s->out, .n_in = s->n_in};
    c.n_out = op->n_out, c.step = &s->step;
    snug_sig sig = {attrs, s->n_in, op->n_out, s->type, out, false, 0};
    void *scratch = op_scratch(&c, op, &sig);
    op->ref(&c);
    snug_free(scratch);
}

static inline void small_free(small *s)
{
    for (int i = 0; i < SNUG_MAX_IN; i++) snug_free(s->in[i].data);
    for (int o = 0; o < SNUG_MAX_OUT; o++) snug_free(s->out[o].data);
    *s = (small){0};
}

#define DIMS(...)                                                                                  \
    sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[])                                \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define VALUES(...)                                                                                \
    (double[])                                                                                     \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

#endif
