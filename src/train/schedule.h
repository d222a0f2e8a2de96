/* SPDX-License-Identifier: Apache-2.0 */
/* Learning-rate schedules: the rate of a step as a pure function of the recipe and the step. */
#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

#include "train/recipe.h"

/* Where a step stands. */
typedef struct snug_schedule_point {
    double epochs;   /* done before this step, with fractions */
    double progress; /* 0 at the first step after warm-up, towards 1 at the last */
} snug_schedule_point;

/* Of a schedule that follows the validation loss. */
typedef struct snug_schedule_state {
    double scale; /* what its rates are multiplied by */
    double best;  /* loss so far; judged 0: none */
    int64_t judged, bad;
} snug_schedule_state;

typedef struct snug_schedule {
    const char *name, *doc;
    /* what the learning rate is multiplied by */
    double (*factor)(const snug_recipe *r, const snug_schedule_point *at);
    /* After an epoch, with its validation loss; NULL: the schedule does not look at it. */
    void (*judge)(const snug_recipe *r, double loss, snug_schedule_state *s);
} snug_schedule;

const snug_schedule *snug_schedule_get(int64_t i); /* NULL past the end */

/* The rate of step number `step` (from 0) of n_steps. */
double snug_schedule_rate(const snug_recipe *r, int64_t step, int64_t steps_per_epoch,
                          int64_t n_steps);
/* base to the power n >= 0 by squaring: multiplications only, so the same bits on every machine. */
double snug_power(double base, int64_t n);
/* base to the power x, both at least 0, by square roots too: as exact wherever it runs. */
double snug_power_real(double base, double x);

#endif
