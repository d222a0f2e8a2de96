/* SPDX-License-Identifier: Apache-2.0 */
/* Losses that compare a prediction and a target element by element:
 *     loss = sum f(x, t) / n,   dx = df/dx * dloss / n,   dt = df/dt * dloss / n
 * with n the elements, or rows, of the step's batch. What such operators share: types, axes,
 * gradient rule and reference loops; each brings its own f and slopes. */
#ifndef OPS_POINTWISE_LOSS_H
#define OPS_POINTWISE_LOSS_H

#include "ops/cases.h"
#include "ops/leaf_sum.h"

/* x and t of one element, and the weight of its column (1 when the loss has none). */
typedef struct loss_at {
    const snug_loss_attrs *attrs;
    double x, t, weight;
} loss_at;

typedef struct pointwise_loss {
    double (*value)(const loss_at *);
    double (*slope)(const loss_at *);        /* df/dx */
    double (*target_slope)(const loss_at *); /* df/dt; NULL: the target has no gradient */
    bool by_row;                             /* n counts rows, not elements */
} pointwise_loss;

/* loss(prediction, target[, weight [C]]) -> [] */
snug_status pointwise_shape(snug_infer *f);
int pointwise_axes(const snug_sig *s, snug_axis_use *u);
snug_cost pointwise_cost(const snug_sig *s);
void pointwise_ref(const snug_call *c, const pointwise_loss *loss);
/* Appends loss_grad(prediction, target, dloss[, weight]) with the attribute wrt for each of the two
 * that needs one. */
snug_status pointwise_gradient(snug_grad *g, const snug_op *grad, const pointwise_loss *loss);

/* loss_grad(prediction, target, dloss[, weight]) -> dprediction, or dtarget with wrt 1 */
snug_status pointwise_grad_shape(snug_infer *f);
int pointwise_grad_axes(const snug_sig *s, snug_axis_use *u);
void pointwise_grad_ref(const snug_call *c, const pointwise_loss *loss);

#define ATTR_WRT                                                                                   \
    ATTR_INT(snug_loss_attrs, wrt, 0, 1, 0, "gradient with respect to: 0 prediction, 1 target")

#endif
