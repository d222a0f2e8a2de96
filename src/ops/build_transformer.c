/* SPDX-License-Identifier: Apache-2.0 */
/* The builder functions of snug/graph.h for transformers. */
#include "ops/build.h"

/* Give up on a layer: the error becomes the graph's. */
#define CHECK_BUILD(g, cond, error)                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            snug_graph_fail(g, error);                                                             \
            return NULL;                                                                           \
        }                                                                                          \
    } while (0)

#define STD 0.02 /* of embeddings, as GPT-2 has it (Radford et al. 2019) */

static snug_init normal(double std)
{
    return (snug_init){.kind = SNUG_INIT_NORMAL, .a = std > 0 ? std : STD};
}

snug_value *snug_embedding(snug_graph *g, snug_value *ids, const snug_embedding_config *config,
                           const char *name)
{
    if (!config || !layer_fits(g, ids, name, 1, config->rows) ||
        !layer_fits(g, ids, name, 1, config->width))
        return NULL;
    char buf[NAME_BYTES];
    snug_type type = fixed_type(SNUG_F32, 2, (int64_t[]){config->rows, config->width});
    snug_value *table = snug_param(g, part_name(buf, name, "weight"), type, normal(config->std));
    return apply_named(g, &snug_op_embedding, name, table, ids);
}

static snug_status check_positions(const snug_value *x, int64_t rows, const char *name)
{
    char text[SNUG_SHAPE_TEXT];
    const snug_shape *s = &x->type.shape;
    CHECK(s->n_dims == 3, SNUG_ESHAPE, "'%s': positions need [N, T, features], not %s", name,
          snug_shape_text(s, text, sizeof text));
    CHECK(rows >= s->dim[1], SNUG_ESHAPE, "'%s': %s has more than %" PRId64 " positions", name,
          snug_shape_text(s, text, sizeof text), rows);
    return SNUG_OK;
}

/* A sample is a row of T * D numbers here, so that the vectors are a bias. */
snug_value *snug_positions(snug_graph *g, snug_value *x, const snug_embedding_config *config,
                           const char *name)
{
    if (!config || !layer_fits(g, x, name, 3, 1)) return NULL;
    char buf[NAME_BYTES];
    const int64_t *dim = &x->type.shape.dim[1];
    int64_t rows = config->rows ? config->rows : dim[0], all = dim[0] * dim[1];
    snug_status s = check_positions(x, rows, name);
    if (s != SNUG_OK) {
        snug_graph_fail(g, s);
        return NULL;
    }
    snug_type type = fixed_type(x->type.dtype, 2, (int64_t[]){rows, dim[1]});
    snug_value *w = snug_param(g, part_name(buf, name, "weight"), type, normal(config->std));
    if (rows > dim[0]) w = snug_slice(g, w, 0, 0, dim[0]);
    snug_value *y = apply_named(g, &snug_op_bias_add, name, snug_reshape(g, x, 1, &all),
                                snug_reshape(g, w, 1, &all));
    return snug_reshape(g, y, 2, dim);
}

snug_value *snug_positions_at(snug_graph *g, snug_value *x, const snug_embedding_config *config,
                              snug_value *position, const char *name)
{
    if (!config || !position || !layer_fits(g, x, name, 3, config->rows)) return NULL;
    char buf[NAME_BYTES];
    int64_t one = 1, width = x->type.shape.dim[2];
    CHECK_BUILD(g, x->type.shape.dim[1] == 1,
                FAIL(SNUG_ESHAPE, "'%s': one position at a time, not %" PRId64, name,
                     x->type.shape.dim[1]));
    snug_type type = fixed_type(x->type.dtype, 2, (int64_t[]){config->rows, width});
    snug_value *w = snug_param(g, part_name(buf, name, "weight"), type, normal(config->std));
    snug_value *row = apply2(g, &snug_op_embedding, w, snug_reshape(g, position, 1, &one));
    return apply_named(g, &snug_op_bias_add, name, x, snug_reshape(g, row, 1, &width));
}

snug_value *snug_tied_linear(snug_graph *g, snug_value *x, snug_value *table)
{
    const snug_matmul_attrs attrs = {.trans_b = 1};
    return g && x && table
               ? snug_apply(g, &snug_op_matmul, NULL, &attrs, 2, (snug_value *[]){x, table})
               : NULL;
}

/* ---- attention --------------------------------------------------------------------------------
 */

static snug_status check_attention(const snug_value *x, const snug_attention_config *c,
                                   const char *name)
{
    char text[SNUG_SHAPE_TEXT];
    const snug_shape *s = &x->type.shape;
    snug_shape_text(s, text, sizeof text);
    int64_t kv_heads = c->kv_heads ? c->kv_heads : c->heads;
    CHECK(s->n_dims == 3, SNUG_ESHAPE, "'%s': attention needs [N, T, features], not %s", name,
          text);
    CHECK(c->heads > 0 && s->dim[2] % c->heads == 0, SNUG_ESHAPE,
          "'%s': %" PRId64 " heads do not divide the features of %s", name, c->heads, text);
    CHECK(kv_heads > 0 && c->heads % kv_heads == 0, SNUG_ESHAPE,
          "'%s': %" PRId64 " heads cannot share %" PRId64 " heads of keys and values of %s", name,
          c->heads, kv_heads, text);
    CHECK(!c->position || (c->causal && c->context > 0), SNUG_EINVAL,
          "'%s': only causal attention with room for earlier positions can go on at a position",
          name);
    CHECK(c->rotary == 0 || s->dim[2] / c->heads % 2 == 0, SNUG_ESHAPE,
          "'%s': rotary positions need heads of an even number of features; %s has %" PRId64
          " heads of %" PRId64,
          name, text, c->heads, s->dim[2] / c->heads);
    return SNUG_OK;
}

static snug_value *part_linear(snug_graph *g, snug_value *x, const snug_linear_config *config,
                               const char *name, const char *part)
{
    char buf[NAME_BYTES];
    return snug_linear_with(g, x, config, part_name(buf, name, part));
}

static snug_value *turn(snug_graph *g, snug_value *qkv, const snug_attention_config *c,
                        int64_t width)
{
    int64_t kv_heads = c->kv_heads ? c->kv_heads : c->heads;
    const snug_rope_attrs a = {.width = width, .heads = c->heads + kv_heads, .base = c->rotary};
    snug_value *in[] = {qkv, c->position};
    if (!qkv || c->rotary == 0) return qkv;
    return snug_apply(g, &snug_op_rope, NULL, &a, c->position ? 2 : 1, in);
}

/* The same over the positions before, whose keys and values are kept. */
static snug_value *attend_cached(snug_graph *g, snug_value *qkv, const snug_attention_config *c,
                                 const char *name, int64_t width)
{
    char buf[NAME_BYTES];
    const snug_attention_attrs a = {.heads = c->heads, .kv_heads = c->kv_heads};
    if (!qkv) return NULL;
    snug_type type = qkv->type;
    type.shape.dim[1] = c->context;
    type.shape.dim[2] = 2 * (c->kv_heads ? c->kv_heads : c->heads) * width;
    snug_value *cache = snug_state(g, part_name(buf, name, "cache"), type, (snug_init){0});
    snug_value *in[] = {qkv, cache, c->position}, *out[SNUG_MAX_OUT];
    if (!cache || snug_apply_all(g, &snug_op_cached_attention, name, &a, 3, in, out) != SNUG_OK)
        return NULL;
    snug_assign(g, cache, out[1]);
    return out[0];
}

static snug_value *attend(snug_graph *g, snug_value *qkv, const snug_attention_config *c,
                          const char *name)
{
    const snug_attention_attrs a = {
        .heads = c->heads, .kv_heads = c->kv_heads, .causal = c->causal};
    snug_value *in[SNUG_MAX_IN] = {qkv};
    int n = 1;
    if (c->lengths) in[n++] = c->lengths;
    if (c->segments) in[n++] = c->segments;
    return qkv ? snug_apply(g, &snug_op_self_attention, name, &a, n, in) : NULL;
}

snug_value *snug_self_attention(snug_graph *g, snug_value *x, const snug_attention_config *config,
                                const char *name)
{
    if (!config || !layer_fits(g, x, name, 3, 1)) return NULL;
    snug_status s = check_attention(x, config, name);
    if (s != SNUG_OK) {
        snug_graph_fail(g, s);
        return NULL;
    }
    int64_t features = x->type.shape.dim[2], width = features / config->heads;
    int64_t kv_heads = config->kv_heads ? config->kv_heads : config->heads;
    const snug_linear_config in = {.units = (config->heads + 2 * kv_heads) * width,
                                   .no_bias = config->no_bias,
                                   .std = config->std};
    const snug_linear_config out = {
        .units = features, .no_bias = config->no_bias, .std = config->out_std};
    snug_value *qkv = turn(g, part_linear(g, x, &in, name, "qkv"), config, width);
    snug_value *y = config->position ? attend_cached(g, qkv, config, name, width)
                                     : attend(g, qkv, config, name);
    return part_linear(g, y, &out, name, "out");
}

/* ---- gated layers -----------------------------------------------------------------------------
 */

snug_value *snug_swiglu(snug_graph *g, snug_value *x, const snug_gated_config *config,
                        const char *name)
{
    if (!config || !layer_fits(g, x, name, 2, config->units)) return NULL;
    const snug_linear_config in = {.units = config->units, .no_bias = true, .std = config->std};
    const snug_linear_config out = {
        .units = snug_shape_last(&x->type.shape), .no_bias = true, .std = config->out_std};
    snug_value *gate = apply1(g, &snug_op_silu, NULL, part_linear(g, x, &in, name, "gate"));
    snug_value *up = part_linear(g, x, &in, name, "up");
    return part_linear(g, snug_mul(g, gate, up), &out, name, "down");
}
