/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of texts: each token that follows counts alike, whatever the sample; a truth of -1 is not
 * counted. perplexity = exp(loss); bits_per_char = loss / ln 2, which is a character's where tokens
 * are characters. */
#include "train/metrics.h"
#include <math.h>

enum { COUNTS = TALLY_LOSS + 1 };
enum { JUDGED, RIGHT, N_COUNTS };

static snug_status create(snug_tally *t, const snug_data_info *info)
{
    (void)info;
    t->places = t->sample_elements;
    return snug_tally_add_block(t, "snug.tally.tokens", SNUG_I64, 1, N_COUNTS);
}

/* outputs: the likeliest token of each place, i32 [n, T]. */
static double add(snug_tally *t, const snug_tally_batch *b)
{
    const int32_t *guess = b->outputs, *y = b->y;
    int64_t *count = snug_tally_counts(t, COUNTS), tokens = 0;
    for (int64_t i = 0; i < b->n * t->sample_elements; i++) {
        if (y[i] < 0) continue;
        tokens++;
        if (guess) count[RIGHT] += guess[i] == y[i];
    }
    if (guess) count[JUDGED] += tokens;
    return (double)tokens;
}

static bool sound(const snug_tally *t)
{
    const int64_t *count = snug_tally_counts(t, COUNTS);
    return count[RIGHT] >= 0 && count[RIGHT] <= count[JUDGED];
}

static bool judged(const snug_tally *t)
{
    return snug_tally_counts(t, COUNTS)[JUDGED] > 0;
}

static double accuracy(const snug_tally *t)
{
    const int64_t *count = snug_tally_counts(t, COUNTS);
    return snug_tally_ratio(count[RIGHT], count[JUDGED]);
}

static double mean_loss(const snug_tally *t)
{
    const double *sum = snug_tally_sums(t, TALLY_LOSS);
    return sum[1] > 0 ? sum[0] / sum[1] : (double)NAN;
}

static double perplexity(const snug_tally *t)
{
    return exp(mean_loss(t));
}

static double bits_per_char(const snug_tally *t)
{
    return mean_loss(t) / 0.69314718055994530942;
}

const snug_tally_kind snug_tally_tokens = {
    .target = SNUG_TARGET_TOKENS, .create = create, .add = add, .sound = sound};

const snug_metric_info snug_metric_tokens_accuracy = {
    .name = "accuracy",
    .doc = "texts: share of tokens that were the likeliest",
    .target = SNUG_TARGET_TOKENS,
    .share = true,
    .value = accuracy,
    .applies = judged};
const snug_metric_info snug_metric_tokens_perplexity = {
    .name = "perplexity", .doc = "exp(loss)", .target = SNUG_TARGET_TOKENS, .value = perplexity};
const snug_metric_info snug_metric_tokens_bits_per_char = {.name = "bits_per_char",
                                                           .doc = "loss / ln 2",
                                                           .target = SNUG_TARGET_TOKENS,
                                                           .value = bits_per_char};
