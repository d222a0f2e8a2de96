/* SPDX-License-Identifier: Apache-2.0 */
/* Agreement of the predicted classes with the true ones beyond that of chance (Cohen 1960):
 * (observed - chance) / (1 - chance), chance being that of two draws with the classes' shares. */
#include "train/metrics.h"
#include <math.h>

static double kappa(const snug_tally *t)
{
    const int64_t n = t->n_classes;
    double right = 0, chance = 0, all = 0;
    for (int64_t c = 0; c < n; c++) {
        double truth = 0, guessed = 0;
        for (int64_t k = 0; k < n; k++) {
            truth += (double)t->confusion[c * n + k];
            guessed += (double)t->confusion[k * n + c];
        }
        right += (double)t->confusion[c * n + c];
        chance += truth * guessed;
        all += truth;
    }
    const double least = all > 0 ? chance / all : NAN;
    return all > least ? (right - least) / (all - least) : NAN;
}

const snug_metric_info snug_metric_class_kappa = {.name = "kappa",
                                                  .doc = "agreement beyond chance (Cohen 1960)",
                                                  .target = SNUG_TARGET_CLASS,
                                                  .value = kappa};
