/* SPDX-License-Identifier: Apache-2.0 */
/* The schedules and the linear warm-up in front of them.
 *
 * With W = warmup * steps_per_epoch warm-up steps, step s (from 0) of n has the rate
 *     lr * (s + 1) / W                          while s + 1 < W
 *     lr * factor(epochs, progress)             after, progress = (s - W) / (n - W)
 * Only additions, multiplications, divisions, floor and square roots are used, which IEEE 754
 * defines to the bit, never libm's functions: a rate has the same bits everywhere.
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

double snug_power_real(double base, double x)
{
    double whole = floor(x), result = snug_power(base, (int64_t)whole);
    for (double rest = x - whole; rest > 0;) {
        base = sqrt(base);
        rest *= 2;
        if (rest < 1) continue;
        result *= base;
        rest -= 1;
    }
    return result;
}

/* From 1 to `end` as `left` goes from 1 to 0. */
static double down_to(double end, double left)
{
    return end + (1.0 - end) * left;
}

static double half_cosine(double x)
{
    return 0.5 * (1.0 + cos_pi(x));
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
    return down_to(r->train.final_rate, half_cosine(at->progress));
}

static double linear_factor(const snug_recipe *r, const snug_schedule_point *at)
{
    return down_to(r->train.final_rate, 1.0 - at->progress);
}

static double polynomial_factor(const snug_recipe *r, const snug_schedule_point *at)
{
    return down_to(r->train.final_rate, snug_power_real(1.0 - at->progress, r->train.power));
}

static double exponential_factor(const snug_recipe *r, const snug_schedule_point *at)
{
    return snug_power_real(r->train.step_factor, at->epochs / r->train.step_epochs);
}

static double one_cycle_factor(const snug_recipe *r, const snug_schedule_point *at)
{
    const double rise = 0.3, start = 1.0 / 25.0;
    if (at->progress < rise) return down_to(start, half_cosine(1.0 - at->progress / rise));
    return down_to(r->train.final_rate, half_cosine((at->progress - rise) / (1.0 - rise)));
}

static double warm_restarts_factor(const snug_recipe *r, const snug_schedule_point *at)
{
    double period = r->train.step_epochs, done = at->epochs;
    if (r->train.restart_factor == 1) done -= period * floor(done / period);
    while (done >= period) {
        done -= period;
        period *= (double)r->train.restart_factor;
    }
    return down_to(r->train.final_rate, half_cosine(done > 0 ? done / period : 0.0));
}

/* A loss counts as better from this share of the best one on. */
#define BETTER (1.0 - 1e-4)

static void plateau_judge(const snug_recipe *r, double loss, snug_schedule_state *s)
{
    const bool better = s->judged == 0 || loss < s->best * (s->best > 0 ? BETTER : 2 - BETTER);
    s->judged++;
    s->bad = better ? 0 : s->bad + 1;
    if (better) s->best = loss;
    if (s->bad <= r->train.plateau_patience) return;
    s->bad = 0;
    s->scale *= r->train.step_factor;
    if (s->scale < r->train.final_rate) s->scale = r->train.final_rate;
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

static const snug_schedule schedule_linear = {
    .name = "linear",
    .doc = "a line from the learning rate to train.final_rate of it",
    .factor = linear_factor,
};
static const snug_schedule schedule_polynomial = {
    .name = "polynomial",
    .doc = "what is left of the run, to the power train.power, from the learning rate to "
           "train.final_rate of it (Chen et al. 2018)",
    .factor = polynomial_factor,
};
static const snug_schedule schedule_exponential = {
    .name = "exponential",
    .doc = "times train.step_factor within every train.step_epochs epochs, step by step",
    .factor = exponential_factor,
};
static const snug_schedule schedule_one_cycle = {
    .name = "one_cycle",
    .doc = "half a cosine up from a 25th of the learning rate over 0.3 of the run, then one down "
           "to train.final_rate of it (Smith 2018)",
    .factor = one_cycle_factor,
};
static const snug_schedule schedule_warm_restarts = {
    .name = "warm_restarts",
    .doc = "half cosines from the learning rate to train.final_rate of it, the first of "
           "train.step_epochs epochs, each train.restart_factor times as long as the one before "
           "(Loshchilov and Hutter 2017)",
    .factor = warm_restarts_factor,
};

static const snug_schedule schedule_plateau = {
    .name = "plateau",
    .doc = "the learning rate, times train.step_factor whenever more than train.plateau_patience "
           "epochs brought no better validation loss, down to train.final_rate of it",
    .factor = constant_factor,
    .judge = plateau_judge,
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
