/* SPDX-License-Identifier: Apache-2.0 */
/* Loader and executor share the stream slots: while a step reads one, the loader fills the other.
 */
#include "train/feed.h"
#include "train/model_graph.h"

static snug_status start(void *self, int slot)
{
    snug_loader_release(((snug_feed *)self)->loader, slot);
    return SNUG_OK;
}

static snug_status wait(void *self, int *slot, int64_t *n_samples)
{
    return snug_loader_wait(((snug_feed *)self)->loader, slot, n_samples);
}

static bool same_places(const snug_arena *a, const snug_plan *p, const snug_plan *q, int slot)
{
    static const char *const inputs[] = {SNUG_X, SNUG_Y, SNUG_LENGTHS};
    bool same = true;
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++)
        same = same &&
               snug_arena_stream(a, p, inputs[i], slot) == snug_arena_stream(a, q, inputs[i], slot);
    return same;
}

snug_status snug_feed_open(snug_dataset *d, const snug_arena *a, int n_plans,
                           snug_plan *const *plans, snug_feed *out)
{
    snug_loader_config config = {.batch = plans[0]->config.batch, .n_slots = SNUG_STREAM_SLOTS};
    for (int slot = 0; slot < SNUG_STREAM_SLOTS; slot++) {
        config.x[slot] = snug_arena_stream(a, plans[0], SNUG_X, slot);
        config.y[slot] = snug_arena_stream(a, plans[0], SNUG_Y, slot);
        config.lengths[slot] = snug_arena_stream(a, plans[0], SNUG_LENGTHS, slot);
        for (int i = 1; i < n_plans; i++)
            CHECK(same_places(a, plans[0], plans[i], slot), SNUG_EINVAL,
                  "plans that share a loader have their inputs at different places");
    }
    CHECK(config.x[0], SNUG_EINVAL, "the model does not depend on its input");
    return snug_loader_create(d, &config, &out->loader);
}

void snug_feed_close(snug_feed *f)
{
    snug_loader_destroy(f->loader);
    f->loader = NULL;
}

snug_effect_driver snug_feed_driver(snug_feed *f)
{
    return (snug_effect_driver){.op = "load", .self = f, .start = start, .wait = wait};
}

snug_tally_batch snug_exec_batch(snug_exec *e, int64_t n)
{
    const snug_tensor loss = snug_exec_tensor(e, SNUG_LOSS);
    return (snug_tally_batch){.n = n,
                              .loss = snug_load(&loss, 0),
                              .outputs = snug_exec_tensor(e, SNUG_OUTPUTS).data,
                              .x = snug_exec_tensor(e, SNUG_X).data,
                              .y = snug_exec_tensor(e, SNUG_Y).data};
}
