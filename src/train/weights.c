/* SPDX-License-Identifier: Apache-2.0 */
/* The persistent values of a run as named tensors in name order: what models, checkpoints and
 * digests are made of. */
#include "base/sha256.h"
#include "train/trainer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "files and digests hold little-endian numbers; this build would write its own order"
#endif

static int by_name(const void *a, const void *b)
{
    return strcmp(((const snug_named_tensor *)a)->name, ((const snug_named_tensor *)b)->name);
}

snug_status snug_weights_list(const snug_arena *a, bool all, snug_weights *out)
{
    const snug_persistent *p = a->persistent;
    snug_weights w = {
        .list = snug_alloc_array(TAG_TRAIN, (size_t)(p->n > 0 ? p->n : 1), sizeof *w.list)};
    if (!w.list) return SNUG_ENOMEM;
    for (int32_t i = 0; i < p->n; i++) {
        const snug_persistent_entry *e = &p->entry[i];
        if (!all && e->role == SNUG_ROLE_STATE) continue;
        w.list[w.n++] = (snug_named_tensor){
            .name = e->name, .tensor = {.data = a->base + e->offset, .type = e->type}};
    }
    qsort(w.list, (size_t)w.n, sizeof *w.list, by_name);
    *out = w;
    return SNUG_OK;
}

void snug_weights_digest(const snug_weights *w, char hex[65])
{
    snug_sha256 h;
    snug_sha256_begin(&h);
    for (int i = 0; i < w->n; i++) {
        const snug_tensor *t = &w->list[i].tensor;
        snug_sha256_add(&h, t->data, snug_type_bytes(&t->type));
    }
    snug_sha256_end(&h, hex);
}

static bool all_finite(const snug_tensor *t)
{
    const int64_t n = snug_shape_elements(&t->type.shape);
    if (t->type.dtype == SNUG_F32) {
        const float *x = t->data;
        bool finite = true;
        for (int64_t i = 0; i < n; i++) finite &= isfinite(x[i]) != 0;
        return finite;
    }
    if (!snug_dtype_get(t->type.dtype)->is_float) return true;
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(snug_load(t, i))) return false;
    return true;
}

snug_status snug_weights_check_finite(const snug_weights *w, int64_t step)
{
    for (int i = 0; i < w->n; i++)
        CHECK(all_finite(&w->list[i].tensor), SNUG_ENUMERIC,
              "after step %" PRId64 " '%s' holds NaN or infinity, and is not saved: lower "
              "train.learning_rate or set train.clip_norm",
              step, w->list[i].name);
    return SNUG_OK;
}
