/* SPDX-License-Identifier: Apache-2.0 */
/* Builders of losses: scalars, means over the step's batch. */
#include "ops/build.h"

snug_value *snug_softmax_cross_entropy_with(snug_graph *g, snug_value *logits, snug_value *labels,
                                            const snug_cross_entropy_config *config,
                                            snug_value **probabilities)
{
    if (!g || !logits || !labels) return NULL;
    snug_value *in[4] = {logits, labels}, *out[SNUG_MAX_OUT] = {NULL};
    snug_cross_entropy_attrs attrs = {0};
    int n = 2;
    if (config) attrs.label_smoothing = config->label_smoothing, attrs.gamma = config->gamma;
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

static snug_value *pointwise(snug_graph *g, const snug_op *op, const snug_loss_attrs *attrs,
                             snug_value *prediction, snug_value *target)
{
    if (!g || !prediction || !target) return NULL;
    return snug_apply(g, op, NULL, attrs, 2, (snug_value *[]){prediction, target});
}

snug_value *snug_mae(snug_graph *g, snug_value *prediction, snug_value *target)
{
    return pointwise(g, &snug_op_mae, NULL, prediction, target);
}

snug_value *snug_huber(snug_graph *g, snug_value *prediction, snug_value *target, double delta)
{
    return pointwise(g, &snug_op_huber, &(snug_loss_attrs){.delta = delta}, prediction, target);
}

snug_value *snug_bce_with_logits(snug_graph *g, snug_value *logits, snug_value *targets,
                                 snug_value *pos_weight)
{
    if (!g || !logits || !targets) return NULL;
    return snug_apply(g, &snug_op_bce_with_logits, NULL, NULL, pos_weight ? 3 : 2,
                      (snug_value *[]){logits, targets, pos_weight});
}

snug_value *snug_sigmoid_focal(snug_graph *g, snug_value *logits, snug_value *targets, double gamma,
                               double alpha)
{
    snug_loss_attrs attrs = {.gamma = gamma, .alpha = alpha};
    return pointwise(g, &snug_op_sigmoid_focal, &attrs, logits, targets);
}

snug_value *snug_hinge(snug_graph *g, snug_value *prediction, snug_value *target, double margin)
{
    return pointwise(g, &snug_op_hinge, &(snug_loss_attrs){.margin = margin}, prediction, target);
}

snug_value *snug_kl_divergence(snug_graph *g, snug_value *prediction, snug_value *target)
{
    return pointwise(g, &snug_op_kl_divergence, NULL, prediction, target);
}

static snug_value *of_three(snug_graph *g, const snug_op *op, double margin,
                            snug_value *const in[3])
{
    if (!g || !in[0] || !in[1] || !in[2]) return NULL;
    return snug_apply(g, op, NULL, &(snug_loss_attrs){.margin = margin}, 3, in);
}

snug_value *snug_cosine_embedding(snug_graph *g, snug_value *a, snug_value *b, snug_value *labels,
                                  double margin)
{
    return of_three(g, &snug_op_cosine_embedding, margin, (snug_value *const[]){a, b, labels});
}

snug_value *snug_triplet_margin(snug_graph *g, snug_value *anchor, snug_value *positive,
                                snug_value *negative, double margin)
{
    return of_three(g, &snug_op_triplet_margin, margin,
                    (snug_value *const[]){anchor, positive, negative});
}

snug_value *snug_ctc(snug_graph *g, snug_value *log_probs, snug_value *targets, snug_value *frames,
                     snug_value *lengths, int64_t blank)
{
    if (!g || !log_probs || !targets || !frames || !lengths) return NULL;
    snug_ctc_attrs attrs = {.blank = blank, .zero_infinity = 1};
    return snug_apply(g, &snug_op_ctc, NULL, &attrs, 4,
                      (snug_value *[]){log_probs, targets, frames, lengths});
}
