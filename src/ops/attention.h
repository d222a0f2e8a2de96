/* SPDX-License-Identifier: Apache-2.0 */
/* Where the heads of queries, keys and values lie in an attention's tensors, and which key a query
 * sees: what the reference kernels, the fast ones and the shape rules share.
 *
 * A position is a row of a tensor [N, T, columns]; head h of the queries stands in the columns
 * [at + h * width, + width) of its row. heads / kv_heads queries share one head of keys and values
 * (Ainslie et al. 2023). A packed tensor holds a position's queries, then keys, then values. */
#ifndef OPS_ATTENTION_H
#define OPS_ATTENTION_H

#include "ops/rules.h"
#include <math.h>

typedef struct attention_side {
    int64_t at, row; /* first column; columns of a position */
} attention_side;

typedef struct attention {
    int64_t n, t, s;                /* samples, queries and keys of a sample */
    int64_t heads, kv_heads, width; /* width of a head */
    attention_side q, k, v;
    double scale;
    bool causal;
    bool ends_queries;       /* lengths end the queries too */
    int64_t offset;          /* query t stands at position offset + t */
    const int32_t *lengths;  /* [N] or NULL */
    const int32_t *segments; /* [N, T] or NULL */
} attention;

static inline int64_t attention_group(const attention *a)
{
    return a->heads / a->kv_heads;
}

/* Element 0 of head h at position i of sample n. */
static inline int64_t attention_at(const attention *a, const attention_side *side, int64_t n,
                                   int64_t i, int64_t h)
{
    int64_t length = side == &a->q ? a->t : a->s;
    return (n * length + i) * side->row + side->at + h * a->width;
}

/* Query t of sample n sees keys below this number (of its own segment). */
static inline int64_t attention_end(const attention *a, int64_t n, int64_t t)
{
    int64_t end = a->s, length = a->lengths ? a->lengths[n] : a->s;
    if (a->causal && a->offset + t + 1 < end) end = a->offset + t + 1;
    if (length < end) end = length;
    if (a->ends_queries && a->lengths && a->offset + t >= length) return 0;
    return end > 0 ? end : 0;
}

/* Attributes as numbers: heads of keys and values where none are given, the usual scale. */
static inline attention attention_of(const snug_attention_attrs *attrs, int64_t width)
{
    attention a = {.heads = attrs->heads, .width = width, .causal = attrs->causal};
    a.kv_heads = attrs->kv_heads ? attrs->kv_heads : attrs->heads;
    a.scale = attrs->scale > 0 ? attrs->scale : 1 / sqrt((double)width);
    a.offset = attrs->offset;
    return a;
}

/* Further inputs, told apart by their axes: lengths [N], segments [N, T]. */
static inline void attention_extras(attention *a, const snug_tensor *in, int first, int n_in)
{
    for (int i = first; i < n_in; i++) {
        if (in[i].type.shape.n_dims == 1) a->lengths = in[i].data;
        if (in[i].type.shape.n_dims == 2) a->segments = in[i].data;
    }
}

/* Queries, keys and values are inputs `first` and the two behind it. */
static inline attention attention_apart(const snug_attention_attrs *attrs, const snug_tensor *in,
                                        int first, int n_in)
{
    const snug_shape *q = &in[first].type.shape, *k = &in[first + 1].type.shape;
    attention a = attention_of(attrs, q->dim[2] / attrs->heads);
    a.n = q->dim[0], a.t = q->dim[1], a.s = k->dim[1];
    a.q.row = q->dim[2];
    a.k.row = a.v.row = k->dim[2];
    attention_extras(&a, in, first + 3, n_in);
    return a;
}

/* All in one tensor, input `first`. */
static inline attention attention_packed(const snug_attention_attrs *attrs, const snug_tensor *in,
                                         int first, int n_in)
{
    const snug_shape *x = &in[first].type.shape;
    int64_t kv_heads = attrs->kv_heads ? attrs->kv_heads : attrs->heads;
    attention a = attention_of(attrs, x->dim[2] / (attrs->heads + 2 * kv_heads));
    a.n = x->dim[0], a.t = a.s = x->dim[1];
    a.q.row = a.k.row = a.v.row = x->dim[2];
    a.k.at = a.heads * a.width;
    a.v.at = a.k.at + a.kv_heads * a.width;
    a.ends_queries = true;
    attention_extras(&a, in, first + 1, n_in);
    return a;
}

/* Queries of a packed tensor, input 0, keys and values of a cache, input 1; input 2 tells the first
 * query's position. */
static inline attention attention_cached(const snug_attention_attrs *attrs, const snug_tensor *in)
{
    const snug_shape *x = &in[0].type.shape, *cache = &in[1].type.shape;
    int64_t kv_heads = attrs->kv_heads ? attrs->kv_heads : attrs->heads;
    attention a = attention_of(attrs, cache->dim[2] / (2 * kv_heads));
    a.n = x->dim[0], a.t = x->dim[1], a.s = cache->dim[1];
    a.q.row = x->dim[2];
    a.k.row = a.v.row = cache->dim[2];
    a.v.at = kv_heads * a.width;
    a.causal = true;
    a.offset = *(const int32_t *)in[2].data;
    return a;
}

/* Whether query t sees key s, which is below attention_end. */
static inline bool attention_sees(const attention *a, int64_t n, int64_t t, int64_t s)
{
    return !a->segments || a->segments[n * a->t + t] == a->segments[n * a->s + s];
}

/* ---- shape rules ------------------------------------------------------------------------------
 */

extern const snug_attr snug_attention_attr_rows[];

/* The heads fit the attributes: queries, keys and values as inputs `first` on, or one packed. */
snug_status snug_attention_check(const snug_infer *f, int first, bool packed) SNUG_MUST_USE;
/* Input i and the output follow each other along the batch alone, for all of them. */
int snug_attention_axes(const snug_sig *s, snug_axis_use *u);
/* The forward reference on queries, keys and values; lse NULL: nobody wants it. */
void snug_attention_forward(const attention *a, const snug_tensor *const in[3],
                            const snug_tensor *y, const snug_tensor *lse);
/* Multiply-adds of one product over all scores. */
double snug_attention_macs(const snug_sig *s, int first, bool packed);

#endif
