/* SPDX-License-Identifier: Apache-2.0 */
/* What recurrent operators share: sizes, optional inputs, lengths, the order of steps.
 *
 * N samples of T steps, H units; z = x w_ih + bias of all steps, [N, T, gates * H], is a product of
 * its own before the operator. A sample of length L < T has its steps at 0 .. L-1; at the others
 * nothing happens: results there are 0. Steps are walked from 0 up, or, with `reverse`, from L-1
 * down; h and c after the last step walked are results of their own.
 *
 * Inputs: those that the operator always has, then as attributes say, in this order: dy [N, T, H],
 * dh [N, H], dc [N, H], h0 [N, H], c0 [N, H], lengths i32 [N]. */
#ifndef OPS_RECURRENT_H
#define OPS_RECURRENT_H

#include "ops/rules.h"
#include <math.h>
#include <snug/graph.h>

/* What kind of recurrent operator it is. */
typedef struct recurrent_form {
    uint8_t n_fixed; /* inputs it always has */
    uint8_t n_gates; /* the first input is [N, T, n_gates * H] */
    bool h0, c0;     /* which initial states it reads when `initial` is set */
} recurrent_form;

/* Where the optional inputs are, -1: not given; and how many inputs there are. */
typedef struct recurrent_places {
    int dy, dh, dc, h0, c0, lengths, n;
} recurrent_places;

static inline recurrent_places recurrent_find(const recurrent_form *form,
                                              const snug_recurrent_attrs *a)
{
    recurrent_places p = {.n = form->n_fixed};
    p.dy = a->dy ? p.n++ : -1;
    p.dh = a->dh ? p.n++ : -1;
    p.dc = a->dc ? p.n++ : -1;
    p.h0 = a->initial && form->h0 ? p.n++ : -1;
    p.c0 = a->initial && form->c0 ? p.n++ : -1;
    p.lengths = a->lengths ? p.n++ : -1;
    return p;
}

/* A call, taken apart. Tensors that are not given are NULL. */
typedef struct recurrent {
    const snug_recurrent_attrs *attrs;
    int64_t n, t, h, wide; /* wide: the first input's last axis */
    const snug_tensor *dy, *dh, *dc, *h0, *c0, *lengths;
} recurrent;

static inline recurrent recurrent_of(const recurrent_form *form, const snug_call *c)
{
    const snug_shape *s = &c->in[0].type.shape;
    recurrent r = {.attrs = c->attrs, .n = s->dim[0], .t = s->dim[1], .wide = s->dim[2]};
    recurrent_places p = recurrent_find(form, r.attrs);
    r.h = r.wide / form->n_gates;
    r.dy = p.dy < 0 ? NULL : &c->in[p.dy];
    r.dh = p.dh < 0 ? NULL : &c->in[p.dh];
    r.dc = p.dc < 0 ? NULL : &c->in[p.dc];
    r.h0 = p.h0 < 0 ? NULL : &c->in[p.h0];
    r.c0 = p.c0 < 0 ? NULL : &c->in[p.c0];
    r.lengths = p.lengths < 0 ? NULL : &c->in[p.lengths];
    return r;
}

/* Steps of sample n. */
static inline int64_t recurrent_length(const recurrent *r, int64_t n)
{
    return r->lengths ? snug_sequence_length(r->lengths, n, r->t) : r->t;
}

/* The place of the k-th step walked of a sample that has `length`. */
static inline int64_t recurrent_step(const recurrent *r, int64_t length, int64_t k)
{
    return r->attrs->reverse ? length - 1 - k : k;
}

/* ---- rules ------------------------------------------------------------------------------------
 */

/* Input 0 is [N, T, n_gates * H], input 1 the fixed matrix [H, n_gates * H], the optional inputs
 * fit. *hidden is [N, T, H], *state [N, H]. */
snug_status snug_recurrent_infer(const snug_infer *f, const recurrent_form *form, snug_type *hidden,
                                 snug_type *state) SNUG_MUST_USE;
/* The optional inputs alone, for hidden of [N, T, H]. */
snug_status snug_recurrent_options(const snug_infer *f, const recurrent_form *form,
                                   const snug_type *hidden) SNUG_MUST_USE;
/* Input i has this shape. */
snug_status snug_recurrent_expect(const snug_infer *f, int i, const snug_shape *want) SNUG_MUST_USE;
/* Every output's samples follow those of every input that has them: all but the matrix at 1. */
int snug_recurrent_axes(const snug_sig *s, snug_axis_use *u);
/* Elements of one sample's scratch, as doubles: `states` numbers a unit. */
size_t snug_recurrent_scratch(const snug_sig *s, const recurrent_form *form, int states);

/* dw_hh from y and the gradients of the gates (and of a second product, or NULL). */
snug_status snug_recurrent_weight(snug_grad *g, const recurrent_form *form, snug_value *const *d,
                                  int n_d, snug_value **dw) SNUG_MUST_USE;
/* Appends what a backward operator is given beside its n fixed inputs; returns how many it has
 * then. `a` receives what they are. dout are the gradients of y, h and, with c0, c. */
int snug_recurrent_backward(const snug_grad *g, const recurrent_form *forward,
                            const recurrent_form *backward, snug_value **in,
                            snug_recurrent_attrs *a);

/* ---- references -------------------------------------------------------------------------------
 */

/* Element j of row (n, t) of [N, T, wide]. */
static inline int64_t recurrent_at(const recurrent *r, int64_t wide, int64_t n, int64_t t)
{
    return (n * r->t + t) * wide;
}

static inline double recurrent_initial(const snug_tensor *state, int64_t i)
{
    return state ? snug_load(state, i) : 0;
}

static inline void recurrent_put(const snug_tensor *out, int64_t i, double v)
{
    if (out->data) snug_store(out, i, v);
}

/* Zeros into the steps that a sample does not have. */
static inline void recurrent_blank(const recurrent *r, const snug_tensor *out, int64_t wide,
                                   int64_t n)
{
    int64_t begin = recurrent_at(r, wide, n, recurrent_length(r, n));
    for (int64_t i = begin; i < recurrent_at(r, wide, n + 1, 0); i++) recurrent_put(out, i, 0);
}

/* (row w)[column] where w is [H, wide]: sum over units of h[unit] * w[unit, column]. */
static inline double recurrent_dot(const double *h, const snug_tensor *w, int64_t n, int64_t wide,
                                   int64_t column)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++) sum += h[k] * snug_load(w, k * wide + column);
    return sum;
}

static inline double recurrent_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Attributes of a test case. */
#define RECURRENT_ATTRS(...)                                                                       \
    &(const snug_recurrent_attrs)                                                                  \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

#endif
