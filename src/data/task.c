/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be learned: the source's own target, or what data.task makes of its samples
 * (themselves again, what follows them). */
#include "data/dataset.h"

#include "data/target.h"

#include <string.h>

#define DEFAULT_CONTEXT 64
#define MAX_CONTEXT     (1 << 20)

static bool is_task(const snug_data_config *config, const char *name)
{
    return config->task && strcmp(config->task, name) == 0;
}

static snug_status check_task(const snug_data_config *config)
{
    static const char *const tasks[] = {"class", "value", "labels", "reconstruct", "forecast"};
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        if (!config->task || is_task(config, tasks[i])) return SNUG_OK;
    return FAIL(SNUG_EINVAL,
                "data.task is class, value, labels, reconstruct or forecast, not '%.40s'",
                config->task);
}

static snug_status check_windows(const snug_data_config *c)
{
    CHECK(c->context >= 0 && c->context <= MAX_CONTEXT, SNUG_EINVAL,
          "data.context must be 1 to %d, not %" PRId64, MAX_CONTEXT, c->context);
    CHECK(c->horizon >= 0 && c->horizon <= SNUG_MAX_TARGETS, SNUG_EINVAL,
          "data.horizon must be 1 to %d, not %" PRId64, SNUG_MAX_TARGETS, c->horizon);
    CHECK(c->stride >= 0, SNUG_EINVAL, "data.stride must be 0 or more, not %" PRId64, c->stride);
    CHECK(c->folds == 0, SNUG_EUNSUPPORTED,
          "windows of time are not cut into folds; set data.validation instead of data.folds");
    return SNUG_OK;
}

static snug_status use_windows(snug_dataset *d, const snug_data_config *config)
{
    snug_spec *s = &d->spec;
    snug_windows *w = &d->windows;
    TRY(check_windows(config));
    bool text = s->kind == SNUG_DATA_TEXT, learn = !config->spec;
    int64_t context = config->context ? config->context : DEFAULT_CONTEXT;
    if (learn) s->sample.dim[0] = context;
    if (learn && !text) s->horizon = config->horizon ? config->horizon : 1;
    *w = (snug_windows){.context = s->sample.dim[0],
                        .ahead = config->no_target ? 0
                                 : text            ? 1
                                                   : s->horizon,
                        .step = config->stride ? config->stride
                                : text         ? s->sample.dim[0]
                                               : 1,
                        .every = text};
    d->span = w->context + w->ahead;
    size_t bytes;
    CHECK(snug_size_mul((size_t)d->span, d->source->record_bytes, &bytes) &&
              bytes <= (size_t)SNUG_MAX_IMAGE_BYTES,
          SNUG_EINVAL, "windows of %" PRId64 " records of %zu bytes are beyond reason", d->span,
          d->source->record_bytes);
    return SNUG_OK;
}

/* The task that a spec was learned for, or that the config asks for. */
static snug_status choose_target(snug_dataset *d, const snug_data_config *config)
{
    snug_spec *s = &d->spec;
    bool self = is_task(config, "reconstruct"), text = s->kind == SNUG_DATA_TEXT;
    CHECK(!text || !config->task, SNUG_EINVAL,
          "text is learned by its next character; leave out data.task (%s)", config->task);
    if (is_task(config, "forecast")) {
        CHECK(d->source->table, SNUG_EUNSUPPORTED,
              "a forecast (data.task) is made from a table whose rows follow each other in time");
        s->kind = SNUG_DATA_SERIES;
        s->target = SNUG_TARGET_VALUE;
        s->sample.n_dims = 2; /* [context, features], once columns are learned */
    } else if (text) {
        s->target = SNUG_TARGET_TOKENS;
        s->sample = (snug_shape){.n_dims = 1};
    } else {
        s->target = self ? SNUG_TARGET_SELF : d->source->target;
    }
    return SNUG_OK;
}

snug_status snug_dataset_task(snug_dataset *d, const snug_data_config *config)
{
    d->span = 1;
    TRY(check_task(config));
    if (!config->spec) TRY(choose_target(d, config));
    CHECK(d->spec.target == SNUG_TARGET_SELF || (!config->anomalies && !config->normal),
          SNUG_EINVAL, "data.anomalies and data.normal go with data.task: reconstruct");
    CHECK(
        !config->anomalies || !config->normal, SNUG_EINVAL,
        "anomalies are a data set (data.anomalies) or all classes but one (data.normal), not both");
    bool rows = d->spec.kind == SNUG_DATA_SERIES && d->source->table;
    return rows || d->spec.kind == SNUG_DATA_TEXT ? use_windows(d, config) : SNUG_OK;
}
