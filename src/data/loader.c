/* SPDX-License-Identifier: Apache-2.0 */
/* The loader. Batch b of a pass goes into slot b modulo n_slots, so slots come round in order; one
 * thread fills the next slot as soon as it is free. Everything shared is changed under the gate;
 * while the thread fills a slot (busy), that slot and the pass are its own. */
#include "data/loader.h"

#include "base/memory.h"
#include "base/os_calls.h"
#include "base/rng.h"
#include "data/dataset.h"

typedef struct slot {
    bool full;
    int64_t n;
} slot;

struct snug_loader {
    snug_dataset *data;
    snug_loader_config config;
    snug_thread *thread;
    snug_os_gate *gate;
    void *buffer;   /* of raw records */
    int64_t *index; /* [batch] samples of the batch being filled */
    /* under the gate */
    snug_pass pass;
    int64_t n_batches, next_fill, next_wait;
    slot slot[SNUG_LOADER_MAX_SLOTS];
    bool busy, failed, stop;
    snug_error_copy error;
};

static int64_t batches(const snug_dataset *d, const snug_pass *pass, int64_t batch)
{
    int64_t n = d->info.n[pass->part];
    return pass->drop_last ? n / batch : (n + batch - 1) / batch;
}

int64_t snug_loader_batches(const snug_loader *l, const snug_pass *pass)
{
    return batches(l->data, pass, l->config.batch);
}

/* Samples of batch b of the pass, as numbers within its part; how many. */
static int64_t choose_samples(snug_loader *l, int64_t b)
{
    const snug_pass *pass = &l->pass;
    int64_t n = l->data->info.n[pass->part], first = b * l->config.batch;
    int64_t count = n - first < l->config.batch ? n - first : l->config.batch;
    for (int64_t i = 0; i < count; i++) {
        uint64_t at = (uint64_t)(first + i);
        if (pass->shuffle)
            at = snug_permute((uint64_t)n, at, pass->seed, RNG_SHUFFLE, (uint64_t)pass->epoch);
        l->index[i] = (int64_t)at;
    }
    return count;
}

static bool can_fill(const snug_loader *l)
{
    return !l->failed && l->next_fill < l->n_batches &&
           !l->slot[l->next_fill % l->config.n_slots].full;
}

/* Fill the next slot; the gate is open meanwhile. */
static void fill_next(snug_loader *l)
{
    int number = (int)(l->next_fill % l->config.n_slots);
    l->busy = true;
    snug_os_gate_unlock(l->gate);
    int64_t n = choose_samples(l, l->next_fill);
    const snug_batch out = {.buffer = l->buffer,
                            .x = l->config.x[number],
                            .y = l->config.y[number],
                            .lengths = l->config.lengths[number]};
    snug_status status = snug_dataset_fill(l->data, l->pass.part, n, l->index, &out);
    snug_os_gate_lock(l->gate);
    l->busy = false;
    if (status == SNUG_OK) {
        l->slot[number] = (slot){.full = true, .n = n};
        l->next_fill++;
    } else {
        l->failed = true;
        snug_error_take(&l->error);
    }
    snug_os_gate_wake(l->gate, 2);
}

static void loader_main(void *arg)
{
    snug_loader *l = arg;
    snug_os_gate_lock(l->gate);
    while (!l->stop) {
        if (can_fill(l))
            fill_next(l);
        else
            snug_os_gate_wait(l->gate);
    }
    snug_os_gate_unlock(l->gate);
}

static snug_status start(snug_loader *l)
{
    const snug_loader_config *c = &l->config;
    CHECK(c->batch > 0 && c->n_slots > 0 && c->n_slots <= SNUG_LOADER_MAX_SLOTS, SNUG_EINVAL,
          "a loader of %d slots of %" PRId64 " samples", c->n_slots, c->batch);
    l->index = snug_alloc_array(TAG_DATA, (size_t)c->batch, sizeof *l->index);
    l->buffer = snug_alloc(TAG_DATA, snug_dataset_buffer_bytes(l->data));
    if (!l->index || !l->buffer) return snug_error_status();
    l->gate = snug_os_gate_create();
    CHECK(l->gate, SNUG_ENOMEM, "out of memory for the loader");
    return snug_thread_start(loader_main, l, &l->thread);
}

snug_status snug_loader_create(snug_dataset *d, const snug_loader_config *config, snug_loader **out)
{
    snug_loader *l = snug_alloc(TAG_DATA, sizeof *l);
    if (!l) return snug_error_status();
    l->data = d;
    l->config = *config;
    snug_status status = start(l);
    if (status != SNUG_OK) snug_loader_destroy(l);
    TRY(status);
    *out = l;
    return SNUG_OK;
}

void snug_loader_destroy(snug_loader *l)
{
    if (!l) return;
    if (l->thread) {
        snug_os_gate_lock(l->gate);
        l->stop = true;
        snug_os_gate_wake(l->gate, 2);
        snug_os_gate_unlock(l->gate);
        snug_thread_join(l->thread);
    }
    if (l->gate) snug_os_gate_destroy(l->gate);
    snug_free(l->buffer);
    snug_free(l->index);
    snug_free(l);
}

snug_status snug_loader_begin(snug_loader *l, const snug_pass *pass)
{
    CHECK((unsigned)pass->part < SNUG_N_PARTS && pass->first_batch >= 0, SNUG_EINVAL,
          "a pass over part %d from batch %" PRId64, (int)pass->part, pass->first_batch);
    snug_os_gate_lock(l->gate);
    l->n_batches = 0; /* nothing more of the pass under way */
    while (l->busy) snug_os_gate_wait(l->gate);
    l->pass = *pass;
    l->failed = false;
    for (int i = 0; i < l->config.n_slots; i++) l->slot[i].full = false;
    l->next_fill = l->next_wait = pass->first_batch;
    l->n_batches = snug_loader_batches(l, pass);
    snug_os_gate_wake(l->gate, 2);
    snug_os_gate_unlock(l->gate);
    return SNUG_OK;
}

snug_status snug_loader_wait(snug_loader *l, int *out, int64_t *n)
{
    snug_os_gate_lock(l->gate);
    int number = (int)(l->next_wait % l->config.n_slots);
    bool more = l->next_wait < l->n_batches;
    while (more && !l->failed && l->next_fill <= l->next_wait) snug_os_gate_wait(l->gate);
    bool ready = more && l->next_fill > l->next_wait;
    if (ready) l->next_wait++;
    snug_os_gate_unlock(l->gate);
    if (more && !ready) return snug_error_give(&l->error);
    *out = number;
    *n = more ? l->slot[number].n : 0;
    return SNUG_OK;
}

void snug_loader_release(snug_loader *l, int number)
{
    snug_os_gate_lock(l->gate);
    l->slot[number].full = false;
    snug_os_gate_wake(l->gate, 2);
    snug_os_gate_unlock(l->gate);
}
