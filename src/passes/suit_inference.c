/* SPDX-License-Identifier: Apache-2.0 */
/* What is evaluated or predicted, perhaps sample by sample, is told so: what pays for a batch need
 * not pay for one sample, and the choice must not depend on the batch. */
#include "ops/ops.h"
#include "passes/pass.h"

static snug_status suit_inference(snug_graph *g, const snug_pass_config *config)
{
    (void)config;
    if (g->mode != SNUG_MODE_EVAL) return SNUG_OK;
    for (int32_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->op == &snug_op_conv2d)
            ((snug_conv2d_attrs *)g->nodes[i]->attrs)->inference = 1;
    return SNUG_OK;
}

const snug_graph_pass snug_pass_suit_inference = {
    .name = "suit_inference",
    .doc = "tells the convolutions of a graph that is not trained to suit few samples",
    .phases = 1u << PHASE_LOWER,
    .same_bits = false,
    .run = suit_inference,
};
