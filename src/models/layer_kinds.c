/* SPDX-License-Identifier: Apache-2.0 */
/* The table of layers: those of layers.def, then every operator that says what it is as a layer. An
 * operator's attributes are the keys of its layer. */
#include "models/layer.h"
#include "ops/ops.h"

static const snug_layer_kind *const kinds[] = {
#define SNUG_LAYER(id) &snug_layer_##id,
#include "models/layers.def"
#undef SNUG_LAYER
};
enum { N_KINDS = sizeof kinds / sizeof(snug_layer_kind *) };

static const snug_layer_kind op_kinds[] = {
#define SNUG_OP(id) {.info.name = #id, .op = &snug_op_##id},
#include "ops/ops.def"
#undef SNUG_OP
};
enum { N_OP_KINDS = sizeof op_kinds / sizeof op_kinds[0] };

const snug_layer_kind *snug_layer_kind_get(int i)
{
    if (i < 0) return NULL;
    if (i < N_KINDS) return kinds[i];
    i -= N_KINDS;
    for (int k = 0; k < N_OP_KINDS; k++)
        if (op_kinds[k].op->layer && i-- == 0) return &op_kinds[k];
    return NULL;
}

const char *snug_layer_kind_doc(const snug_layer_kind *kind)
{
    return kind->op ? kind->op->layer : kind->info.doc;
}

bool snug_layer(int i, snug_layer_info *out)
{
    const snug_layer_kind *kind = snug_layer_kind_get(i);
    if (kind) *out = (snug_layer_info){kind->info.name, snug_layer_kind_doc(kind)};
    return kind != NULL;
}

static const char *const no_yes[] = {"false", "true", NULL};

/* An operator's attribute as a key: both hold numbers as int64_t or double. */
static void attr_key(const snug_attr *a, snug_layer_key_at *out)
{
    out->key = (snug_layer_key){.name = a->name,
                                .kind = a->kind == SNUG_ATTR_FLOAT ? LAYER_FLOAT : LAYER_INT,
                                .offset = a->offset,
                                .min = a->min,
                                .max = a->max,
                                .help = a->help};
    out->key.initial = snug_format_double(a->initial, out->number, sizeof out->number);
    if (a->kind != SNUG_ATTR_ENUM && a->kind != SNUG_ATTR_BOOL) return;
    out->key.kind = LAYER_ENUM;
    out->key.words = a->kind == SNUG_ATTR_BOOL ? no_yes : a->names;
    out->key.initial = out->key.words[(int)a->initial];
}

bool snug_layer_key_get(const snug_layer_kind *kind, int i, snug_layer_key_at *out)
{
    if (kind->op) {
        const snug_attr *a = kind->op->attrs;
        if (!a || !a[i].name) return false;
        attr_key(&a[i], out);
        return true;
    }
    if (!kind->keys || !kind->keys[i].name) return false;
    out->key = kind->keys[i];
    return true;
}
