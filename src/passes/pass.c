/* SPDX-License-Identifier: Apache-2.0 */
/* The table of passes and the driver that walks it. */
#include "passes/pass.h"

#define SNUG_PASS(id) extern const snug_graph_pass snug_pass_##id;
#include "passes/passes.def"
#undef SNUG_PASS

static const snug_graph_pass *const passes[] = {
#define SNUG_PASS(id) &snug_pass_##id,
#include "passes/passes.def"
#undef SNUG_PASS
};

enum { N_PASSES = sizeof passes / sizeof *passes };

const snug_graph_pass *snug_pass_get(int i)
{
    return i >= 0 && i < N_PASSES ? passes[i] : NULL;
}

static snug_status run_one(snug_graph *g, const snug_pass_config *config,
                           const snug_graph_pass *pass)
{
    snug_graph_count_uses(g);
    TRY(pass->run(g, config));
    TRY(snug_graph_validate(g));
    if (config->after) config->after(config->arg, pass->name, g);
    return SNUG_OK;
}

snug_status snug_passes_run(snug_graph *g, const snug_pass_config *config, snug_phase from,
                            snug_phase to)
{
    TRY(snug_graph_check(g));
    for (int phase = (int)from; phase <= (int)to; phase++)
        for (int i = 0; i < N_PASSES; i++)
            if ((passes[i]->phases >> phase & 1) && !(config->disabled >> i & 1))
                TRY(run_one(g, config, passes[i]));
    return SNUG_OK;
}
