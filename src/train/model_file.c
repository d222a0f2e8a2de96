/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata of a model's file: "snug.model" (its name), "snug.layers" (the list of layers as
 * YAML), "snug.target" (class, value, ...), "snug.sample" (shape, such as 28x28x1), "snug.input"
 * (its element type), "snug.outputs" (shape), "snug.ragged" (yes or no), "snug.loss",
 * "snug.huber_delta", "snug.focal_gamma", "snug.threshold" (numbers), "snug.data", "snug.spec"
 * (JSON), "snug.kernels" (the ways that kernels were told to go, plan/ways.h), "snug.version". */
#include "train/model_file.h"
#include "data/spec.h"
#include "data/target.h"
#include "train/loss.h"
#include <snug/text.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No sample and no output has more elements than this in a file that means well. */
#define NUMBER     40 /* bytes of one as text */
#define MAX_SAMPLE ((int64_t)1 << 28)

static void shape_to_text(const snug_shape *s, char *out, size_t bytes)
{
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < s->n_dims && n < bytes; i++)
        n += (size_t)snprintf(out + n, bytes - n, "%s%" PRId64, i ? "x" : "", s->dim[i]);
}

snug_status snug_model_file_write(const char *path, const snug_model_info *info, int n,
                                  const snug_named_tensor *weights)
{
    char sample[SNUG_SHAPE_TEXT], outputs[SNUG_SHAPE_TEXT], *layers = NULL;
    char threshold[NUMBER], delta[NUMBER], gamma[NUMBER];
    snprintf(threshold, NUMBER, "%.17g", info->shape.threshold);
    snprintf(delta, NUMBER, "%.17g", info->shape.loss.huber_delta);
    snprintf(gamma, NUMBER, "%.17g", info->shape.loss.focal_gamma);
    shape_to_text(&info->shape.sample.shape, sample, sizeof sample);
    shape_to_text(&info->shape.outputs, outputs, sizeof outputs);
    if (info->shape.layers) TRY(snug_layers_yaml(info->shape.layers, &layers));
    const snug_metadata meta[] = {
        {"snug.version", snug_version()},
        {"snug.model", info->name},
        {"snug.target", snug_target_name(info->shape.target)},
        {"snug.sample", sample},
        {"snug.input", snug_dtype_get(info->shape.sample.dtype)->name},
        {"snug.outputs", outputs},
        {"snug.ragged", info->shape.ragged ? "yes" : "no"},
        {"snug.loss", info->shape.loss.row->name},
        {"snug.huber_delta", delta},
        {"snug.focal_gamma", gamma},
        {"snug.threshold", threshold},
        {"snug.data", info->data_path},
        {"snug.spec", info->spec},
        {"snug.kernels", info->shape.ways ? info->shape.ways : ""},
        {"snug.layers", layers}, /* last: left out when the program built the model */
    };
    const int n_meta = (int)(sizeof meta / sizeof meta[0]) - (layers ? 0 : 1);
    const snug_status s = snug_safetensors_write(path, n, weights, n_meta, meta);
    snug_free(layers);
    return s;
}

static snug_status need(const char *path, const snug_safetensors *file, const char *key,
                        const char **out)
{
    *out = snug_safetensors_meta(file, key);
    CHECK(*out, SNUG_EFORMAT, "%s is not a model that Snug trained: its metadata has no '%s'", path,
          key);
    return SNUG_OK;
}

/* A shape of at most `most` elements under `key`. */
static snug_status need_shape(const char *path, const snug_safetensors *file, const char *key,
                              int64_t most, snug_shape *out)
{
    snug_shape s = {0};
    int64_t elements = 1;
    const char *at;
    TRY(need(path, file, key, &at));
    for (;;) {
        char one[24];
        const size_t n = strcspn(at, "x");
        CHECK(n > 0 && n < sizeof one && s.n_dims < SNUG_MAX_DIMS - 1, SNUG_EFORMAT,
              "%s: '%s' is not a shape", path, key);
        memcpy(one, at, n);
        one[n] = '\0';
        int64_t *dim = &s.dim[s.n_dims++];
        TRY(snug_parse_int(one, dim));
        CHECK(*dim >= 1 && *dim <= most / elements, SNUG_EFORMAT,
              "%s: '%s' has a length out of range, %" PRId64, path, key, *dim);
        elements *= *dim;
        if (at[n] == '\0') break;
        at += n + 1;
    }
    *out = s;
    return SNUG_OK;
}

static snug_status need_number(const char *path, const snug_safetensors *file, const char *key,
                               double *out)
{
    const char *text;
    char *end = NULL;
    TRY(need(path, file, key, &text));
    const double v = strtod(text, &end);
    CHECK(end != text && *end == '\0', SNUG_EFORMAT, "%s: '%s' is not a number", path, key);
    *out = v;
    return SNUG_OK;
}

static snug_status parse_shape(const char *path, const snug_safetensors *file,
                               snug_model_shape *out)
{
    const char *target, *input, *ragged, *loss;
    TRY(need(path, file, "snug.target", &target));
    out->target = snug_target_find(target);
    CHECK(out->target != SNUG_N_TARGETS && out->target != SNUG_TARGET_NONE, SNUG_EFORMAT,
          "%s: 'snug.target' is '%.40s', which is not known", path, target);
    TRY(need(path, file, "snug.input", &input));
    CHECK(strcmp(input, "f32") == 0 || strcmp(input, "i32") == 0, SNUG_EFORMAT,
          "%s: 'snug.input' is neither f32 nor i32", path);
    out->sample.dtype = strcmp(input, "i32") == 0 ? SNUG_I32 : SNUG_F32;
    TRY(need(path, file, "snug.loss", &loss));
    out->loss.row = snug_loss_find(loss);
    CHECK(out->loss.row && out->loss.row->targets >> out->target & 1, SNUG_EFORMAT,
          "%s: 'snug.loss' is '%.40s', which is no loss of its target", path, loss);
    TRY(need_number(path, file, "snug.huber_delta", &out->loss.huber_delta));
    TRY(need_number(path, file, "snug.focal_gamma", &out->loss.focal_gamma));
    TRY(need_number(path, file, "snug.threshold", &out->threshold));
    TRY(need(path, file, "snug.ragged", &ragged));
    CHECK(strcmp(ragged, "yes") == 0 || strcmp(ragged, "no") == 0, SNUG_EFORMAT,
          "%s: 'snug.ragged' is neither yes nor no", path);
    out->ragged = strcmp(ragged, "yes") == 0;
    TRY(need_shape(path, file, "snug.sample", MAX_SAMPLE, &out->sample.shape));
    return need_shape(path, file, "snug.outputs", MAX_SAMPLE, &out->outputs);
}

/* Names of outputs are the spec's. */
static snug_status check_spec(const char *path, const snug_model_info *info)
{
    char has[SNUG_SHAPE_TEXT], makes[SNUG_SHAPE_TEXT];
    snug_spec spec;
    snug_bump *bump = snug_bump_create(TAG_TRAIN);
    if (!bump) return SNUG_ENOMEM;
    const snug_status s = snug_spec_read(info->spec, bump, &spec);
    const snug_target_kind target = s == SNUG_OK ? spec.target : SNUG_TARGET_NONE;
    const snug_shape outputs = s == SNUG_OK ? snug_spec_outputs(&spec) : (snug_shape){0};
    snug_bump_destroy(bump);
    TRY(s);
    CHECK(target == info->shape.target && snug_shape_equal(&outputs, &info->shape.outputs),
          SNUG_EFORMAT,
          "%s: 'snug.spec' tells of data with a target of kind %s and outputs of %s, the model "
          "makes %s of kind %s",
          path, snug_target_name(target), snug_shape_text(&outputs, has, sizeof has),
          snug_shape_text(&info->shape.outputs, makes, sizeof makes),
          snug_target_name(info->shape.target));
    return SNUG_OK;
}

snug_status snug_model_file_parse(const char *path, const snug_safetensors *file,
                                  snug_model_info *info, snug_layer_list **layers)
{
    snug_model_info found = {0};
    TRY(need(path, file, "snug.model", &found.name));
    TRY(need(path, file, "snug.data", &found.data_path));
    TRY(need(path, file, "snug.spec", &found.spec));
    TRY(parse_shape(path, file, &found.shape));
    TRY(check_spec(path, &found));
    TRY(need(path, file, "snug.kernels", &found.shape.ways));
    found.shape.spec = found.spec;
    const char *yaml = snug_safetensors_meta(file, "snug.layers");
    CHECK(yaml, SNUG_EUNSUPPORTED,
          "%s was built by a program's own code, which is not in the file: only that program can "
          "run it",
          path);
    TRY(snug_layers_parse(path, yaml, layers));
    found.shape.layers = *layers;
    *info = found;
    return SNUG_OK;
}
