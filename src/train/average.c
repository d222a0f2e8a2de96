/* SPDX-License-Identifier: Apache-2.0 */
/* Averages of weights, appended to graphs and put in the weights' place. */
#include "train/average.h"
#include <string.h>

#define SUFFIX "." SNUG_AVERAGE

bool snug_average_wanted(const snug_recipe *r)
{
    return r->train.ema > 0 || r->train.swa_start > 0;
}

static bool is_averaged(const snug_value *v)
{
    const bool model = v->role == SNUG_ROLE_PARAM || v->role == SNUG_ROLE_BUFFER;
    return model && v->assigned_by && snug_dtype_get(v->type.dtype)->is_float;
}

static snug_status append_one(snug_graph *g, const snug_value *v, snug_value *share)
{
    const snug_op *op = snug_graph_find_op(g, "average_update");
    char *name = snug_bump_printf(g->bump, "%s" SUFFIX, v->name);
    if (!name) return SNUG_ENOMEM;
    snug_value *average = snug_state(g, name, v->type, (snug_init){.kind = SNUG_INIT_ZERO});
    snug_value *in[] = {average, v->assigned_by, share}, *out[SNUG_MAX_OUT];
    TRY(snug_apply_all(g, op, NULL, NULL, 3, in, out));
    snug_assign(g, average, out[0]);
    return SNUG_OK;
}

snug_status snug_average_append(snug_graph *g)
{
    const snug_type one = {.dtype = SNUG_F32};
    snug_value *share = snug_input(g, SNUG_AVERAGE, one);
    const int32_t n = g->n_values;
    for (int32_t i = 0; i < n; i++)
        if (is_averaged(g->values[i])) TRY(append_one(g, g->values[i], share));
    return snug_graph_check(g);
}

/* Early steps are forgotten sooner, so that an average does not drag the initial weights along. */
static double ema_share(const snug_trainer *t)
{
    const double step = (double)t->progress.step, early = step / (step + 10.0);
    const double decay = t->recipe->train.ema;
    return 1.0 - (decay < early ? decay : early);
}

/* Of the n-th epoch's end 1 / n, of other steps nothing. */
static double swa_share(snug_trainer *t)
{
    const snug_progress *p = &t->progress;
    const bool end = p->batch + 1 == t->report.steps_per_epoch;
    if (!end || p->epoch + 1 < t->recipe->train.swa_start) return 0;
    return 1.0 / (double)(p->averaged + 1);
}

void snug_average_begin_step(snug_trainer *t)
{
    if (!snug_average_wanted(t->recipe)) return;
    const double share = t->recipe->train.ema > 0 ? ema_share(t) : swa_share(t);
    *(float *)snug_exec_tensor(t->train_exec, SNUG_AVERAGE).data = (float)share;
    if (share > 0) t->progress.averaged++;
}

static void swap_bytes(char *a, char *b, size_t n)
{
    char block[4096];
    for (size_t at = 0; at < n; at += sizeof block) {
        const size_t some = n - at < sizeof block ? n - at : sizeof block;
        memcpy(block, a + at, some);
        memcpy(a + at, b + at, some);
        memcpy(b + at, block, some);
    }
}

void snug_average_swap(snug_trainer *t)
{
    if (t->progress.averaged == 0) return;
    const size_t suffix = strlen(SUFFIX);
    for (int32_t i = 0; i < t->persistent.n; i++) {
        const snug_persistent_entry *e = &t->persistent.entry[i];
        const size_t n = strlen(e->name);
        if (e->role != SNUG_ROLE_STATE || n <= suffix || strcmp(e->name + n - suffix, SUFFIX) != 0)
            continue;
        for (int32_t k = 0; k < t->persistent.n; k++) {
            const snug_persistent_entry *w = &t->persistent.entry[k];
            if (strncmp(w->name, e->name, n - suffix) == 0 && w->name[n - suffix] == '\0')
                swap_bytes(t->arena.base + w->offset, t->arena.base + e->offset,
                           snug_type_bytes(&e->type));
        }
    }
    snug_arena_changed(&t->arena);
}
