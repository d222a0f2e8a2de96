/* SPDX-License-Identifier: Apache-2.0 */
/* The schedules and the linear warm-up in front of them.
 *
 * With W = warmup * steps_per_epoch warm-up steps, step s (from 0) of n has the rate
 *     lr * (s + 1) / W                          while s + 1 < W
 *     lr * factor(epochs, progress)             after, progress = (s - W) / (n - W)
 * Only additions, multiplications and divisions are used, never libm: a rate has the same bits
 * everywhere.
 */
#include "train/schedule.h"
#include <math.h>

/* cos(pi x) for x in [0, 1]: Taylor's series on [0, 1/4 pi] and the symmetries; error below 1e-16.
 */
static double cos_pi(double x)
{
    const double pi = 3.14159265358979323846;
    if (x > 0.5) return -cos_pi(1.0 - x);
    bool swap = x > 0.25; /* cos(a) = sin(pi/2 - a) */
    double a = pi * (swap ? 0.5 - x : x), term = swap ? a : 1.0, sum = term;
    for (int k = swap ? 2 : 1; k < 20; k += 2) {
        term *= -a * a / ((double)k * (k + 1));
        sum += term;
    }
    return sum;
}

double snug_power(double base, int64_t n)
{
    double result = 1.0;
    for (; n > 0; n >>= 1, base *= base)
        if (n & 1) result *= base;
    return result;
}

static double constant_factor(const snug_recipe *r, const snug_schedule_point *at)
{
    (void)r, (void)at;
    return 1.0;
}

static double step_factor(const snug_recipe *r, const snug_schedule_point *at)
{
    if (!(r->train.step_epochs > 0)) return 1.0;
    return snug_power(r->train.step_factor, (int64_t)(at->epochs / r->train.step_epochs));
}

static double cosine_factor(const snug_recipe *r, const snug_schedule_point *at)
{
    double end = r->train.final_rate;
    return end + (1.0 - end) * 0.5 * (1.0 + cos_pi(at->progress));
}

static const snug_schedule schedule_constant = {
    .name = "constant",
    .doc = "the learning rate throughout",
    .factor = constant_factor,
};
static const snug_schedule schedule_step = {
    .name = "step",
    .doc = "times train.step_factor after every train.step_epochs epochs",
    .factor = step_factor,
};
static const snug_schedule schedule_cosine = {
    .name = "cosine",
    .doc = "half a cosine from the learning rate to train.final_rate of it "
           "(Loshchilov and Hutter 2017, without restarts)",
    .factor = cosine_factor,
};

const snug_schedule *snug_schedule_get(int64_t i)
{
    static const snug_schedule *const table[] = {
#define SNUG_SCHEDULE(id) &schedule_##id,
#include "train/schedules.def"
#undef SNUG_SCHEDULE
    };
    const int64_t n = (int64_t)(sizeof table / sizeof table[0]);
    return i >= 0 && i < n ? table[i] : NULL;
}

double snug_schedule_rate(const snug_recipe *r, int64_t step, int64_t steps_per_epoch,
                          int64_t n_steps)
{
    double warmup = r->train.warmup * (double)steps_per_epoch;
    if ((double)(step + 1) < warmup) return r->train.learning_rate * (double)(step + 1) / warmup;
    double left = (double)n_steps - warmup, done = (double)step - warmup;
    double progress = left > 0 && done > 0 ? done / left : 0.0;
    snug_schedule_point at = {.epochs = (double)step / (double)steps_per_epoch,
                              .progress = progress < 1.0 ? progress : 1.0};
    return r->train.learning_rate * snug_schedule_get(r->train.schedule)->factor(r, &at);
}
