/* SPDX-License-Identifier: Apache-2.0 */
/* softsign, a sigmoid whose tails are fractions, and its gradient. */
#include "ops/unary_tmpl.h"
#include <math.h>

UNARY_FUNCTIONS(softsign, x, x / (1 + fabs(x)), dy / ((1 + fabs(x)) * (1 + fabs(x))))

const snug_op snug_op_softsign = {UNARY_OP(softsign, snug_cost_elementwise),
                                  .layer = "x / (1 + |x|): results from -1 to 1",
                                  .doc = "softsign(x) -> y\n"
                                         "y = x / (1 + |x|) (Bergstra et al. 2009).\n"
                                         "Gradient: softsign_grad(dy, x).",
                                  .cases = unary_cases};
const snug_op snug_op_softsign_grad = {UNARY_GRAD(softsign, snug_cost_elementwise),
                                       .doc = "softsign_grad(dy, x) -> dx\n"
                                              "dx = dy / (1 + |x|)^2.",
                                       .cases = unary_grad_cases};
