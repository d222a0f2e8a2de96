/* SPDX-License-Identifier: Apache-2.0 */
/* batch_matmul on f32: each matrix is a group of the product of gemm.h. */
#include "kernels/cpu/gemm.h"

typedef struct matrices {
    const float *a, *b;
    float *c;
    int64_t lda, ldb;
} matrices;

static void pack_rows(const gemm *g, const gemm_block *p)
{
    const matrices *x = g->arg;
    const float *from = x->a + p->group * g->m * g->k + p->i0 * x->lda + p->k0;
    for (int64_t i = 0; i < p->ni; i++) gemm_copy(p->out + i * p->ld, from + i * x->lda, p->nk);
}

static void pack_columns(const gemm *g, const gemm_block *p)
{
    const matrices *x = g->arg;
    const float *from = x->a + p->group * g->m * g->k + p->k0 * x->lda + p->i0;
    for (int64_t k = 0; k < p->nk; k++) gemm_copy(p->out + k * p->ld, from + k * x->lda, p->ni);
}

static void pack_b(const gemm *g, const gemm_block *p)
{
    const matrices *x = g->arg;
    gemm_pack_b(p, x->b + p->group * g->k * g->n + p->k0 * x->ldb + p->i0, x->ldb);
}

static void pack_bt(const gemm *g, const gemm_block *p)
{
    const matrices *x = g->arg;
    gemm_pack_bt(p, x->b + p->group * g->k * g->n + p->i0 * x->ldb + p->k0, x->ldb, 0, p->nk);
}

static void rows_of(const gemm *g, int64_t group, int64_t i, int64_t n, float **rows)
{
    const matrices *x = g->arg;
    for (int64_t r = 0; r < n; r++) rows[r] = x->c + (group * g->m + i + r) * g->n;
}

/* The sizes of a call or of its bounds. */
static gemm product(const snug_batch_matmul_attrs *attrs, const snug_shape *a, const snug_shape *b)
{
    int last = a->n_dims - 1;
    int64_t groups = 1;
    for (int d = 0; d < last - 1; d++) groups *= a->dim[d];
    return (gemm){.groups = groups,
                  .m = a->dim[attrs->trans_a ? last : last - 1],
                  .k = a->dim[attrs->trans_a ? last - 1 : last],
                  .n = b->dim[attrs->trans_b ? last - 1 : last],
                  .a_by_k = attrs->trans_a};
}

/* Fewer matrices may be packed in a way that more of them are not: the most of all. */
static size_t scratch(const snug_sig *sig, int threads)
{
    const snug_shape *a = &sig->in[0].shape;
    gemm g = product(sig->attrs, a, &sig->in[1].shape);
    int64_t samples = a->dim[0] > 0 ? a->dim[0] : 1, each = g.groups / samples;
    size_t most = 0;
    for (int64_t n = 1; n <= samples; n++) {
        g.groups = n * each;
        size_t bytes = gemm_scratch(&g, threads);
        if (bytes > most) most = bytes;
    }
    return most;
}

static void k_batch_matmul_f32(const snug_call *call)
{
    const snug_batch_matmul_attrs *attrs = call->attrs;
    gemm g = product(attrs, &call->in[0].type.shape, &call->in[1].type.shape);
    matrices x = {.a = call->in[0].data, .b = call->in[1].data, .c = call->out[0].data};
    x.lda = attrs->trans_a ? g.m : g.k;
    x.ldb = attrs->trans_b ? g.k : g.n;
    g.arg = &x;
    g.pack_a = attrs->trans_a ? pack_columns : pack_rows;
    g.pack_b = attrs->trans_b ? pack_bt : pack_b;
    g.rows = rows_of;
    gemm_run(&g, call);
}

KERNEL_TABLE(batch_matmul) = {
    {.op = "batch_matmul",
     .name = "k_batch_matmul_f32",
     .scratch = scratch,
     .run = k_batch_matmul_f32},
    {0},
};
