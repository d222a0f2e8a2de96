/* SPDX-License-Identifier: Apache-2.0 */
/* snug bench: training steps and kernels, against what the machine can do at that moment. */
#include "cli/cli.h"
#include <inttypes.h>
#include <string.h>

typedef struct bench_options {
    const char *optimizer, *rate;
    int64_t batch, leaves;
    double seconds;
    bool ops;
} bench_options;

static const cli_option options[] = {
    {"batch", "N", CLI_INT, offsetof(bench_options, batch), 1, 65536,
     "samples a step [the workload's usual]"},
    {"optimizer", "NAME", CLI_TEXT, offsetof(bench_options, optimizer), 0, 0,
     "[the workload's usual]"},
    {"lr", "RATE", CLI_TEXT, offsetof(bench_options, rate), 0, 0,
     "learning rate [what is usual for the optimizer]"},
    {"leaves", "N", CLI_INT, offsetof(bench_options, leaves), 1, 1024,
     "leaves of a batch [as 'train' chooses]"},
    {"seconds", "TIME", CLI_TIME, offsetof(bench_options, seconds), 0.05, 3600,
     "how long to measure [2s]"},
    {"ops", NULL, CLI_SWITCH, offsetof(bench_options, ops), 0, 0,
     "also the time of each operator, of a step and of a sample's inference"},
    {0},
};

static json_t *losses_json(const snug_bench_result *r)
{
    json_t *list = json_array();
    for (int i = 0; i < r->n_losses; i++) json_array_append_new(list, cli_number(r->losses[i]));
    return list;
}

static json_t *bench_json(const snug_bench_result *r)
{
    return json_pack(
        "{ss sI sI sI so so so so so so so sI so so so so}", "workload", r->workload, "batch",
        (json_int_t)r->batch, "steps", (json_int_t)r->steps, "windows_dropped",
        (json_int_t)r->windows_dropped, "step_seconds", cli_number(r->step_seconds),
        "step_seconds_min", cli_number(r->step_seconds_min), "planned_step_seconds",
        cli_number(r->planned_step_seconds), "samples_per_s", cli_number(r->samples_per_s),
        "gflops", cli_number(r->gflops), "pulse_gflops", cli_number(r->pulse_gflops),
        "fraction_of_peak", cli_number(r->fraction_of_peak), "peak_bytes",
        (json_int_t)r->peak_bytes, "first_step_began_s", cli_number(r->first_step_began_s),
        "first_step_s", cli_number(r->first_step_s), "latency_batch1_s",
        cli_number(r->latency_batch1_s), "losses", losses_json(r));
}

/* "2.41 ms": three digits, as benchmarks want them. */
static const char *fine(double seconds, char buf[16])
{
    static const struct {
        double scale;
        const char *unit;
    } units[] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}};
    int i = seconds >= 1 ? 0 : seconds >= 1e-3 ? 1 : 2;
    double v = seconds / units[i].scale;
    snprintf(buf, 16, "%.*f %s", v >= 100 ? 0 : v >= 10 ? 1 : 2, v, units[i].unit);
    return buf;
}

static void show(const cli *c, const snug_bench_result *r)
{
    FILE *f = c->people;
    char a[16], b[16];
    fprintf(f, "%s, batch %" PRId64 "\n", r->workload, r->batch);
    fprintf(f, "  step        %s median, %s least, of %s steps\n", fine(r->step_seconds, a),
            fine(r->step_seconds_min, b), cli_count(r->steps));
    fprintf(f, "  planned     %s a step, the plan's estimate\n", fine(r->planned_step_seconds, a));
    fprintf(f, "  rate        %s samples/s\n", cli_count((int64_t)r->samples_per_s));
    fprintf(f, "  compute     %.1f GFLOP/s, %.1f %% of what the machine gave in the same seconds\n",
            r->gflops, 100 * r->fraction_of_peak);
    fprintf(f, "  peak        %s\n", cli_size((double)r->peak_bytes));
    fprintf(f, "  first step  begun %s after the process, ended after %s\n",
            fine(r->first_step_began_s, a), fine(r->first_step_s, b));
    fprintf(f, "  latency     %s for one sample\n", fine(r->latency_batch1_s, a));
    fprintf(f, "  loss        %.4g at first, %.4g at last\n", r->losses[0],
            r->losses[r->n_losses - 1]);
    if (r->windows_dropped)
        fprintf(f, "  %" PRId64 " windows left out: the hypervisor took CPU time in them\n",
                r->windows_dropped);
}

static void show_kernel(void *arg, const snug_kernel_result *r)
{
    cli *c = arg;
    if (!c->json) {
        char time[16];
        printf("%-26s %-6s %-17.17s %8s %6.1f %6.1f %4.0f %%\n", r->op, r->tier, r->test_case,
               fine(r->seconds, time), r->gflops, r->gbytes_per_s, 100 * r->fraction_of_roofline);
        return;
    }
    json_t *j = json_pack(
        "{ss ss ss ss so so so so so so}", "op", r->op, "kernel", r->kernel, "case", r->test_case,
        "tier", r->tier, "seconds", cli_number(r->seconds), "gflops", cli_number(r->gflops),
        "gbytes_per_s", cli_number(r->gbytes_per_s), "fraction_of_roofline",
        cli_number(r->fraction_of_roofline), "roof_gflops", cli_number(r->roof_gflops),
        "roof_gbytes_per_s", cli_number(r->roof_gbytes_per_s));
    if (cli_json_print(j, true) != SNUG_OK) c->exit_code = 1;
}

/* What is collected while the operators of a run come in. */
typedef struct op_table {
    cli *c;
    json_t *list;
    const char *phase;
} op_table;

static json_t *op_json(const snug_op_time *t)
{
    return json_pack("{ss ss ss sI so so so so sb}", "phase", t->phase, "op", t->op, "shapes",
                     t->shapes, "instructions", (json_int_t)t->instructions, "seconds",
                     cli_number(t->seconds), "share", cli_number(t->share), "gflops",
                     cli_number(t->gflops), "gbytes_per_s", cli_number(t->gbytes_per_s),
                     "reference", t->reference);
}

static void show_op(void *arg, const snug_op_time *t)
{
    op_table *table = arg;
    if (table->c->json) {
        json_array_append_new(table->list, op_json(t));
        return;
    }
    FILE *f = table->c->people;
    if (t->phase != table->phase)
        fprintf(f, "%-7s %-18s %-23s %2s %8s %5s %5s %5s\n", t->phase, "operator", "shapes", "n",
                "time", "share", "GFLOP", "GB /s");
    table->phase = t->phase;
    char time[16];
    fprintf(f, "%-26.26s %-23.23s %2d %8s %4.1f%% %5.0f %5.0f%s\n", t->op, t->shapes,
            t->instructions, fine(t->seconds, time), 100 * t->share, t->gflops, t->gbytes_per_s,
            t->reference ? " reference" : "");
}

static snug_status run(cli *c)
{
    const bench_options *o = c->values;
    SNUG_TRY(cli_context(c));
    if (strcmp(c->args[0], "kernels") == 0) {
        if (!c->json)
            printf("%-26s %-6s %-17s %8s %6s %6s %6s\n", "operator", "tier", "case", "time",
                   "GFLOP", "GB /s", "roof");
        return snug_bench_kernels(c->ctx, show_kernel, c);
    }
    op_table ops = {.c = c, .list = o->ops ? json_array() : NULL};
    const snug_bench_config config = {.workload = c->args[0],
                                      .batch = o->batch,
                                      .optimizer = o->optimizer,
                                      .learning_rate = o->rate,
                                      .leaves = o->leaves,
                                      .seconds = o->seconds,
                                      .each_op = o->ops ? show_op : NULL,
                                      .arg = &ops};
    snug_bench_result r = {0};
    snug_status status = snug_bench_run(c->ctx, &config, &r);
    if (status != SNUG_OK || !c->json) json_decref(ops.list);
    SNUG_TRY(status);
    if (!c->json) {
        show(c, &r);
        return SNUG_OK;
    }
    json_t *all = bench_json(&r);
    if (ops.list) json_object_set_new(all, "operators", ops.list);
    return cli_json_print(all, false);
}

const cli_command cli_command_bench = {
    .name = "bench",
    .doc = "training steps and kernels, against the machine's limits",
    .usage = "WORKLOAD | kernels [--batch N] [--seconds TIME]",
    .details = "WORKLOAD is a model of the zoo; it trains on noise of its usual shape through the "
               "executor and loader that 'train' uses. Times are medians of steps in windows from "
               "which the hypervisor took no CPU time; the share of peak is against multiply-adds "
               "measured in between. 'kernels' with --json prints one object a line.\n",
    .options = options,
    .values_bytes = sizeof(bench_options),
    .min_args = 1,
    .max_args = 1,
    .machine = true,
    .run = run,
};
