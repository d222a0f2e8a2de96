/* SPDX-License-Identifier: Apache-2.0 */
/* An operator of the program's own, with its gradient, used in training like Snug's: SiLU,
 * y = x / (1 + exp(-x)) (Elfwing, Uchibe and Doya 2018). Its descriptor is all there is to it:
 * shape and axis rules, cost, a kernel that may be plain C, and a rule that appends gradient nodes.
 */
#include <math.h>
#include <snug/snug.h>
#include <stdio.h>

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* ---- the gradient: dx = dy s (1 + x (1 - s)), s = sigmoid(x) ---- */

static void silu_grad_run(const snug_call *c)
{
    int64_t n = snug_shape_elements(&c->in[0].type.shape);
    for (int64_t i = 0; i < n; i++) {
        double x = snug_load(&c->in[0], i), s = sigmoid(x);
        snug_store(&c->out[0], i, snug_load(&c->in[1], i) * s * (1 + x * (1 - s)));
    }
}

static const snug_op silu_grad_op = {
    .name = "silu_grad",
    .doc = "silu_grad(x, dy) -> dx",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .shape = snug_shape_same,
    .axes = snug_axes_same,
    .cost = snug_cost_elementwise,
    .ref = silu_grad_run,
};

/* ---- the operator ---- */

static void silu_run(const snug_call *c)
{
    int64_t n = snug_shape_elements(&c->in[0].type.shape);
    for (int64_t i = 0; i < n; i++) {
        double x = snug_load(&c->in[0], i);
        snug_store(&c->out[0], i, x * sigmoid(x));
    }
}

static snug_status silu_grad(snug_grad *k)
{
    snug_value *in[] = {k->in[0], k->dout[0]};
    k->din[0] = snug_apply(k->graph, &silu_grad_op, NULL, NULL, 2, in);
    return SNUG_OK;
}

static const snug_op silu_op = {
    .name = "silu",
    .doc = "silu(x) -> y, y = x / (1 + exp(-x))",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .shape = snug_shape_same,
    .axes = snug_axes_same,
    .grad = silu_grad,
    .cost = snug_cost_elementwise,
    .ref = silu_run,
};

/* ---- a model with it ---- */

static snug_value *build(void *arg, snug_graph *g, snug_value *x, int64_t outputs)
{
    (void)arg;
    x = snug_linear(g, snug_flatten(g, x), 64, "hidden");
    x = snug_apply(g, snug_graph_find_op(g, "silu"), "silu", NULL, 1, &x);
    return snug_linear(g, x, outputs, "out");
}

static snug_status train(snug_context *ctx, snug_recipe *r)
{
    const snug_train_config config = {.build = build, .no_files = true};
    snug_trainer *t = NULL;
    snug_train_result result;
    SNUG_TRY(snug_context_add_op(ctx, &silu_op));
    SNUG_TRY(snug_context_add_op(ctx, &silu_grad_op));
    SNUG_TRY(snug_recipe_set(r, "data.path", "glyphs:n=2000"));
    SNUG_TRY(snug_recipe_set(r, "train.epochs", "3"));
    SNUG_TRY(snug_trainer_create(ctx, r, &config, &t));
    snug_status status = snug_trainer_run(t, &result);
    if (status == SNUG_OK)
        printf("loss %.4f, test accuracy %.2f %%\n", snug_metrics_get(&result.train, "loss"),
               100 * snug_metrics_get(&result.test, "accuracy"));
    snug_trainer_destroy(t);
    return status;
}

int main(void)
{
    snug_context *ctx = NULL;
    snug_recipe *r = NULL;
    snug_status status = snug_context_create(NULL, &ctx);
    if (status == SNUG_OK) status = snug_recipe_create(&r);
    if (status == SNUG_OK) status = train(ctx, r);
    if (status != SNUG_OK) fprintf(stderr, "%s\n", snug_error_message());
    snug_recipe_destroy(r);
    snug_context_destroy(ctx);
    return snug_status_exit_code(status);
}
