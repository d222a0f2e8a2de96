/* SPDX-License-Identifier: Apache-2.0 */
/* How good a trained model is on a part of some data. */
#include "base/context.h"
#include "base/os.h"
#include "train/session.h"
#include <string.h>

/* Metrics outlive the data set: names are copied into one block. */
static snug_status keep_names(snug_model *m, int64_t n_names, const char *const *names)
{
    const size_t n = names ? (size_t)n_names : 0;
    size_t bytes = n * sizeof(char *);
    for (size_t i = 0; i < n; i++) bytes += strlen(names[i]) + 1;
    char **block = snug_alloc(TAG_TRAIN, bytes > 0 ? bytes : 1);
    if (!block) return SNUG_ENOMEM;
    char *at = (char *)(block + n);
    for (size_t i = 0; i < n; i++) {
        const size_t length = strlen(names[i]) + 1;
        block[i] = memcpy(at, names[i], length);
        at += length;
    }
    snug_free(m->names);
    m->names = block;
    return SNUG_OK;
}

static snug_status make_tally(snug_model *m, const snug_data_info *info, snug_part part)
{
    snug_tally_destroy(m->tally);
    snug_scores_destroy(m->scores);
    m->tally = NULL;
    m->scores = NULL;
    TRY(snug_tally_scores(info, info->n[part], &m->scores));
    TRY(snug_tally_create(info, m->scores, &m->tally));
    TRY(keep_names(m, m->tally->n_classes, m->tally->class_names));
    if (m->tally->class_names) m->tally->class_names = (const char *const *)m->names;
    m->tally->threshold = m->info.shape.threshold;
    return SNUG_OK;
}

static snug_status eval_batches(const snug_model *m, snug_session *s)
{
    const snug_exec_step step = {0};
    for (;;) {
        int64_t n;
        CHECK(!snug_context_interrupted(m->ctx), SNUG_EINTERRUPTED, "evaluation interrupted");
        TRY(snug_exec_run(s->exec, &step, &n));
        if (n == 0) return SNUG_OK;
        const snug_tally_batch b = snug_exec_batch(s->exec, n);
        snug_tally_add(m->tally, &b);
    }
}

snug_status snug_model_eval(snug_model *m, snug_dataset *d, snug_part part, int64_t batch,
                            snug_metrics *out)
{
    const snug_data_info *info = snug_dataset_info(d);
    const double began = snug_now();
    snug_session s = {0};
    TRY(snug_model_check_data(m, info, true));
    TRY(make_tally(m, info, part));
    snug_status status = snug_session_open(&s, m, USE_EVAL, batch, d, part);
    if (status == SNUG_OK) status = eval_batches(m, &s);
    snug_session_close(&s);
    TRY(status);
    snug_tally_metrics(m->tally, snug_now() - began, out);
    return SNUG_OK;
}
