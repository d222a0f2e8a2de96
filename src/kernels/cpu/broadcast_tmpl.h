/* SPDX-License-Identifier: Apache-2.0 */
/* Element-wise kernels of several inputs with broadcasting: spans of the output are walked run by
 * run, a run being elements along which every input either moves by one or stands still, and runs
 * row by row along the axis before. Inputs of one shape are one run. Every one reads an element of
 * each input before it writes that element of the output, so the output may share the bytes of an
 * input as large as it. */
#ifndef KERNELS_CPU_BROADCAST_TMPL_H
#define KERNELS_CPU_BROADCAST_TMPL_H

#include "kernels/cpu/spans.h"
#include "ops/broadcast.h"

/* Runs of n elements, one behind the other in the output. */
typedef struct run {
    const float *in[BROADCAST_MAX_IN];
    int64_t step[BROADCAST_MAX_IN]; /* from one run to the next */
    bool moves[BROADCAST_MAX_IN];   /* else in[i] is one number */
    float *y;
    int64_t n, n_runs;
} run;

/* n elements of input k from i on. */
ALWAYS_INLINE vf run_load(const run *r, int k, int64_t i, int n)
{
    return r->moves[k] ? vload_upto(r->in[k] + i, n) : vset1(*r->in[k]);
}

/* Where a walk over runs stands: coordinates along all axes but the last, of which runs are made,
 * and the elements that inputs are at where that axis begins. */
typedef struct walk {
    snug_broadcast b;
    int64_t length; /* of the last axis */
    int64_t coordinate[SNUG_MAX_DIMS], at[BROADCAST_MAX_IN];
} walk;

/* At the run that has element `begin`. */
static inline void walk_begin(walk *w, const snug_call *c, int64_t begin)
{
    memset(w, 0, sizeof *w);
    snug_broadcast_of(c, &w->b);
    w->length = w->b.n_dims > 0 ? w->b.dim[w->b.n_dims - 1] : 1;
    int64_t row = begin / w->length;
    for (int d = w->b.n_dims - 2; d >= 0; d--) {
        w->coordinate[d] = row % w->b.dim[d];
        row /= w->b.dim[d];
        for (int k = 0; k < c->n_in; k++) w->at[k] += w->coordinate[d] * w->b.step[k][d];
    }
}

/* To the next run's beginning. */
ALWAYS_INLINE void walk_on(walk *w)
{
    for (int d = w->b.n_dims - 2; d >= 0; d--) {
        for (int k = 0; k < BROADCAST_MAX_IN; k++) w->at[k] += w->b.step[k][d];
        if (++w->coordinate[d] < w->b.dim[d]) return;
        for (int k = 0; k < BROADCAST_MAX_IN; k++) w->at[k] -= w->b.dim[d] * w->b.step[k][d];
        w->coordinate[d] = 0;
    }
}

/* Of `whole` runs, so many as lie along the axis before the last one; the walk goes to the last of
 * them. */
ALWAYS_INLINE void walk_along(walk *w, int64_t whole, run *r)
{
    const int d = w->b.n_dims - 2;
    r->n_runs = 1;
    if (d < 0 || whole < 2) return;
    const int64_t left = w->b.dim[d] - w->coordinate[d];
    r->n_runs = left < whole ? left : whole;
    w->coordinate[d] += r->n_runs - 1;
    for (int k = 0; k < BROADCAST_MAX_IN; k++) {
        r->step[k] = w->b.step[k][d];
        w->at[k] += (r->n_runs - 1) * w->b.step[k][d];
    }
}

/* Elements [begin, end), runs by runs. */
ALWAYS_INLINE void runs_each(const snug_call *c, int64_t begin, int64_t end,
                             void (*f)(const run *r))
{
    walk w;
    walk_begin(&w, c, begin);
    run r = {.y = (float *)c->out[0].data + begin};
    for (int k = 0; k < c->n_in; k++)
        r.moves[k] = w.b.n_dims > 0 && w.b.step[k][w.b.n_dims - 1] != 0;
    for (int64_t skip = begin % w.length; begin < end; skip = 0) {
        r.n = w.length - skip < end - begin ? w.length - skip : end - begin;
        for (int k = 0; k < BROADCAST_MAX_IN; k++) {
            int in = k < c->n_in ? k : 0; /* a pointer for what is not used */
            r.in[k] = (const float *)c->in[in].data + w.at[in] + (r.moves[in] ? skip : 0);
        }
        walk_along(&w, skip > 0 ? 1 : (end - begin) / w.length, &r);
        f(&r);
        walk_on(&w);
        begin += r.n * r.n_runs, r.y += r.n * r.n_runs;
    }
}

/* k_NAME_f32: y is an expression of the inputs' vectors a, b and c. */
#define BROADCAST_KERNEL(name, y_)                                                                 \
    ALWAYS_INLINE vf name##_of(vf a, vf b, vf c)                                                   \
    {                                                                                              \
        (void)c;                                                                                   \
        return y_;                                                                                 \
    }                                                                                              \
    ALWAYS_INLINE void name##_at(const void *arg, int64_t i, int n)                                \
    {                                                                                              \
        const run *r = arg;                                                                        \
        vf a = run_load(r, 0, i, n), b = run_load(r, 1, i, n), c = run_load(r, 2, i, n);           \
        vstore_upto(r->y + i, name##_of(a, b, c), n);                                              \
    }                                                                                              \
    static void name##_run(const run *r)                                                           \
    {                                                                                              \
        run one = *r;                                                                              \
        for (; one.n_runs > 0; one.n_runs--, one.y += one.n) {                                     \
            span_each(0, one.n, name##_at, &one);                                                  \
            for (int k = 0; k < BROADCAST_MAX_IN; k++) one.in[k] += one.step[k];                   \
        }                                                                                          \
    }                                                                                              \
    static void name##_span(const snug_call *c, int64_t begin, int64_t end)                        \
    {                                                                                              \
        runs_each(c, begin, end, name##_run);                                                      \
    }                                                                                              \
    static void k_##name##_f32(const snug_call *c)                                                 \
    {                                                                                              \
        spans_run(c, snug_shape_elements(&c->out[0].type.shape), SPAN_STREAM, name##_span);        \
    }

#endif
