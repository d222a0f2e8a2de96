/* SPDX-License-Identifier: Apache-2.0 */
/* self_attention and swiglu: what transformer blocks are made of, beside norms, linear layers and
 * residual. */
#include "models/layer.h"

enum { AS_MANY = -1 };

typedef struct attention_attrs {
    int64_t heads, kv_heads;
    bool causal, bias;
    double rotary, std, out_std;
} attention_attrs;

static bool attention_grows(const void *attrs)
{
    return ((const attention_attrs *)attrs)->causal;
}

static snug_value *build_attention(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const attention_attrs *a = attrs;
    if (snug_layer_rank(x) != 3)
        return snug_layer_refuse(b, x, "positions [N, T, features]",
                                 "it belongs behind `- embedding` or `- patches`");
    const snug_attention_config config = {.heads = a->heads,
                                          .kv_heads = a->kv_heads == AS_MANY ? 0 : a->kv_heads,
                                          .causal = a->causal,
                                          .rotary = a->rotary,
                                          .no_bias = !a->bias,
                                          .std = a->std,
                                          .out_std = a->out_std,
                                          .lengths = b->lengths,
                                          .position = b->position,
                                          .context = b->context};
    return snug_self_attention(b->graph, x, &config, b->name);
}

static const snug_layer_key attention_keys[] = {
    {"heads", LAYER_INT, offsetof(attention_attrs, heads), 1, 4096, NULL, NULL,
     "heads, a divisor of the features"},
    {"kv_heads", LAYER_INT, offsetof(attention_attrs, kv_heads), 1, 4096,
     (const char *const[]){"heads", NULL}, "heads",
     "heads of keys and values, which groups of heads share"},
    {"causal", LAYER_BOOL, offsetof(attention_attrs, causal), 0, 0, NULL, "false",
     "a position sees none behind it; for models of text"},
    {"rotary", LAYER_FLOAT, offsetof(attention_attrs, rotary), 0, 1e9, NULL, "0",
     "base of rotary positions, 10000 as a rule; 0: none"},
    {"bias", LAYER_BOOL, offsetof(attention_attrs, bias), 0, 0, NULL, "true",
     "add biases to the projections"},
    LAYER_STD(attention_attrs, std, "first weights of queries, keys and values"),
    LAYER_STD(attention_attrs, out_std, "first weights behind the heads"),
    {0}};

const snug_layer_kind snug_layer_self_attention = {
    .info.name = "self_attention",
    .info.doc = "positions of [N, T, features] look at each other, by heads",
    .prefix = "attention",
    .keys = attention_keys,
    .attrs_bytes = sizeof(attention_attrs),
    .build = build_attention,
    .grows = attention_grows,
};

/* ---- swiglu -----------------------------------------------------------------------------------
 */

typedef struct swiglu_attrs {
    int64_t units;
    double std, out_std;
} swiglu_attrs;

static snug_value *build_swiglu(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const swiglu_attrs *a = attrs;
    const snug_gated_config config = {.units = a->units, .std = a->std, .out_std = a->out_std};
    return snug_swiglu(b->graph, x, &config, b->name);
}

static const snug_layer_key swiglu_keys[] = {
    {"units", LAYER_INT, offsetof(swiglu_attrs, units), 1, 1 << 20, NULL, NULL,
     "hidden features; 8/3 of the features as a rule"},
    LAYER_STD(swiglu_attrs, std, "first weights of gate and up"),
    LAYER_STD(swiglu_attrs, out_std, "first weights of down"),
    {0}};

const snug_layer_kind snug_layer_swiglu = {
    .info.name = "swiglu",
    .info.doc = "down(silu(gate(x)) * up(x)), three linear layers without bias",
    .prefix = "swiglu",
    .keys = swiglu_keys,
    .attrs_bytes = sizeof(swiglu_attrs),
    .build = build_swiglu,
    .grows = snug_layer_grows_always,
};
