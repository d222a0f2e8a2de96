/* SPDX-License-Identifier: Apache-2.0 */
/* One call of an operator's reference kernel, made from a case of its table: types from the shape
 * rule, inputs filled by a counter-based generator, a step of four leaf slots. */
#ifndef TESTS_OP_CASE_H
#define TESTS_OP_CASE_H

#include "base/memory.h"
#include "base/rng.h"
#include "ops/ops.h"
#include <snug/leaves.h>
#include <string.h>

#define OP_LEAVES 4

typedef struct op_run {
    const snug_op *op;
    const snug_case *kase;
    void *attrs;
    int n_in, n_out;
    snug_type in_type[SNUG_MAX_IN], out_type[SNUG_MAX_OUT];
    snug_tensor in[SNUG_MAX_IN], out[SNUG_MAX_OUT];
    snug_step step;
} op_run;

/* The case's attributes, or the operator's defaults; freed with snug_free. */
static inline void *op_attrs(const snug_op *op, const void *given)
{
    char *attrs = snug_alloc(TAG_TEST, op->attrs_bytes + 1);
    if (given && op->attrs_bytes) memcpy(attrs, given, op->attrs_bytes);
    for (const snug_attr *a = op->attrs; a && a->name && !given; a++) {
        if (a->kind == SNUG_ATTR_FLOAT)
            memcpy(attrs + a->offset, &a->initial, sizeof(double));
        else
            memcpy(attrs + a->offset, &(int64_t){(int64_t)a->initial}, sizeof(int64_t));
    }
    return attrs;
}

static inline snug_sig op_sig(const op_run *r)
{
    return (snug_sig){r->attrs, r->n_in, r->n_out, r->in_type, r->out_type, false, 0};
}

/* Output types from the shape rule. */
static inline snug_status op_infer(op_run *r)
{
    snug_infer f = {.name = "node under test",
                    .attrs = r->attrs,
                    .n_in = r->n_in,
                    .n_out = r->n_out,
                    .in = r->in_type,
                    .out = r->out_type};
    memset(r->out_type, 0, sizeof r->out_type);
    return r->op->shape(&f);
}

/* Values that f32 holds exactly, so that runs in f32 and f64 see the same inputs. */
static inline double op_fill(const snug_case_in *in, int64_t n, int64_t i, uint64_t stream)
{
    uint32_t u[4];
    double normal[2];
    snug_rng(1, RNG_TEST, stream, (uint64_t)i, u);
    switch (in->fill) {
    case SNUG_FILL_POSITIVE:
        return (float)(0.5 + snug_rng_float(u[0]));
    case SNUG_FILL_UNIT:
        return snug_rng_float(u[0]);
    case SNUG_FILL_INDEX:
        return (double)(u[0] % (uint64_t)in->index_below);
    case SNUG_FILL_DISTINCT: {
        double place = (double)snug_permute((uint64_t)n, (uint64_t)i, 1, RNG_TEST, stream);
        return (float)((place + 0.5 - (double)(n / 2)) * 0.02);
    }
    default:
        snug_rng_normal(u, normal);
        return in->fill == SNUG_FILL_SMALL ? (float)(normal[0] / 10) : (float)normal[0];
    }
}

static inline snug_tensor op_tensor(const snug_type *t)
{
    /* one element more, so that empty tensors have an address too */
    return (snug_tensor){snug_alloc(TAG_TEST, snug_type_bytes(t) + 16), *t};
}

/* A step whose batch of n samples is cut into OP_LEAVES slots. */
static inline snug_step op_step(int64_t n)
{
    return (snug_step){.seed = 1,
                       .step = 3,
                       .n_step = n,
                       .n_here = n,
                       .leaf_samples = (n + OP_LEAVES - 1) / OP_LEAVES,
                       .leaves_here = OP_LEAVES,
                       .n_micro = 1};
}

static inline int64_t op_case_batch(const snug_case *k)
{
    for (int i = 0; i < k->n_in; i++)
        if (k->in[i].batch) return k->in[i].dim[0];
    return 0;
}

static inline void op_run_free(op_run *r)
{
    for (int i = 0; i < r->n_in; i++) snug_free(r->in[i].data);
    for (int o = 0; o < r->n_out; o++) snug_free(r->out[o].data);
    snug_free(r->attrs);
}

/* Tensors for the types as they stand. */
static inline void op_run_alloc(op_run *r)
{
    for (int i = 0; i < r->n_in; i++) r->in[i] = op_tensor(&r->in_type[i]);
    for (int o = 0; o < r->n_out; o++) r->out[o] = op_tensor(&r->out_type[o]);
}

static inline snug_status op_run_types(op_run *r, const snug_op *op, const snug_case *k,
                                       snug_dtype dtype)
{
    *r = (op_run){.op = op, .kase = k, .n_in = k->n_in};
    r->attrs = op_attrs(op, k->attrs);
    r->n_out = snug_op_outputs(op, r->attrs);
    for (int i = 0; i < r->n_in; i++) r->in_type[i] = snug_case_type(&k->in[i], dtype);
    r->step = op_step(op_case_batch(k));
    return op_infer(r);
}

static inline snug_status op_run_make(op_run *r, const snug_op *op, const snug_case *k,
                                      snug_dtype dtype)
{
    SNUG_TRY(op_run_types(r, op, k, dtype));
    op_run_alloc(r);
    for (int i = 0; i < r->n_in; i++) {
        int64_t n = snug_shape_elements(&r->in_type[i].shape);
        for (int64_t e = 0; e < n; e++)
            snug_store(&r->in[i], e, op_fill(&k->in[i], n, e, (uint64_t)i));
    }
    return SNUG_OK;
}

/* Scratch for the reference, given to the call; freed with snug_free. */
static inline void *op_scratch(snug_call *c, const snug_op *op, const snug_sig *sig)
{
    c->scratch_bytes = op->ref_scratch ? op->ref_scratch(sig) : 0;
    return c->scratch = c->scratch_bytes ? snug_alloc(TAG_TEST, c->scratch_bytes) : NULL;
}

static inline void op_run_go(const op_run *r)
{
    snug_call c = {.attrs = r->attrs,
                   .in = r->in,
                   .out = r->out,
                   .n_in = r->n_in,
                   .n_out = r->n_out,
                   .step = &r->step};
    snug_sig sig = op_sig(r);
    void *scratch = op_scratch(&c, r->op, &sig);
    r->op->ref(&c);
    snug_free(scratch);
}

/* Copy [begin, end) of axis `axis` of `from` into a new tensor of that shape. */
static inline snug_tensor op_slice(const snug_tensor *from, int axis, int64_t begin, int64_t end)
{
    snug_type t = from->type;
    int64_t inner = 1, outer = 1, dim = t.shape.dim[axis];
    for (int i = axis + 1; i < t.shape.n_dims; i++) inner *= t.shape.dim[i];
    for (int i = 0; i < axis; i++) outer *= t.shape.dim[i];
    t.shape.dim[axis] = end - begin;
    snug_tensor to = op_tensor(&t);
    size_t each = (size_t)inner * snug_dtype_get(t.dtype)->block_bytes;
    for (int64_t o = 0; o < outer; o++)
        memcpy((char *)to.data + (size_t)(o * (end - begin)) * each,
               (char *)from->data + (size_t)(o * dim + begin) * each, (size_t)(end - begin) * each);
    return to;
}

/* Largest difference over the largest magnitude; infinite when shapes differ or NaN appears in one
 * of them only. */
static inline double op_error(const snug_tensor *a, const snug_tensor *b)
{
    int64_t n = snug_shape_elements(&a->type.shape);
    double worst = 0, largest = 0;
    if (n != snug_shape_elements(&b->type.shape)) return HUGE_VAL;
    for (int64_t i = 0; i < n; i++) {
        double x = snug_load(a, i), y = snug_load(b, i);
        double d = x > y ? x - y : y - x, m = y < 0 ? -y : y;
        if ((x != x) != (y != y)) return HUGE_VAL;
        if (d > worst) worst = d;
        if (m > largest) largest = m;
    }
    return worst == 0 ? 0 : worst / (largest > 0 ? largest : 1);
}

/* Whether output o may take the place of an input, and is as large as it here. */
static inline bool op_may_share(const op_run *r, int o)
{
    int in = r->op->inplace[o] - 1;
    return in >= 0 && snug_type_bytes(&r->out_type[o]) == snug_type_bytes(&r->in_type[in]);
}

static inline bool op_same_bits(const snug_tensor *a, const snug_tensor *b)
{
    return snug_type_bytes(&a->type) == snug_type_bytes(&b->type) &&
           memcmp(a->data, b->data, snug_type_bytes(&a->type)) == 0;
}

#endif
