/* SPDX-License-Identifier: Apache-2.0 */
/* recurrent_grad_weight on f32: the product of gemm.h whose k counts samples and steps, and whose A
 * has as row (n, t) the state before that step. */
#include "kernels/cpu/gemm.h"
#include "ops/recurrent.h"

typedef struct sources {
    recurrent r;
    const float *y, *d, *second;
    int64_t first; /* columns that are d's own */
} sources;

static recurrent_form form_of(const snug_recurrent_attrs *a)
{
    return (recurrent_form){.n_fixed = a->second ? 3 : 2, .n_gates = 1, .h0 = true};
}

/* Row i of sample n is the state before step i; NULL: zeros. */
static const float *state_before(const sources *s, int64_t n, int64_t length, int64_t i)
{
    const recurrent *r = &s->r;
    const bool reverse = r->attrs->reverse;
    if (i >= length) return NULL;
    if (i != (reverse ? length - 1 : 0)) return s->y + (n * r->t + i + (reverse ? 1 : -1)) * r->h;
    return r->h0 ? (const float *)r->h0->data + n * r->h : NULL;
}

static void pack_a(const gemm *g, const gemm_block *b)
{
    const sources *s = g->arg;
    const int64_t steps = s->r.t, end = b->k0 + b->nk;
    float *to = b->out;
    for (int64_t row = b->k0; row < end;) {
        const int64_t n = row / steps, length = recurrent_length(&s->r, n);
        for (int64_t i = row % steps; i < steps && row < end; i++, row++, to += b->ld) {
            const float *from = state_before(s, n, length, i);
            if (from)
                gemm_copy(to, from + b->i0, b->ni);
            else
                gemm_zero(to, b->ni);
        }
    }
}

/* A strip of d and second side by side. */
static void pack_strip(const sources *s, const gemm_block *b, int64_t columns)
{
    int64_t own = s->first - b->i0, wide = columns, last = wide - s->first;
    int nv = (int)((b->ni + VLEN - 1) / VLEN);
    own = own < 0 ? 0 : own < b->ni ? own : b->ni;
    for (int64_t k = 0; k < b->nk; k++) {
        float *to = b->out + k * nv * VLEN;
        int64_t at = b->i0 + own - s->first;
        gemm_zero(to, nv * VLEN);
        gemm_copy(to, s->d + (b->k0 + k) * wide + b->i0, own);
        if (own < b->ni) gemm_copy(to + own, s->second + (b->k0 + k) * last + at, b->ni - own);
    }
}

static void pack_b(const gemm *g, const gemm_block *b)
{
    const sources *s = g->arg;
    if (b->i0 + b->ni <= s->first) {
        gemm_pack_b(b, s->d + b->k0 * g->n + b->i0, g->n);
        return;
    }
    for (int64_t i = 0; i < b->ni; i += TILE_N) {
        gemm_block strip = *b;
        strip.i0 += i, strip.ni = b->ni - i < TILE_N ? b->ni - i : TILE_N;
        strip.out += i * b->nk;
        pack_strip(s, &strip, g->n);
    }
}

/* The sizes of a call or of its bounds. */
static gemm product(const snug_shape *y, const snug_shape *d)
{
    return (gemm){
        .groups = 1, .m = y->dim[2], .n = d->dim[2], .k = y->dim[0] * y->dim[1], .a_by_k = true};
}

static size_t scratch(const snug_sig *sig, int threads)
{
    const snug_shape *y = &sig->in[0].shape;
    gemm g = product(y, &sig->in[1].shape);
    if (y->kind[0] == SNUG_AXIS_BATCH) g.leaves = gemm_max_leaves(y->dim[0]);
    return gemm_scratch(&g, threads);
}

static void k_recurrent_grad_weight_f32(const snug_call *call)
{
    const snug_recurrent_attrs *a = call->attrs;
    const snug_tensor *y = &call->in[0], *d = &call->in[1];
    recurrent_form form = form_of(a);
    gemm g = product(&y->type.shape, &d->type.shape);
    sources s = {.r = recurrent_of(&form, call), .y = y->data, .d = d->data, .first = g.n};
    if (a->second) {
        s.second = call->in[2].data;
        s.first -= call->in[2].type.shape.dim[2];
    }
    g.arg = &s, g.pack_a = pack_a, g.pack_b = pack_b;
    if (!a->second) g.b = s.d, g.ldb = g.n;
    g.c = call->out[0].data, g.ldc = g.n;
    if (y->type.shape.kind[0] == SNUG_AXIS_BATCH) gemm_leaves(&g, call->step);
    gemm_run(&g, call);
}

KERNEL_TABLE(recurrent_weight) = {
    {.op = "recurrent_grad_weight",
     .name = "k_recurrent_grad_weight_f32",
     .scratch = scratch,
     .run = k_recurrent_grad_weight_f32},
    {0},
};
