/* SPDX-License-Identifier: Apache-2.0 */
/* Trained models: a file opened, checked and put to use. What an evaluation or a prediction needs
 * (graph, plan, arena, loader) is made for its batch and dropped after it. */
#include "base/context.h"
#include "base/file.h"
#include "base/os.h"
#include "data/target.h"
#include "train/feed.h"
#include "train/metrics.h"
#include "train/model_file.h"
#include <stdio.h>
#include <string.h>

#define DEFAULT_BATCH 64

struct snug_model {
    snug_context *ctx;
    char *path;
    snug_safetensors *file;
    snug_model_info info;
    snug_layer_list *layers;
    snug_device device;
    int64_t parameters;
    snug_tally *tally; /* of the last evaluation */
    snug_scores *scores;
    char **class_names; /* likewise; one block */
};

/* ---- opening ----------------------------------------------------------------------------------
 */

static snug_status build(const snug_model *m, snug_use use, int64_t batch, snug_persistent *p,
                         snug_built *out)
{
    const snug_plan_config config = {.batch = batch,
                                     .leaves = snug_default_leaves(batch),
                                     .n_micro = 1,
                                     .threads = snug_context_threads(m->ctx),
                                     .device = &m->device};
    return snug_build(&m->info.shape, NULL, use, &config, p, out);
}

static snug_status check_tensor(const snug_model *m, const snug_persistent_entry *e)
{
    char want[SNUG_SHAPE_TEXT], have[SNUG_SHAPE_TEXT];
    for (int i = 0; i < snug_safetensors_count(m->file); i++) {
        if (strcmp(snug_safetensors_name(m->file, i), e->name) != 0) continue;
        const snug_type t = snug_safetensors_type(m->file, i);
        CHECK(t.dtype == e->type.dtype && snug_shape_equal(&t.shape, &e->type.shape), SNUG_EFORMAT,
              "%s: tensor '%s' is %s %s, the model's layers need %s %s", m->path, e->name,
              snug_dtype_get(t.dtype)->name, snug_shape_text(&t.shape, have, sizeof have),
              snug_dtype_get(e->type.dtype)->name,
              snug_shape_text(&e->type.shape, want, sizeof want));
        return SNUG_OK;
    }
    return FAIL(SNUG_EFORMAT, "%s: the model's layers need a tensor '%s', which is not there",
                m->path, e->name);
}

/* The layers as a graph: this finds lists that make none, and weights that are not in the file (so
 * that no memory is asked for on a file's word). */
static snug_status check_layers(snug_model *m)
{
    snug_persistent p = {0};
    snug_built b = {0};
    snug_status s = build(m, USE_PREDICT, 1, &p, &b);
    for (int32_t i = 0; s == SNUG_OK && i < p.n; i++) {
        s = check_tensor(m, &p.entry[i]);
        if (p.entry[i].role == SNUG_ROLE_PARAM)
            m->parameters += snug_shape_elements(&p.entry[i].type.shape);
    }
    snug_built_free(&b);
    snug_persistent_free(&p);
    return s;
}

static snug_status open_file(snug_model *m, const char *path)
{
    snug_str file = {0};
    snug_str_add(&file, path);
    if (snug_path_is_dir(path)) snug_str_add(&file, "/model.safetensors");
    TRY(snug_str_check(&file));
    m->path = file.text;
    CHECK(snug_path_exists(m->path), SNUG_ENOENT, "there is no model at %s", m->path);
    TRY(snug_safetensors_open(m->path, &m->file));
    TRY(snug_safetensors_verify(m->file));
    TRY(snug_model_file_parse(m->path, m->file, &m->info, &m->layers));
    TRY(snug_device_find("cpu")->open(m->ctx, 0, &m->device));
    return check_layers(m);
}

snug_status snug_model_open(snug_context *ctx, const char *path, snug_model **out)
{
    snug_model *m = snug_alloc(TAG_TRAIN, sizeof *m);
    if (!m) return SNUG_ENOMEM;
    m->ctx = ctx;
    const snug_status s = open_file(m, path);
    if (s != SNUG_OK) {
        snug_model_close(m);
        TRY(s);
    }
    *out = m;
    return SNUG_OK;
}

void snug_model_close(snug_model *m)
{
    if (!m) return;
    if (m->device.driver) m->device.driver->close(&m->device);
    snug_safetensors_close(m->file);
    snug_layers_free(m->layers);
    snug_tally_destroy(m->tally);
    snug_scores_destroy(m->scores);
    snug_free(m->class_names);
    snug_free(m->path);
    snug_free(m);
}

const char *snug_model_name(const snug_model *m)
{
    return m->info.name;
}

int64_t snug_model_parameters(const snug_model *m)
{
    return m->parameters;
}

const char *snug_model_data_path(const snug_model *m)
{
    return m->info.data_path;
}

const char *snug_model_spec(const snug_model *m)
{
    return m->info.spec;
}

/* ---- a session: one pass through data ---------------------------------------------------------
 */

typedef struct session {
    snug_persistent persistent;
    snug_built built;
    snug_arena arena;
    snug_feed feed;
    snug_exec *exec;
} session;

static void session_close(session *s)
{
    snug_feed_close(&s->feed);
    snug_exec_destroy(s->exec);
    snug_arena_destroy(&s->arena);
    snug_built_free(&s->built);
    snug_persistent_free(&s->persistent);
}

static snug_status read_weights(snug_model *m, const session *s)
{
    for (int32_t i = 0; i < s->persistent.n; i++) {
        const snug_tensor t = snug_arena_tensor(&s->arena, s->persistent.entry[i].name);
        TRY(snug_safetensors_read(m->file, s->persistent.entry[i].name, &t));
    }
    return SNUG_OK;
}

static snug_status session_open(session *s, snug_model *m, snug_dataset *d, snug_use use,
                                const snug_pass *pass, int64_t batch)
{
    char text[32];
    TRY(build(m, use, batch > 0 ? batch : DEFAULT_BATCH, &s->persistent, &s->built));
    const size_t bytes = snug_arena_size(&s->persistent, 1, &s->built.plan);
    CHECK(bytes <= snug_os_memory(), SNUG_ENOMEM,
          "%s at a batch of %" PRId64 " needs %s, more than this machine has; use a smaller batch",
          m->path, s->built.plan->config.batch, snug_format_size((double)bytes, text, sizeof text));
    TRY(snug_arena_create(&s->persistent, 1, &s->built.plan, &s->arena));
    TRY(read_weights(m, s));
    TRY(snug_feed_open(d, &s->arena, 1, &s->built.plan, &s->feed));
    const snug_effect_driver load = snug_feed_driver(&s->feed);
    TRY(snug_exec_create(m->ctx, s->built.plan, &s->arena, 1, &load, &s->exec));
    return snug_loader_begin(s->feed.loader, pass);
}

static snug_status check_data(const snug_model *m, const snug_data_info *info, bool truth)
{
    char want[SNUG_SHAPE_TEXT], have[SNUG_SHAPE_TEXT];
    const snug_model_shape *shape = &m->info.shape;
    CHECK(snug_shape_equal(&info->sample, &shape->sample.shape) &&
              info->sample_dtype == shape->sample.dtype,
          SNUG_ESHAPE, "the data's samples are %s, model %s was made for %s",
          snug_shape_text(&info->sample, have, sizeof have), m->path,
          snug_shape_text(&shape->sample.shape, want, sizeof want));
    CHECK(!truth || info->target != SNUG_TARGET_NONE, SNUG_EINVAL,
          "the data has no target to compare with; predict instead");
    CHECK(!truth || info->target == shape->target, SNUG_ESHAPE,
          "the data's target is of kind %s, model %s predicts the kind %s; open the data with the "
          "model's spec",
          snug_target_name(info->target), m->path, snug_target_name(shape->target));
    CHECK(!truth || snug_shape_equal(&info->outputs, &shape->outputs), SNUG_ESHAPE,
          "the data needs outputs of %s, model %s makes %s; open the data with the model's spec",
          snug_shape_text(&info->outputs, have, sizeof have), m->path,
          snug_shape_text(&shape->outputs, want, sizeof want));
    return SNUG_OK;
}

/* ---- evaluating -------------------------------------------------------------------------------
 */

/* Metrics outlive the data set: names are copied into one block. */
static snug_status keep_class_names(snug_model *m, const snug_data_info *info)
{
    const size_t n = info->class_names ? (size_t)info->n_classes : 0;
    size_t bytes = n * sizeof(char *);
    for (size_t i = 0; i < n; i++) bytes += strlen(info->class_names[i]) + 1;
    char **block = snug_alloc(TAG_TRAIN, bytes > 0 ? bytes : 1);
    if (!block) return SNUG_ENOMEM;
    char *at = (char *)(block + n);
    for (size_t i = 0; i < n; i++) {
        const size_t length = strlen(info->class_names[i]) + 1;
        block[i] = memcpy(at, info->class_names[i], length);
        at += length;
    }
    snug_free(m->class_names);
    m->class_names = block;
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
    TRY(keep_class_names(m, info));
    if (m->tally->class_names) m->tally->class_names = (const char *const *)m->class_names;
    return SNUG_OK;
}

static snug_status eval_batches(const snug_model *m, session *s)
{
    snug_exec_step step = {0};
    for (;;) {
        int64_t n;
        CHECK(!snug_context_interrupted(m->ctx), SNUG_EINTERRUPTED, "evaluation interrupted");
        TRY(snug_exec_run(s->exec, &step, &n));
        if (n == 0) return SNUG_OK;
        const snug_tally_batch b = snug_exec_batch(s->exec, n);
        snug_tally_add(m->tally, &b);
        step.skip_prologue = true;
    }
}

snug_status snug_model_eval(snug_model *m, snug_dataset *d, snug_part part, int64_t batch,
                            snug_metrics *out)
{
    const snug_data_info *info = snug_dataset_info(d);
    const snug_pass pass = {.part = part};
    const double began = snug_now();
    session s = {0};
    TRY(check_data(m, info, true));
    TRY(make_tally(m, info, part));
    snug_status status = session_open(&s, m, d, USE_EVAL, &pass, batch);
    if (status == SNUG_OK) status = eval_batches(m, &s);
    session_close(&s);
    TRY(status);
    snug_tally_metrics(m->tally, snug_now() - began, out);
    return SNUG_OK;
}

/* ---- predicting -------------------------------------------------------------------------------
 */

static snug_prediction read_prediction(const snug_model *m, const snug_data_info *info, int64_t row,
                                       const float *outputs)
{
    const int64_t n = snug_model_outputs(&m->info.shape);
    if (m->info.shape.target == SNUG_TARGET_VALUE)
        return (snug_prediction){.row = row, .class_index = -1, .value = (double)outputs[0]};
    int64_t best = 0;
    for (int64_t k = 1; k < n; k++)
        if (outputs[k] > outputs[best]) best = k;
    return (snug_prediction){.row = row,
                             .class_index = best,
                             .class_name = info->class_names[best],
                             .value = (double)outputs[best],
                             .n_classes = n,
                             .probability = outputs};
}

/* Who is told of each row. */
typedef struct listener {
    void (*each)(void *arg, const snug_prediction *p);
    void *arg;
} listener;

static snug_status predict_batches(const snug_model *m, const snug_data_info *info, session *s,
                                   const listener *to)
{
    const int64_t each = snug_shape_elements(&m->info.shape.outputs);
    snug_exec_step step = {0};
    for (int64_t row = 0;;) {
        int64_t n;
        CHECK(!snug_context_interrupted(m->ctx), SNUG_EINTERRUPTED, "prediction interrupted");
        TRY(snug_exec_run(s->exec, &step, &n));
        if (n == 0) return SNUG_OK;
        const float *outputs = snug_exec_tensor(s->exec, SNUG_OUTPUTS).data;
        for (int64_t i = 0; i < n; i++, outputs += each) {
            const snug_prediction p = read_prediction(m, info, row++, outputs);
            to->each(to->arg, &p);
        }
        step.skip_prologue = true;
    }
}

snug_status snug_model_predict(snug_model *m, snug_dataset *d, snug_part part, int64_t batch,
                               void (*each)(void *arg, const snug_prediction *p), void *arg)
{
    const snug_data_info *info = snug_dataset_info(d);
    const snug_pass pass = {.part = part};
    const listener to = {each, arg};
    session s = {0};
    TRY(check_data(m, info, false));
    snug_status status = session_open(&s, m, d, USE_PREDICT, &pass, batch);
    if (status == SNUG_OK) status = predict_batches(m, info, &s, &to);
    session_close(&s);
    TRY(status);
    return SNUG_OK;
}
