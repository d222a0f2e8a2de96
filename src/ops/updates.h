/* SPDX-License-Identifier: Apache-2.0 */
/* What the updates of all optimizers share: attributes, rules, and what is done to a gradient
 * first: g' = clamp(g * scale, -clip_value, clip_value); then g' += weight_decay * w, or,
 * decoupled, w -= lr * weight_decay * w (Loshchilov and Hutter 2019). */
#ifndef OPS_UPDATES_H
#define OPS_UPDATES_H

#include "ops/cases.h"
#include "ops/rules.h"

#define DECAY_ROWS                                                                                 \
    ATTR_FLOAT(snug_update_attrs, weight_decay, 0, 1e6, 0, "pull towards 0"),                      \
        ATTR_BOOL(snug_update_attrs, decoupled, "weight decay apart from the gradient (AdamW)"),   \
        ATTR_FLOAT(snug_update_attrs, clip_value, 0, 1e30, 0,                                      \
                   "each element of g is kept within this; 0: off")

snug_status snug_update_shape(snug_infer *f) SNUG_MUST_USE;
/* Input i holds the learning rate and what else changes from step to step, [4]. */
snug_status snug_infer_hyper(const snug_infer *f, int i) SNUG_MUST_USE;
int snug_update_axes(const snug_sig *s, snug_axis_use *u);

/* Inputs: w, g, the states (n_out - 1 of them), hyper[, scale]. */
static inline int update_hyper(int n_out)
{
    return 1 + n_out;
}

/* Weight and gradient of one element, ready for the rule. */
typedef struct update_element {
    double w, g;
} update_element;

/* clamp(g * scale), without weight decay. */
static inline double update_gradient_at(const snug_call *c, int64_t i)
{
    const snug_update_attrs *a = c->attrs;
    int hyper = update_hyper(c->n_out);
    double g = snug_load(&c->in[1], i);
    if (c->n_in > hyper + 1) g *= snug_load(&c->in[hyper + 1], 0);
    if (a->clip_value > 0 && g > a->clip_value) g = a->clip_value;
    if (a->clip_value > 0 && g < -a->clip_value) g = -a->clip_value;
    return g;
}

static inline update_element update_element_at(const snug_call *c, int64_t i)
{
    const snug_update_attrs *a = c->attrs;
    int hyper = update_hyper(c->n_out);
    update_element e = {snug_load(&c->in[0], i), update_gradient_at(c, i)};
    if (a->decoupled)
        e.w -= snug_load(&c->in[hyper], 0) * a->weight_decay * e.w;
    else
        e.g += a->weight_decay * e.w;
    return e;
}

static inline double update_rate(const snug_call *c)
{
    return snug_load(&c->in[update_hyper(c->n_out)], 0);
}

/* Inputs of test cases. */
#define HYPER FIXED_OF(UNIT, 4)
#define SCALE SCALAR_OF(POSITIVE)

#endif
