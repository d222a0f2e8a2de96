/* SPDX-License-Identifier: Apache-2.0 */
/* The asynchronous loader: one thread that fills slots ahead of the step that uses them. Its
 * buffers belong to the plan; it allocates nothing after creation. Batches come in order; which
 * samples a batch holds is a function of (seed, epoch, batch number) alone, so a pass can begin at
 * any batch. */
#ifndef DATA_LOADER_H
#define DATA_LOADER_H

#include "base/pool.h"
#include <snug/data.h>

#define SNUG_LOADER_MAX_SLOTS 8

typedef struct snug_loader snug_loader;

typedef struct snug_loader_config {
    int64_t batch;
    int n_slots;
    void *x[SNUG_LOADER_MAX_SLOTS];          /* [batch, sample] */
    void *y[SNUG_LOADER_MAX_SLOTS];          /* [batch, truth]; NULL: not wanted */
    int32_t *lengths[SNUG_LOADER_MAX_SLOTS]; /* [batch]; NULL: not wanted */
    const char *augment;                     /* reserved: NULL */
} snug_loader_config;

snug_status snug_loader_create(snug_dataset *d, const snug_loader_config *config,
                               snug_loader **out) SNUG_MUST_USE;
void snug_loader_destroy(snug_loader *l);

typedef struct snug_pass {
    snug_part part;
    bool shuffle, drop_last;
    uint64_t seed;
    int64_t epoch, first_batch;
} snug_pass;

int64_t snug_loader_batches(const snug_loader *l, const snug_pass *pass); /* in a whole pass */
/* Begin a pass: whatever was under way is dropped, slots fill from first_batch on. */
snug_status snug_loader_begin(snug_loader *l, const snug_pass *pass) SNUG_MUST_USE;
/* The next batch: its slot and its samples; n 0 after the last. The read error of the loader's
 * thread comes out here. */
snug_status snug_loader_wait(snug_loader *l, int *slot, int64_t *n) SNUG_MUST_USE;
/* The slot may be filled again. */
void snug_loader_release(snug_loader *l, int slot);

#endif
