/* SPDX-License-Identifier: Apache-2.0 */
/* matmul on f32: the product of gemm.h over plain matrices. Leading axes of a are rows; with
 * trans_a they are summed over, and a batch axis among them gives leaves. */
#include "kernels/cpu/packed.h"

typedef struct matrices {
    const float *a, *b;
    int64_t lda, ldb;
} matrices;

static void pack_rows(const gemm *g, const gemm_block *p)
{
    const matrices *x = g->arg;
    const float *from = x->a + p->i0 * x->lda + p->k0;
    for (int64_t i = 0; i < p->ni; i++) gemm_copy(p->out + i * p->ld, from + i * x->lda, p->nk);
}

static void pack_columns(const gemm *g, const gemm_block *p)
{
    const matrices *x = g->arg;
    const float *from = x->a + p->k0 * x->lda + p->i0;
    gemm_copy_rows(p->out, p->ld, from, x->lda, p->nk, p->ni);
}

static void pack_b(const gemm *g, const gemm_block *p)
{
    const matrices *x = g->arg;
    gemm_pack_b(p, x->b + p->k0 * x->ldb + p->i0, x->ldb);
}

static void pack_bt(const gemm *g, const gemm_block *p)
{
    const matrices *x = g->arg;
    gemm_pack_bt(p, x->b + p->i0 * x->ldb + p->k0, x->ldb, 0, p->nk);
}

/* The sizes of a call or of its bounds. */
static gemm product(const snug_matmul_attrs *attrs, const snug_shape *a, const snug_shape *b)
{
    int64_t last = a->dim[a->n_dims - 1], rows = 1;
    for (int i = 0; i + 1 < a->n_dims; i++) rows *= a->dim[i];
    return (gemm){.groups = 1,
                  .m = attrs->trans_a ? last : rows,
                  .k = attrs->trans_a ? rows : last,
                  .n = b->dim[attrs->trans_b ? 0 : b->n_dims - 1],
                  .a_by_k = attrs->trans_a,
                  .b_by_n = attrs->trans_b,
                  .lda = last};
}

static size_t scratch(const snug_sig *sig, int threads)
{
    const snug_matmul_attrs *attrs = sig->attrs;
    const snug_shape *a = &sig->in[0].shape;
    gemm g = product(attrs, a, &sig->in[1].shape);
    if (attrs->trans_a && a->kind[0] == SNUG_AXIS_BATCH) g.leaves = gemm_max_leaves(a->dim[0]);
    g.packed = sig->kept;
    return gemm_scratch(&g, threads);
}

static size_t keep_bytes(const snug_sig *sig)
{
    const gemm g = product(sig->attrs, &sig->in[0].shape, &sig->in[1].shape);
    return g.a_by_k ? 0 : gemm_keep_bytes(&g);
}

static void k_matmul_keep_f32(const snug_call *call)
{
    const snug_matmul_attrs *attrs = call->attrs;
    const snug_tensor *b = &call->in[1];
    gemm g = product(attrs, &call->in[0].type.shape, &b->type.shape);
    const matrices x = {.b = b->data, .ldb = attrs->trans_b ? g.k : g.n};
    g.arg = &x;
    g.pack_b = attrs->trans_b ? pack_bt : pack_b;
    gemm_keep(&g, call);
}

static void k_matmul_f32(const snug_call *call)
{
    const snug_matmul_attrs *attrs = call->attrs;
    const snug_tensor *a = &call->in[0], *b = &call->in[1];
    gemm g = product(attrs, &a->type.shape, &b->type.shape);
    matrices x = {.a = a->data, .b = b->data};
    x.lda = g.lda;
    x.ldb = attrs->trans_b ? g.k : g.n;
    g.arg = &x;
    g.pack_a = attrs->trans_a ? pack_columns : pack_rows;
    g.pack_b = attrs->trans_b ? pack_bt : pack_b;
    g.ldb = x.ldb;
    *(attrs->trans_b ? &g.bt : &g.b) = x.b;
    g.a = x.a;
    g.c = call->out[0].data, g.ldc = g.n;
    g.bias = call->n_in > 2 ? call->in[2].data : NULL;
    g.act = attrs->act;
    g.packed = call->kept != NULL, g.kept = call->kept;
    if (call->n_rows) {
        g.m = call->n_rows, g.a += call->row;
        x.a = g.a;
    }
    if (attrs->trans_a && a->type.shape.kind[0] == SNUG_AXIS_BATCH) gemm_leaves(&g, call->step);
    if (packed_suits(&g))
        packed_run(&g, call);
    else
        gemm_run(&g, call);
}

static const snug_kernel_more more = {
    .keep_bytes = keep_bytes, .keep = k_matmul_keep_f32, .rows = true};

KERNEL_TABLE(matmul) = {
    {.op = "matmul",
     .name = "k_matmul_f32",
     .scratch = scratch,
     .run = k_matmul_f32,
     .more = &more},
    {0},
};
