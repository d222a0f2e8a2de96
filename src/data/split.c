/* SPDX-License-Identifier: Apache-2.0 */
/* Stratified parts. A class's samples are put in a pseudo-random order of their own (a bijection,
 * no memory); its first ones go to validation, the next to training, and what a limit leaves over
 * to nobody. Shares are rounded over the running total, so that sums are exact. */
#include "data/split.h"

#include "base/memory.h"
#include "base/rng.h"

#include <string.h>

typedef struct stratum {
    int64_t n, rest;              /* samples; without the test fold */
    int64_t validation, training; /* of the rest */
    int64_t first_fold;           /* where its turn of folds starts */
    int64_t seen, seen_rest;
} stratum;

/* round(total_so_far * share), for running totals; share <= 1. */
static int64_t rounded(int64_t total, double share)
{
    int64_t r = (int64_t)((double)total * share + 0.5);
    return r < total ? r : total;
}

static bool in_test(const snug_split *s, const stratum *c, int number, int64_t rank)
{
    if (s->folds < 2) return false;
    uint64_t order =
        snug_permute((uint64_t)c->n, (uint64_t)rank, s->seed, RNG_FOLD, (uint64_t)number);
    return ((int64_t)order + c->first_fold) % s->folds == s->fold;
}

/* How many of n consecutive numbers from `first` on fall to the fold. */
static int64_t fold_size(int64_t n, int64_t first, const snug_split *s)
{
    int64_t whole = n / s->folds, left = n % s->folds;
    int64_t turn = (s->fold - first % s->folds + s->folds) % s->folds;
    return whole + (turn < left);
}

/* Sizes of every class's shares; the totals into size[]. */
static void share_out(const snug_split *s, stratum *c, int64_t size[SNUG_N_PARTS])
{
    int64_t before = 0, rest = 0, pool = 0, kept = 0;
    for (int i = 0; i < s->n_classes; i++) {
        c[i].first_fold = before;
        before += c[i].n;
        c[i].rest = c[i].n - (s->folds >= 2 ? fold_size(c[i].n, c[i].first_fold, s) : 0);
        c[i].validation = rounded(rest + c[i].rest, s->validation) - rounded(rest, s->validation);
        if (c[i].validation >= c[i].rest && c[i].rest > 0) c[i].validation = c[i].rest - 1;
        rest += c[i].rest;
        pool += c[i].rest - c[i].validation;
        size[SNUG_PART_VALIDATION] += c[i].validation;
    }
    double share = s->limit > 0 && s->limit < pool ? (double)s->limit / (double)pool : 1;
    for (int i = 0; i < s->n_classes; i++) {
        int64_t mine = c[i].rest - c[i].validation;
        c[i].training = rounded(kept + mine, share) - rounded(kept, share);
        kept += mine;
        size[SNUG_PART_TRAIN] += c[i].training;
    }
    size[SNUG_PART_TEST] = s->n - rest;
}

static snug_part part_of(const snug_split *s, stratum *c, int number)
{
    if (in_test(s, c, number, c->seen++)) return SNUG_PART_TEST;
    int64_t rank = c->seen_rest++;
    int64_t order = (int64_t)snug_permute((uint64_t)c->rest, (uint64_t)rank, s->seed, RNG_SPLIT,
                                          (uint64_t)number);
    if (order < c->validation) return SNUG_PART_VALIDATION;
    return order < c->validation + c->training ? SNUG_PART_TRAIN : SNUG_N_PARTS;
}

static snug_status fill(const snug_split *s, stratum *c, snug_index part[SNUG_N_PARTS])
{
    for (int64_t i = 0; i < s->n; i++) c[s->class_of ? s->class_of[i] : 0].n++;
    int64_t size[SNUG_N_PARTS] = {0};
    share_out(s, c, size);
    snug_index made[SNUG_N_PARTS] = {{0}};
    bool failed = false;
    for (int p = 0; p < SNUG_N_PARTS; p++) {
        made[p].at = snug_alloc_array(TAG_DATA, (size_t)size[p] + 1, sizeof *made[p].at);
        failed |= !made[p].at;
    }
    for (int64_t i = 0; i < s->n && !failed; i++) {
        int number = s->class_of ? s->class_of[i] : 0;
        snug_part p = part_of(s, &c[number], number);
        if (p < SNUG_N_PARTS) made[p].at[made[p].n++] = (uint32_t)i;
    }
    for (int p = 0; p < SNUG_N_PARTS; p++) {
        bool keep = !failed && (p != SNUG_PART_TEST || s->folds >= 2);
        if (keep)
            part[p] = made[p];
        else
            snug_free(made[p].at);
    }
    return failed ? snug_error_status() : SNUG_OK;
}

snug_status snug_split_make(const snug_split *s, snug_index part[SNUG_N_PARTS])
{
    if (s->validation <= 0 && s->folds < 2 && (s->limit <= 0 || s->limit >= s->n)) {
        part[SNUG_PART_TRAIN] = (snug_index){.n = s->n};
        part[SNUG_PART_VALIDATION] = (snug_index){0};
        return SNUG_OK;
    }
    stratum *c = snug_alloc_array(TAG_DATA, (size_t)s->n_classes, sizeof *c);
    if (!c) return snug_error_status();
    snug_status status = fill(s, c, part);
    snug_free(c);
    return status;
}

/* ---- windows --------------------------------------------------------------------------------- */

snug_index snug_windows_train(const snug_windows *w, int raw, int64_t begin, int64_t end)
{
    int64_t span = w->context + w->ahead, room = end - begin - span;
    snug_index x = {.raw = raw, .step = w->step, .first = begin, .last = end - span, .end = end};
    x.n = room >= 0 ? room / w->step + 1 : 0;
    return x;
}

snug_index snug_windows_eval(const snug_windows *w, int raw, int64_t begin, int64_t end)
{
    int64_t span = w->context + w->ahead, step = w->every ? w->context : w->ahead;
    if (!w->every) begin = begin > w->context ? begin - w->context : 0;
    snug_index x = {.raw = raw, .step = step ? step : 1, .first = begin, .end = end};
    x.last = end - span > begin ? end - span : begin;
    int64_t truths = end - begin - (w->every ? w->ahead : span - x.step);
    if (truths > 0) x.n = w->every ? (truths + x.step - 1) / x.step : truths / x.step;
    return x;
}
