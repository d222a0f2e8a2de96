/* SPDX-License-Identifier: Apache-2.0 */
/* An operator of the program's own, with its gradient, used in training like Snug's: Snake,
 * y = x + sin(x)^2 (Ziyin, Hartwig and Ueda 2020). Its descriptor is all there is to it: shape and
 * axis rules, cost, a kernel that may be plain C, and a rule that appends gradient nodes. */
#include <math.h>
#include <snug/snug.h>
#include <stdio.h>

/* ---- the gradient: dx = dy (1 + sin 2x) ---- */

static void snake_grad_run(const snug_call *c)
{
    int64_t n = snug_shape_elements(&c->in[0].type.shape);
    for (int64_t i = 0; i < n; i++) {
        double x = snug_load(&c->in[0], i), dy = snug_load(&c->in[1], i);
        snug_store(&c->out[0], i, dy * (1 + sin(2 * x)));
    }
}

static const snug_op snake_grad_op = {
    .name = "snake_grad",
    .doc = "snake_grad(x, dy) -> dx",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .shape = snug_shape_same,
    .axes = snug_axes_same,
    .cost = snug_cost_elementwise,
    .ref = snake_grad_run,
};

/* ---- the operator ---- */

static void snake_run(const snug_call *c)
{
    int64_t n = snug_shape_elements(&c->in[0].type.shape);
    for (int64_t i = 0; i < n; i++) {
        double x = snug_load(&c->in[0], i);
        snug_store(&c->out[0], i, x + sin(x) * sin(x));
    }
}

static snug_status snake_grad(snug_grad *k)
{
    snug_value *in[] = {k->in[0], k->dout[0]};
    k->din[0] = snug_apply(k->graph, &snake_grad_op, NULL, NULL, 2, in);
    return SNUG_OK;
}

static const snug_op snake_op = {
    .name = "snake",
    .doc = "snake(x) -> y, y = x + sin(x)^2",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .shape = snug_shape_same,
    .axes = snug_axes_same,
    .grad = snake_grad,
    .cost = snug_cost_elementwise,
    .ref = snake_run,
};

/* ---- a model with it ---- */

static snug_value *build(void *arg, snug_graph *g, snug_value *x, int64_t outputs)
{
    (void)arg;
    x = snug_linear(g, snug_flatten(g, x), 64, "hidden");
    x = snug_apply(g, snug_graph_find_op(g, "snake"), "snake", NULL, 1, &x);
    return snug_linear(g, x, outputs, "out");
}

static snug_status train(snug_context *ctx, snug_recipe *r)
{
    const snug_train_config config = {.build = build, .no_files = true};
    snug_trainer *t = NULL;
    snug_train_result result;
    SNUG_TRY(snug_context_add_op(ctx, &snake_op));
    SNUG_TRY(snug_context_add_op(ctx, &snake_grad_op));
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
