/* SPDX-License-Identifier: Apache-2.0 */
/* Classes: which labels there are, in natural order, and the class of every sample. */
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>

/* Text codes from the target cells of n rows. */
static void codes_of_rows(const snug_table *t, const double *row, int64_t n, int32_t *out)
{
    int slot = t->column[t->target[0]].slot;
    for (int64_t i = 0; i < n; i++) out[i] = (int32_t)row[i * t->n_slots + slot];
}

snug_status snug_dataset_labels(snug_dataset *d, snug_raw_part part, int32_t *out)
{
    snug_source *s = d->source;
    if (s->n[part] == 0) return SNUG_OK;
    if (s->labels) return s->labels(s, part, 0, s->n[part], out);
    int64_t at_once = snug_dataset_capacity(d);
    for (int64_t i = 0; i < s->n[part]; i += at_once) {
        int64_t n = s->n[part] - i < at_once ? s->n[part] - i : at_once;
        TRY(s->read(s, part, i, n, d->buffer));
        codes_of_rows(s->table, d->buffer, n, out + i);
    }
    return SNUG_OK;
}

static int compare_names(const void *a, const void *b)
{
    return snug_natural_compare(*(const char *const *)a, *(const char *const *)b);
}

snug_status snug_learn_classes(snug_dataset *d, const int32_t *labels, int64_t n)
{
    const char *const *names = NULL;
    int n_labels = snug_source_labels(d->source, &names), n_classes = 0, n_seen = 0;
    const char **found = snug_bump_alloc(d->bump, ((size_t)n_labels + 1) * sizeof *found);
    bool *seen = snug_bump_alloc(d->bump, (size_t)n_labels + 1);
    if (!found || !seen) return snug_error_status();
    for (int64_t i = 0; i < n; i++) seen[labels[i]] = true;
    for (int i = 0; i < n_labels; i++) {
        n_seen += seen[i];
        if (seen[i] || d->source->all_labels) found[n_classes++] = names[i];
    }
    qsort(found, (size_t)n_classes, sizeof *found, compare_names);
    CHECK(n > 1, SNUG_EINVAL, "there is one sample alone, of class '%.60s'; classes need more",
          names[labels[0]]);
    CHECK(n_seen > 1, SNUG_EINVAL,
          "all %" PRId64 " samples are of class '%.60s': there is nothing to tell apart", n,
          names[labels[0]]);
    CHECK(n_classes <= SNUG_MAX_CLASSES, SNUG_EINVAL,
          "%d classes, at most %d can be; is the target (%s) a class at all?", n_classes,
          SNUG_MAX_CLASSES, found[0]);
    d->spec.classes = found;
    d->spec.n_classes = n_classes;
    return SNUG_OK;
}

snug_status snug_labels_to_classes(snug_dataset *d, snug_raw_part part, int32_t *labels, int64_t n)
{
    const int32_t *class_of = NULL;
    const char *const *names = NULL;
    TRY(snug_class_map(&d->spec, d->source, d->bump, &class_of));
    snug_source_labels(d->source, &names);
    for (int64_t i = 0; i < n; i++) {
        int32_t c = class_of[labels[i]];
        CHECK(c >= 0, SNUG_EINVAL,
              "sample %" PRId64 "%s is of class '%.60s', which is not one of the %d known (%.60s, "
              "%.60s%s)",
              i,
              part == RAW_TEST         ? " of the test part"
              : part == RAW_VALIDATION ? " of the validation part"
                                       : "",
              names[labels[i]], d->spec.n_classes, d->spec.classes[0],
              d->spec.classes[d->spec.n_classes - 1], d->spec.n_classes > 2 ? ", ..." : "");
        labels[i] = c;
    }
    return SNUG_OK;
}
