/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps scores, sorts them by radix (nothing is allocated) and walks them from the highest. */
#include "train/scores.h"
#include <math.h>
#include <string.h>

enum { MIN_SHIFT = 12, MAX_SHIFT = 23, DIGITS = 256 };

/* Bits of 0.5f and 1.0f: floats that are not negative are ordered as their bits are. */
#define HALF ((uint32_t)0x3f000000)
#define ONE  ((uint32_t)0x3f800000)
#define MOST (2 * HALF + (uint32_t)0x40000000) /* the order of infinity */

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* NaN counts as the highest score, less than 0 as 0. */
static float sane(float score)
{
    if (!(score <= INFINITY)) return INFINITY;
    return score > 0 ? score : 0;
}

/* A whole number that grows with the score, as fine below 1 as it is above 0. */
static uint32_t order_of(float score)
{
    if (score < 0.5f) return bits_of(score);
    if (score <= 1.0f) return 2 * HALF - bits_of(1.0f - score);
    return 2 * HALF + (bits_of(score) - ONE);
}

static float score_of(uint32_t order)
{
    if (order < HALF) return from_bits(order);
    if (order <= 2 * HALF) return 1.0f - from_bits(2 * HALF - order);
    return from_bits(order - 2 * HALF + ONE);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static int64_t bins_of(int shift)
{
    return (int64_t)(MOST >> shift) + 1;
}

static snug_status make_room(snug_scores *s)
{
    const int64_t all = (s->n_columns + 1) * s->n_samples * (int64_t)sizeof(uint32_t);
    if (all <= SNUG_SCORES_BYTES) {
        s->key = snug_alloc_array(TAG_TRAIN, (size_t)(s->n_columns * s->n_samples), sizeof *s->key);
        s->spare = snug_alloc_array(TAG_TRAIN, (size_t)s->n_samples, sizeof *s->spare);
        return s->key && s->spare ? SNUG_OK : SNUG_ENOMEM;
    }
    s->shift = MIN_SHIFT;
    while (s->shift < MAX_SHIFT &&
           s->n_columns * bins_of(s->shift) * 2 * (int64_t)sizeof *s->count > SNUG_SCORES_BYTES)
        s->shift++;
    s->n_bins = bins_of(s->shift);
    s->count =
        snug_alloc_array(TAG_TRAIN, (size_t)(s->n_columns * s->n_bins), 2 * sizeof *s->count);
    return s->count ? SNUG_OK : SNUG_ENOMEM;
}

snug_status snug_scores_create(int64_t n_columns, int64_t n_samples, snug_scores **out)
{
    snug_scores *s = snug_alloc(TAG_TRAIN, sizeof *s);
    if (!s) return SNUG_ENOMEM;
    s->n_columns = n_columns;
    s->n_samples = n_samples > 0 ? n_samples : 1;
    const snug_status status = make_room(s);
    if (status != SNUG_OK) {
        snug_scores_destroy(s);
        return status;
    }
    if (s->key) memset(s->key, 0, (size_t)(n_columns * s->n_samples) * sizeof *s->key);
    if (s->spare) memset(s->spare, 0, (size_t)s->n_samples * sizeof *s->spare);
    snug_scores_reset(s);
    *out = s;
    return SNUG_OK;
}

void snug_scores_destroy(snug_scores *s)
{
    if (!s) return;
    snug_free(s->key);
    snug_free(s->count);
    snug_free(s->spare);
    snug_free(s);
}

void snug_scores_reset(snug_scores *s)
{
    if (s->count) memset(s->count, 0, (size_t)(s->n_columns * s->n_bins) * 2 * sizeof *s->count);
}

void snug_scores_put(snug_scores *s, int64_t column, int64_t sample, float score, bool positive)
{
    const float x = sane(score);
    if (s->key)
        s->key[column * s->n_samples + sample] = bits_of(x) << 1 | (uint32_t)positive;
    else
        s->count[(column * s->n_bins + (order_of(x) >> s->shift)) * 2 + positive]++;
}

/* ---- walking ----------------------------------------------------------------------------------
 */

/* By one digit of eight bits, equals in the order in which they come. */
static void sort_digit(const uint32_t *from, uint32_t *to, int64_t n, int digit)
{
    int64_t at[DIGITS] = {0}, sum = 0;
    for (int64_t i = 0; i < n; i++) at[from[i] >> 8 * digit & (DIGITS - 1)]++;
    for (int d = 0; d < DIGITS; d++) {
        const int64_t count = at[d];
        at[d] = sum;
        sum += count;
    }
    for (int64_t i = 0; i < n; i++) to[at[from[i] >> 8 * digit & (DIGITS - 1)]++] = from[i];
}

/* Samples of equal score, as one. */
typedef struct group {
    float score;
    int64_t negatives, positives;
} group;

typedef struct walk {
    const uint32_t *key, *count;
    int shift;
    int64_t left; /* samples or bins to come; the highest come first */
} walk;

static walk walk_column(snug_scores *s, int64_t column, int64_t n)
{
    if (!s->key)
        return (walk){
            .count = s->count + column * s->n_bins * 2, .shift = s->shift, .left = s->n_bins};
    uint32_t *key = s->key + column * s->n_samples;
    for (int digit = 0; digit < 4; digit += 2) {
        sort_digit(key, s->spare, n, digit);
        sort_digit(s->spare, key, n, digit + 1);
    }
    return (walk){.key = key, .left = n};
}

static bool next_bin(walk *w, group *g)
{
    while (w->left > 0) {
        const uint32_t *bin = w->count + --w->left * 2;
        if (bin[0] == 0 && bin[1] == 0) continue;
        *g = (group){score_of((uint32_t)w->left << w->shift), bin[0], bin[1]};
        return true;
    }
    return false;
}

static bool next_group(walk *w, group *g)
{
    if (!w->key) return next_bin(w, g);
    if (w->left == 0) return false;
    const uint32_t bits = w->key[w->left - 1] >> 1;
    *g = (group){.score = from_bits(bits)};
    for (; w->left > 0 && w->key[w->left - 1] >> 1 == bits; w->left--)
        *(w->key[w->left - 1] & 1 ? &g->positives : &g->negatives) += 1;
    return true;
}

snug_areas snug_scores_areas(snug_scores *s, int64_t column, int64_t n)
{
    const snug_above all = snug_scores_above(s, column, n, INFINITY);
    const double p = (double)all.all_positives, q = (double)all.all_negatives;
    double tp = 0, fp = 0, wins = 0, precision = 0; /* wins: twice the pairs in the right order */
    group g;
    if (p == 0) return (snug_areas){(double)NAN, (double)NAN};
    for (walk w = walk_column(s, column, n); next_group(&w, &g);) {
        const double up = (double)g.positives, side = (double)g.negatives;
        wins += side * (2 * tp + up);
        tp += up;
        fp += side;
        precision += up / p * (tp / (tp + fp));
    }
    return (snug_areas){q > 0 ? wins / (2 * p * q) : (double)NAN, precision};
}

snug_above snug_scores_above(snug_scores *s, int64_t column, int64_t n, float threshold)
{
    snug_above a = {0};
    group g;
    for (walk w = walk_column(s, column, n); next_group(&w, &g);) {
        a.all_negatives += g.negatives;
        a.all_positives += g.positives;
        if (!(g.score > threshold)) continue;
        a.negatives += g.negatives;
        a.positives += g.positives;
    }
    return a;
}

double snug_scores_quantile(snug_scores *s, int64_t column, int64_t n, double share)
{
    const int64_t all = snug_scores_above(s, column, n, INFINITY).all_negatives;
    double threshold = (double)NAN;
    int64_t left = all; /* negatives that score at most the group at hand */
    group g;
    for (walk w = walk_column(s, column, n); next_group(&w, &g);) {
        if (isfinite(threshold) && (double)left < share * (double)all) break;
        if (g.negatives > 0) threshold = (double)g.score;
        left -= g.negatives;
    }
    return threshold;
}
