/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic of two tensors, element by element, with NumPy's broadcasting. */
#include "ops/binary_tmpl.h"
#include <math.h>

static const snug_case cases[] = {BINARY_CASES(NORMAL, NORMAL), BINARY_BENCH, {0}};
static const snug_case positive_cases[] = {BINARY_CASES(NORMAL, POSITIVE), BINARY_BENCH, {0}};

BINARY_FUNCTION(add, a + b)

static snug_status add_gradient(snug_grad *g)
{
    for (int i = 0; i < 2 && g->dout[0]; i++)
        if (g->need[i]) TRY(snug_grad_broadcast(g, i, g->dout[0]));
    return SNUG_OK;
}

const snug_op snug_op_add = {BINARY_OP(add),
                             .doc = "add(a, b) -> y\n"
                                    "y = a + b, with broadcasting.\n"
                                    "Gradient: da = db = dy, each summed where it was repeated.",
                             .cases = cases};

BINARY_FUNCTION(sub, a - b)

static snug_status sub_gradient(snug_grad *g)
{
    if (g->dout[0] && g->need[0]) TRY(snug_grad_broadcast(g, 0, g->dout[0]));
    if (!g->dout[0] || !g->need[1]) return SNUG_OK;
    TRY(snug_grad_broadcast(g, 1, g->dout[0]));
    return snug_apply_all(g->graph, &snug_op_neg, NULL, NULL, 1, &g->din[1], &g->din[1]);
}

const snug_op snug_op_sub = {BINARY_OP(sub),
                             .doc = "sub(a, b) -> y\n"
                                    "y = a - b, with broadcasting.\n"
                                    "Gradient: da = dy, db = -dy, each summed where it was "
                                    "repeated.",
                             .cases = cases};

BINARY_FUNCTION(mul, a *b)

static snug_status mul_gradient(snug_grad *g)
{
    for (int i = 0; i < 2 && g->dout[0]; i++) {
        snug_value *d;
        if (!g->need[i]) continue;
        TRY(binary_apply(g, &snug_op_mul, g->dout[0], g->in[1 - i], &d));
        TRY(snug_grad_broadcast(g, i, d));
    }
    return SNUG_OK;
}

const snug_op snug_op_mul = {BINARY_OP(mul),
                             .doc = "mul(a, b) -> y\n"
                                    "y = a * b, element by element, with broadcasting.\n"
                                    "Gradient: da = dy * b, db = dy * a, each summed where it was "
                                    "repeated.",
                             .cases = cases};

BINARY_FUNCTION(div, a / b)

static snug_status div_gradient(snug_grad *g)
{
    snug_value *da, *db;
    if (!g->dout[0]) return SNUG_OK;
    TRY(binary_apply(g, &snug_op_div, g->dout[0], g->in[1], &da));
    if (g->need[0]) TRY(snug_grad_broadcast(g, 0, da));
    if (!g->need[1]) return SNUG_OK;
    TRY(binary_apply(g, &snug_op_mul, da, g->out[0], &db));
    TRY(snug_grad_broadcast(g, 1, db));
    return snug_apply_all(g->graph, &snug_op_neg, NULL, NULL, 1, &g->din[1], &g->din[1]);
}

const snug_op snug_op_div = {BINARY_OP(div),
                             .doc = "div(a, b) -> y\n"
                                    "y = a / b, with broadcasting.\n"
                                    "Gradient: da = dy / b, db = -da * y, each summed where it was "
                                    "repeated.",
                             .cases = positive_cases};

/* ---- minimum and maximum -----------------------------------------------------------------------
 */

/* NaN in either input is NaN in the result. */
BINARY_FUNCTION(minimum, a < b || a != a ? a : b)
BINARY_FUNCTION(maximum, a > b || a != a ? a : b)

/* dy goes to a where `wins(a, b)`, ties too, and to b elsewhere. */
static snug_status choice_gradient(snug_grad *g, const snug_op *wins)
{
    snug_value *mask, *da, *db;
    if (!g->dout[0]) return SNUG_OK;
    TRY(binary_apply(g, wins, g->in[0], g->in[1], &mask));
    TRY(binary_apply(g, &snug_op_mul, g->dout[0], mask, &da));
    if (g->need[0]) TRY(snug_grad_broadcast(g, 0, da));
    if (!g->need[1]) return SNUG_OK;
    TRY(binary_apply(g, &snug_op_sub, g->dout[0], da, &db));
    return snug_grad_broadcast(g, 1, db);
}

static snug_status minimum_gradient(snug_grad *g)
{
    return choice_gradient(g, &snug_op_less_equal);
}

static snug_status maximum_gradient(snug_grad *g)
{
    return choice_gradient(g, &snug_op_greater_equal);
}

const snug_op snug_op_minimum = {BINARY_OP(minimum),
                                 .doc = "minimum(a, b) -> y\n"
                                        "y = the lesser of a and b, with broadcasting; NaN where "
                                        "either is.\n"
                                        "Gradient: da = dy where a <= b, db = dy elsewhere.",
                                 .cases = cases};
const snug_op snug_op_maximum = {BINARY_OP(maximum),
                                 .doc = "maximum(a, b) -> y\n"
                                        "y = the greater of a and b, with broadcasting; NaN where "
                                        "either is.\n"
                                        "Gradient: da = dy where a >= b, db = dy elsewhere.",
                                 .cases = cases};

/* ---- pow ---------------------------------------------------------------------------------------
 */

BINARY_FUNCTION(pow, pow(a, b))

static snug_status pow_gradient(snug_grad *g)
{
    snug_value *in[] = {g->dout[0], g->in[0], g->in[1]}, *d[2];
    if (!g->dout[0]) return SNUG_OK;
    TRY(snug_apply_all(g->graph, &snug_op_pow_grad, NULL, NULL, 3, in, d));
    for (int i = 0; i < 2; i++)
        if (g->need[i]) TRY(snug_grad_broadcast(g, i, d[i]));
    return SNUG_OK;
}

const snug_op snug_op_pow = {BINARY_OP(pow),
                             .doc = "pow(a, b) -> y\n"
                                    "y = a to the power of b, with broadcasting; NaN where a < 0 "
                                    "and b is not whole.\n"
                                    "Gradient: pow_grad(dy, a, b), each summed where it was "
                                    "repeated.",
                             .cases = (const snug_case[]){BINARY_CASES(POSITIVE, NORMAL), {0}}};

static snug_status pow_grad_shape(snug_infer *f)
{
    TRY(binary_shape(f));
    f->out[1] = f->out[0];
    return SNUG_OK;
}

static int pow_grad_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = snug_axes_broadcast(s, u);
    for (int i = 0; i < n; i++) {
        u[n + i] = u[i];
        u[n + i].out = 1;
    }
    return 2 * n;
}

static void pow_grad_ref(const snug_call *c)
{
    snug_broadcast m;
    snug_broadcast_of(c, &m);
    for (int64_t i = 0; i < snug_shape_elements(&c->out[0].type.shape); i++) {
        double dy = snug_load(&c->in[0], snug_broadcast_at(&m, 0, i));
        double a = snug_load(&c->in[1], snug_broadcast_at(&m, 1, i));
        double b = snug_load(&c->in[2], snug_broadcast_at(&m, 2, i));
        snug_store(&c->out[0], i, b == 0 ? 0 : dy * b * pow(a, b - 1));
        if (c->out[1].data)
            snug_store(&c->out[1], i, a == 0 && b >= 0 ? 0 : dy * pow(a, b) * log(a));
    }
}

static const snug_case pow_grad_cases[] = {
    {.name = "odd", .n_in = 3, .in = INPUTS(BATCH(7, 13), BATCH_OF(POSITIVE, 7, 13), BATCH(7, 13))},
    {.name = "vector", .n_in = 3, .in = INPUTS(BATCH(7, 13), BATCH_OF(POSITIVE, 7, 13), FIXED(13))},
    {.name = "column", .n_in = 3, .in = INPUTS(BATCH(7, 13), FIXED_OF(POSITIVE, 13), BATCH(7, 1))},
    {.name = "fixed",
     .n_in = 3,
     .in = INPUTS(FIXED(35), FIXED_OF(POSITIVE, 35), SCALAR_OF(NORMAL))},
    {0}};

const snug_op snug_op_pow_grad = {
    .name = "pow_grad",
    .doc = "pow_grad(dy, a, b) -> da, db, both of dy's shape\n"
           "da = dy b a^(b - 1), 0 where b is 0; db = dy a^b log a, 0 where a is 0 and b is not\n"
           "negative.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 2,
    .flags = SNUG_OP_BACKWARD,
    .inplace = {1},
    .shape = pow_grad_shape,
    .axes = pow_grad_axes,
    .cost = snug_cost_elementwise,
    .ref = pow_grad_ref,
    .cases = pow_grad_cases};
