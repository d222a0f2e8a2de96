/* SPDX-License-Identifier: Apache-2.0 */
/* snug plan: what training would cost. Nothing is run. */
#include "cli/cli.h"
#include <stdlib.h>
#include <string.h>

typedef struct plan_options {
    const char *graph;
} plan_options;

static const cli_option options[] = {
    {"graph", "text|dot", CLI_TEXT, offsetof(plan_options, graph), 0, 0,
     "print the training graph after its passes instead"},
    {0},
};

static snug_status print_graph(const snug_trainer *t, const char *how)
{
    bool dot = strcmp(how, "dot") == 0;
    SNUG_CHECK(dot || strcmp(how, "text") == 0, SNUG_EINVAL,
               "--graph wants 'text' or 'dot', not '%s'", how);
    char *text = NULL;
    SNUG_TRY(snug_trainer_graph(t, dot, &text));
    fputs(text, stdout);
    free(text);
    return SNUG_OK;
}

static snug_status report(cli *c, const snug_trainer *t)
{
    const plan_options *o = c->values;
    const snug_plan_report *p = snug_trainer_plan(t);
    if (o->graph) return print_graph(t, o->graph);
    cli_show_data(c, snug_trainer_data(t));
    cli_show_plan(c, p, true);
    if (c->json) SNUG_TRY(cli_print_plan_json(p));
    SNUG_CHECK(p->feasible, SNUG_EBUDGET, "%s",
               p->problem ? p->problem : "the budget cannot be met");
    return SNUG_OK;
}

static snug_status run(cli *c)
{
    const plan_options *o = c->values;
    snug_recipe *r = NULL;
    SNUG_CHECK(!o->graph || !c->json, SNUG_EINVAL,
               "--graph prints a graph, not JSON; leave out --graph or --json");
    SNUG_TRY(cli_open_recipe(c, c->args[0], &r));
    const snug_train_config config = {0}; /* as training will be: files are made by running */
    snug_trainer *t = NULL;
    snug_status status = snug_trainer_create(c->ctx, r, &config, &t);
    if (status == SNUG_OK) status = report(c, t);
    snug_trainer_destroy(t);
    snug_recipe_destroy(r);
    return status;
}

const cli_command cli_command_plan = {
    .name = "plan",
    .doc = "what training will cost: peak memory by owner, time; nothing is run",
    .usage = "RECIPE | DATA [--memory SIZE] [--set KEY=VALUE...]",
    .details = "RECIPE is a .yaml file or a run's folder; anything else is DATA, for which a "
               "recipe is chosen. With --memory the plan is fitted into that budget; when it "
               "cannot be, the exit code is 3 and the smallest budget that could be met is "
               "told.\n\n    snug plan glyphs --model cnn --batch 64 --memory 16M\n    snug plan "
               "recipe.yaml --graph dot | dot -Tsvg > graph.svg\n",
    .options = options,
    .values_bytes = sizeof(plan_options),
    .min_args = 1,
    .max_args = 1,
    .recipe = true,
    .run = run,
};
