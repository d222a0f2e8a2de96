/* SPDX-License-Identifier: Apache-2.0 */
/* snug probe: what this machine is and can do. */
#include "cli/cli.h"

static json_t *probe_json(const snug_probe *p)
{
    json_t *simd = json_array();
    for (int i = 0; i < 16 && p->simd[i]; i++) json_array_append_new(simd, json_string(p->simd[i]));
    return json_pack("{ss si si so sI sI sI sI so so s[]}", "cpu", p->cpu, "cores", p->cores,
                     "threads", p->threads, "simd", simd, "memory_bytes",
                     (json_int_t)p->memory_bytes, "l1d_bytes", (json_int_t)p->l1d_bytes, "l2_bytes",
                     (json_int_t)p->l2_bytes, "l3_bytes", (json_int_t)p->l3_bytes, "gflops_f32",
                     cli_number(p->gflops_f32), "gbytes_per_s", cli_number(p->gbytes_per_s),
                     "gpus");
}

static void show(const cli *c, const snug_probe *p)
{
    FILE *f = c->people;
    fprintf(f, "cpu       %s\n", p->cpu);
    fprintf(f, "cores     %d, %d threads used\n", p->cores, p->threads);
    char simd[256] = "none";
    for (int i = 0, n = 0; i < 16 && p->simd[i] && n < (int)sizeof simd; i++)
        n += snprintf(simd + n, sizeof simd - (size_t)n, "%s%s", i ? " " : "", p->simd[i]);
    fprintf(f, "simd      %s is used, of\n          ", snug_tier_name(snug_context_tier(c->ctx)));
    cli_print_wrapped(f, simd, 10, c->columns);
    fprintf(f, "caches    L1 %s, L2 %s, L3 %s\n", cli_size((double)p->l1d_bytes),
            cli_size((double)p->l2_bytes), cli_size((double)p->l3_bytes));
    fprintf(f, "memory    %s, %.1f GB/s triad\n", cli_size((double)p->memory_bytes),
            p->gbytes_per_s);
    fprintf(f, "compute   %.0f GFLOP/s in f32\n", p->gflops_f32);
    fprintf(f, "gpus      none that Snug can use\n");
}

static snug_status run(cli *c)
{
    SNUG_TRY(cli_context(c));
    snug_probe p = {0};
    SNUG_TRY(snug_probe_run(c->ctx, &p));
    if (c->json) return cli_json_print(probe_json(&p), false);
    show(c, &p);
    return SNUG_OK;
}

const cli_command cli_command_probe = {
    .name = "probe",
    .doc = "what this machine can do: cores, SIMD, caches, memory, GFLOP/s, GB/s",
    .usage = "[--json]",
    .details = "Rates are measured in about a second: multiply-adds from registers on all threads, "
               "and a triad (a = b + k c) over arrays larger than the caches.\n",
    .machine = true,
    .run = run,
};
