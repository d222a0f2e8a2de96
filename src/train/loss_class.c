/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of classes and tokens, from logits, and the focal loss of labels too. Label smoothing and
 * class weights are part of training alone: evaluations tell the plain loss. */
#include "graph/graph.h"
#include "train/loss.h"

/* n / (classes * n of the class): all classes pull alike, and the mean weight is 1. A class without
 * samples weighs nothing. */
static snug_value *balanced_weights(const snug_head *h)
{
    const int64_t *count = h->model->loss.class_counts, n = snug_model_outputs(h->model);
    const snug_type type = {.dtype = SNUG_F32, .shape = {.n_dims = 1, .dim = {n}}};
    float *weight = snug_bump_alloc(h->graph->bump, (size_t)n * sizeof *weight);
    double sum = 0;
    if (!weight) return NULL;
    for (int64_t c = 0; c < n; c++) sum += (double)count[c];
    for (int64_t c = 0; c < n; c++)
        weight[c] = count[c] > 0 ? (float)(sum / ((double)n * (double)count[c])) : 0;
    return snug_constant(h->graph, "class_weights", type, weight);
}

static snug_value *entropy(const snug_head *h, snug_value *logits, snug_value *labels, double gamma,
                           snug_value **outputs)
{
    snug_cross_entropy_config config = {.gamma = gamma};
    if (h->training) {
        config.label_smoothing = h->model->loss.label_smoothing;
        if (h->model->loss.class_counts) config.weights = balanced_weights(h);
    }
    return snug_softmax_cross_entropy_with(h->graph, logits, labels, &config, outputs);
}

static snug_value *cross_entropy(const snug_head *h, snug_value *logits, snug_value *labels,
                                 snug_value **outputs)
{
    return entropy(h, logits, labels, 0, outputs);
}

static snug_value *focal(const snug_head *h, snug_value *logits, snug_value *labels,
                         snug_value **outputs)
{
    const double gamma = h->model->loss.focal_gamma;
    if (h->model->target != SNUG_TARGET_LABELS) return entropy(h, logits, labels, gamma, outputs);
    return snug_sigmoid_focal(h->graph, logits, labels, gamma, -1);
}

const snug_loss snug_loss_cross_entropy = {
    .name = "cross_entropy",
    .doc = "classes and texts: minus the logarithm of the true one's probability",
    .targets = SNUG_SERVES(CLASS) | SNUG_SERVES(TOKENS),
    .build = cross_entropy,
};
const snug_loss snug_loss_focal = {
    .name = "focal",
    .doc = "classes, texts and labels: cross entropy that looks away from what is easy, by "
           "train.focal_gamma (Lin et al. 2017)",
    .targets = SNUG_SERVES(CLASS) | SNUG_SERVES(TOKENS) | SNUG_SERVES(LABELS),
    .build = focal,
};
