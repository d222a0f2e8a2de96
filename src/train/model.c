/* SPDX-License-Identifier: Apache-2.0 */
/* Trained models: a file opened and checked. session.c puts it to use. */
#include "base/file.h"
#include "train/session.h"
#include <stdio.h>
#include <string.h>

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
    snug_status s = snug_model_build(m, USE_PREDICT, 1, &p, &b);
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
    snug_free(m->names);
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
