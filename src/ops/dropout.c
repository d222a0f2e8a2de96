/* SPDX-License-Identifier: Apache-2.0 */
/* Dropout (Srivastava et al. 2014), inverted: y = x / (1 - rate) where kept, 0 elsewhere. Which
 * elements are kept is defined in dropout_mask.h. */
#include "ops/cases.h"
#include "ops/dropout_mask.h"
#include "ops/rules.h"

static const snug_attr attrs[] = {
    ATTR_FLOAT(snug_dropout_attrs, rate, 0, 0.999, 0.5, "share of elements that become 0"),
    ATTR_INT(snug_dropout_attrs, key, 0, 0x1p53, 0, "which random stream: one a node"),
    {0}};

/* Only the batch: the mask depends on where in its sample an element stands. */
static int dropout_axes(const snug_sig *s, snug_axis_use *u)
{
    return snug_shape_has_batch(&s->in[0].shape) ? snug_use_batch(s, u, 0, 0, 0) : 0;
}

static snug_status dropout_grad(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    return snug_apply_all(g->graph, &snug_op_dropout, NULL, g->attrs, 1, &g->dout[0], &g->din[0]);
}

static void dropout_ref(const snug_call *c)
{
    dropout_mask m = dropout_mask_of(c);
    int64_t n = snug_shape_elements(&c->out[0].type.shape), group = -1;
    uint32_t words[4];
    for (int64_t i = 0; i < n; i++) {
        int64_t position = m.first + i;
        if (position / 4 != group) dropout_words(&m, group = position / 4, words);
        bool kept = words[position % 4] >= m.threshold;
        snug_store(&c->out[0], i, kept ? snug_load(&c->in[0], i) * m.scale : 0);
    }
}

static const snug_dropout_attrs half = {.rate = 0.5, .key = 11}, tenth = {.rate = 0.1, .key = 12},
                                none = {.rate = 0, .key = 13};

static const snug_case cases[] = {
    {.name = "one", .attrs = &half, .n_in = 1, .in = INPUTS(BATCH(1, 1))},
    {.name = "odd", .attrs = &half, .n_in = 1, .in = INPUTS(BATCH(7, 13))},
    {.name = "image", .attrs = &tenth, .n_in = 1, .in = INPUTS(BATCH(3, 5, 3, 7))},
    {.name = "fixed", .attrs = &tenth, .n_in = 1, .in = INPUTS(FIXED(35))},
    {.name = "rate 0", .attrs = &none, .n_in = 1, .in = INPUTS(BATCH(7, 5))},
    {.name = "mlp", .bench = true, .attrs = &half, .n_in = 1, .in = INPUTS(BATCH(64, 512))},
    {0}};

const snug_op snug_op_dropout = {
    .name = "dropout",
    .doc =
        "dropout(x; rate, key) -> y\n"
        "y = x / (1 - rate) with probability 1 - rate, else 0 (Srivastava et al. 2014). The mask\n"
        "is a function of seed, step, key and the element's position in the step's batch.\n"
        "Gradient: dropout(dy) with the same key.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .flags = SNUG_OP_RANDOM,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_dropout_attrs),
    .inplace = {1},
    .shape = snug_shape_same,
    .axes = dropout_axes,
    .grad = dropout_grad,
    .cost = snug_cost_elementwise,
    .ref = dropout_ref,
    .cases = cases};
