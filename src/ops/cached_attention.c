/* SPDX-License-Identifier: Apache-2.0 */
/* cached_attention: attention of positions that come one after the other, with the keys and values
 * of those before them kept in a state, so that a text grows without being read again (Shazeer
 * 2019, section 2.3). The new keys and values go into the cache first; causal attention over it is
 * attention.c's. A row of the cache holds a position's keys, then its values. */
#include "ops/attention.h"
#include "ops/cases.h"

#include <string.h>

static const snug_attr attrs[] = {
    ATTR_INT(snug_attention_attrs, heads, 1, 1 << 20, 1, "heads of the queries"),
    ATTR_INT(snug_attention_attrs, kv_heads, 0, 1 << 20, 0,
             "heads of keys and values, a divisor of heads; 0: as many"),
    ATTR_FLOAT(snug_attention_attrs, scale, 0, 1e6, 0,
               "factor of the scores; 0: 1 / sqrt(width of a head)"),
    {0}};

static snug_status cached_shape(snug_infer *f)
{
    const snug_shape *x = &f->in[0].shape, *cache = &f->in[1].shape;
    const attention a = attention_of(f->attrs, 1);
    snug_infer alone = *f;
    char text[2][SNUG_SHAPE_TEXT];
    alone.n_in = 1;
    TRY(snug_attention_check(&alone, 0, true));
    TRY(snug_infer_float(f, 1, 0));
    int64_t width = x->dim[2] / (a.heads + 2 * a.kv_heads);
    snug_shape_text(x, text[0], sizeof text[0]), snug_shape_text(cache, text[1], sizeof text[1]);
    CHECK(cache->n_dims == 3 && cache->dim[0] == x->dim[0] && cache->kind[0] == x->kind[0] &&
              cache->dim[2] == 2 * a.kv_heads * width,
          SNUG_ESHAPE, "'%s': the cache is %s, but %s needs [N, S, %" PRId64 "]", f->name, text[1],
          text[0], 2 * a.kv_heads * width);
    CHECK(f->in[2].dtype == SNUG_I32 && f->in[2].shape.n_dims == 0, SNUG_ESHAPE,
          "'%s': the position beside %s and %s must be one i32 number, not %s", f->name, text[0],
          text[1], snug_shape_text(&f->in[2].shape, text[0], sizeof text[0]));
    f->out[0] = f->in[0];
    f->out[0].shape.dim[2] = a.heads * width;
    f->out[1] = f->in[1];
    return SNUG_OK;
}

static int cached_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = snug_use_batch(s, u, 0, 0, 0);
    n = snug_use_batch(s, u, n, 0, 1);
    n = snug_use_batch(s, u, n, 1, 0);
    return snug_use_batch(s, u, n, 1, 1);
}

static snug_cost cached_cost(const snug_sig *s)
{
    const snug_shape *y = &s->out[0].shape, *cache = &s->in[1].shape;
    double products = (double)snug_shape_elements(y) * (double)cache->dim[1];
    return snug_cost_of(s, 4 * products);
}

static void cached_ref(const snug_call *c)
{
    const attention a = attention_cached(c->attrs, c->in);
    const snug_tensor *x = &c->in[0], *cache = &c->out[1];
    if (cache->data != c->in[1].data)
        memcpy(cache->data, c->in[1].data, snug_type_bytes(&cache->type));
    for (int64_t r = 0; r < a.n * a.t; r++) {
        int64_t at = a.offset + r % a.t, to = (r / a.t * a.s + at) * a.k.row;
        int64_t from = r * a.q.row + a.heads * a.width;
        for (int64_t j = 0; j < a.k.row && at >= 0 && at < a.s; j++)
            snug_store(cache, to + j, snug_load(x, from + j));
    }
    const snug_tensor *in[] = {x, cache, cache};
    snug_attention_forward(&a, in, &c->out[0], NULL);
}

static const snug_attention_attrs two = {.heads = 2}, grouped = {.heads = 4, .kv_heads = 2},
                                  gpt = {.heads = 4};

#define POSITION(below)                                                                            \
    {                                                                                              \
        .fill = SNUG_FILL_INDEX, .integer = true, .index_below = below                             \
    }

static const snug_case cases[] = {
    {.name = "one", .n_in = 3, .in = INPUTS(BATCH(1, 1, 3), BATCH(1, 4, 2), POSITION(4))},
    {.name = "step",
     .attrs = &two,
     .n_in = 3,
     .in = INPUTS(BATCH(3, 1, 18), BATCH(3, 9, 12), POSITION(9))},
    {.name = "several",
     .attrs = &grouped,
     .n_in = 3,
     .in = INPUTS(BATCH(2, 3, 40), BATCH(2, 71, 20), POSITION(68))},
    {.name = "over the end",
     .attrs = &two,
     .n_in = 3,
     .in = INPUTS(BATCH(2, 4, 12), BATCH(2, 3, 8), POSITION(3))},
    {.name = "gpt",
     .bench = true,
     .attrs = &gpt,
     .n_in = 3,
     .in = INPUTS(BATCH(1, 1, 384), BATCH(1, 64, 256), POSITION(64))},
    {0}};

const snug_op snug_op_cached_attention = {
    .name = "cached_attention",
    .doc =
        "cached_attention(qkv [N, T, (H + 2K)*D], cache [N, S, 2K*D], position i32 []; heads,\n"
        "kv_heads, scale) -> y [N, T, H*D], cache' [N, S, 2K*D]\n"
        "Writes the keys and values of T new positions, the first at `position`, into the cache\n"
        "(none at S or behind it), then causal attention over what it holds (Shazeer 2019).\n"
        "No gradient: for texts that grow; training uses self_attention.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 2,
    .flags = SNUG_OP_UPDATE,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_attention_attrs),
    .inplace = {0, 2},
    .shape = cached_shape,
    .axes = cached_axes,
    .cost = cached_cost,
    .ref = cached_ref,
    .cases = cases};
