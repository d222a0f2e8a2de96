/* SPDX-License-Identifier: Apache-2.0 */
/* What a trained model says of every sample, by the kind of its target. */
#include "base/context.h"
#include "train/session.h"
#include <math.h>

/* Fields of a prediction from a sample's outputs (and the sample itself). */
typedef void reader(const snug_model *m, const float *outputs, const float *x, snug_prediction *p);

static void read_class(const snug_model *m, const float *outputs, const float *x,
                       snug_prediction *p)
{
    int64_t best = 0;
    (void)m, (void)x;
    for (int64_t k = 1; k < p->n_outputs; k++)
        if (outputs[k] > outputs[best]) best = k;
    p->class_index = best;
    p->class_name = p->names ? p->names[best] : NULL;
    p->value = (double)outputs[best];
}

static void read_first(const snug_model *m, const float *outputs, const float *x,
                       snug_prediction *p)
{
    (void)m, (void)x;
    p->value = (double)outputs[0];
}

static void read_anomaly(const snug_model *m, const float *outputs, const float *x,
                         snug_prediction *p)
{
    p->value = snug_anomaly_score(p->n_outputs, x, outputs);
    p->threshold = m->info.shape.threshold;
}

static reader *const readers[SNUG_N_TARGETS] = {
    [SNUG_TARGET_CLASS] = read_class,
    [SNUG_TARGET_VALUE] = read_first,
    [SNUG_TARGET_LABELS] = read_first,
    [SNUG_TARGET_SELF] = read_anomaly,
};

/* Who is told of each row. */
typedef struct listener {
    void (*each)(void *arg, const snug_prediction *p);
    void *arg;
    const char *const *names;
} listener;

static void tell_batch(const snug_model *m, snug_session *s, int64_t first, int64_t n,
                       const listener *to)
{
    const snug_model_shape *shape = &m->info.shape;
    const int64_t each = snug_shape_elements(&shape->outputs);
    const int64_t each_x = snug_shape_elements(&shape->sample.shape);
    const float *outputs = snug_exec_tensor(s->exec, SNUG_OUTPUTS).data;
    const float *x = snug_exec_tensor(s->exec, SNUG_X).data;
    for (int64_t i = 0; i < n; i++) {
        snug_prediction p = {.row = first + i,
                             .target = shape->target,
                             .class_index = -1,
                             .names = to->names,
                             .n_outputs = each,
                             .outputs = outputs + i * each,
                             .threshold = (double)NAN};
        readers[shape->target](m, p.outputs, x ? x + i * each_x : NULL, &p);
        to->each(to->arg, &p);
    }
}

static snug_status predict_batches(const snug_model *m, snug_session *s, const listener *to)
{
    const snug_exec_step step = {0};
    for (int64_t row = 0;;) {
        int64_t n;
        CHECK(!snug_context_interrupted(m->ctx), SNUG_EINTERRUPTED, "prediction interrupted");
        TRY(snug_exec_run(s->exec, &step, &n));
        if (n == 0) return SNUG_OK;
        tell_batch(m, s, row, n, to);
        row += n;
    }
}

snug_status snug_model_predict(snug_model *m, snug_dataset *d, snug_part part, int64_t batch,
                               void (*each)(void *arg, const snug_prediction *p), void *arg)
{
    const snug_data_info *info = snug_dataset_info(d);
    const bool value = m->info.shape.target == SNUG_TARGET_VALUE;
    const listener to = {each, arg, value ? info->value_names : info->class_names};
    snug_session s = {0};
    TRY(snug_model_check_data(m, info, false));
    CHECK(readers[m->info.shape.target], SNUG_EUNSUPPORTED,
          "model %s goes on with a text; give it the beginning of one (--prompt)", m->path);
    snug_status status = snug_session_open(&s, m, USE_PREDICT, batch, d, part);
    if (status == SNUG_OK) status = predict_batches(m, &s, &to);
    snug_session_close(&s);
    TRY(status);
    return SNUG_OK;
}
