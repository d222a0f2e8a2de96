/* SPDX-License-Identifier: Apache-2.0 */
/* The feed: a loader that fills a plan's stream slots, and the effect through which the executor
 * takes them. */
#ifndef TRAIN_FEED_H
#define TRAIN_FEED_H

#include "data/loader.h"
#include "run/exec.h"
#include "train/metrics.h"

typedef struct snug_feed {
    snug_loader *loader; /* NULL: closed */
} snug_feed;

/* One feed serves all of the plans: their inputs must lie at the same places. */
snug_status snug_feed_open(snug_dataset *d, const snug_arena *a, int n_plans,
                           snug_plan *const *plans, snug_feed *out) SNUG_MUST_USE;
void snug_feed_close(snug_feed *f);
/* What the executor needs of it; the feed must stay where it is. */
snug_effect_driver snug_feed_driver(snug_feed *f);

/* What a step of n samples has left for a tally. Its samples are still there: the executor hands
 * the slot back when the next step begins. */
snug_tally_batch snug_exec_batch(snug_exec *e, int64_t n);

#endif
