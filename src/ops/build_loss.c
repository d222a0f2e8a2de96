/* SPDX-License-Identifier: Apache-2.0 */
/* Builders of losses: scalars, means over the step's batch. */
#include "ops/build.h"

snug_value *snug_softmax_cross_entropy_with(snug_graph *g, snug_value *logits, snug_value *labels,
                                            const snug_cross_entropy_config *config,
                                            snug_value **probabilities)
{
    if (!g || !logits || !labels) return NULL;
    snug_value *in[4] = {logits, labels}, *out[SNUG_MAX_OUT] = {NULL};
    snug_cross_entropy_attrs attrs = {.label_smoothing = config ? config->label_smoothing : 0};
    int n = 2;
    if (config && config->weights) in[n++] = config->weights;
    if (config && config->total) in[n++] = config->total;
    if (snug_apply_all(g, &snug_op_softmax_cross_entropy, NULL, &attrs, n, in, out) != SNUG_OK)
        return NULL;
    if (probabilities) *probabilities = out[1];
    return out[0];
}

snug_value *snug_softmax_cross_entropy(snug_graph *g, snug_value *logits, snug_value *labels,
                                       snug_value **probabilities)
{
    return snug_softmax_cross_entropy_with(g, logits, labels, NULL, probabilities);
}

snug_value *snug_mse(snug_graph *g, snug_value *prediction, snug_value *target)
{
    return apply2(g, &snug_op_mse, prediction, target);
}
