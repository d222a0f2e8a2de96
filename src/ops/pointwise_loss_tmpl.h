/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a loss by element, from its pointwise_loss `name`; snug_op_OP_grad is its gradient's
 * operator. */
#ifndef OPS_POINTWISE_LOSS_TMPL_H
#define OPS_POINTWISE_LOSS_TMPL_H

#include "ops/pointwise_loss.h"

#define POINTWISE_FUNCTIONS(name, op)                                                              \
    static snug_status name##_gradient(snug_grad *g)                                               \
    {                                                                                              \
        return pointwise_gradient(g, &snug_op_##op##_grad, &name);                                 \
    }                                                                                              \
    static void name##_ref(const snug_call *c)                                                     \
    {                                                                                              \
        pointwise_ref(c, &name);                                                                   \
    }                                                                                              \
    static void name##_grad_ref(const snug_call *c)                                                \
    {                                                                                              \
        pointwise_grad_ref(c, &name);                                                              \
    }

#endif
