/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a list of layers: refused with a message, or written and read back to the same text,
 * and built on images and on rows, or refused there. */
#include "base/memory.h"
#include "models/layers.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_told(snug_status s)
{
    if (s != SNUG_OK && (s != snug_error_status() || !snug_error_message()[0])) abort();
    snug_error_clear();
}

static char *written(const char *yaml)
{
    snug_layer_list *l;
    char *out;
    const snug_status s = snug_layers_parse("fuzz.yaml", yaml, &l);
    must_be_told(s);
    if (s != SNUG_OK) return NULL;
    if (snug_layers_yaml(l, &out) != SNUG_OK) abort();
    snug_layers_free(l);
    return out;
}

static void build(const char *yaml, const snug_shape *sample)
{
    static snug_context *ctx;
    const snug_context_config quiet = {.threads = 1, .log_level = SNUG_LOG_ERROR};
    if (!ctx && snug_context_create(&quiet, &ctx) != SNUG_OK) abort();
    snug_type t = {.shape = *sample, .dtype = SNUG_F32};
    t.shape.kind[0] = SNUG_AXIS_BATCH;
    snug_layer_list *l;
    snug_graph *g;
    if (snug_layers_parse("fuzz.yaml", yaml, &l) != SNUG_OK) abort();
    if (snug_graph_create(ctx, SNUG_MODE_TRAIN, &g) != SNUG_OK) abort();
    const snug_shape outputs = {.n_dims = 1, .dim = {3}};
    const snug_layers_use use = {.outputs = &outputs};
    const snug_value *y = snug_layers_build(l, g, snug_input(g, "x", t), &use);
    const snug_status s = snug_graph_check(g);
    if (s == SNUG_OK && (!y || snug_value_type(y).shape.n_dims != 2)) abort();
    must_be_told(s);
    snug_graph_destroy(g);
    snug_layers_free(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const snug_shape image = {.dim = {4, 9, 8, 2}, .n_dims = 4};
    static const snug_shape row = {.dim = {4, 5}, .n_dims = 2};
    char *yaml = malloc(size + 1);
    if (!yaml) abort();
    if (size) memcpy(yaml, data, size);
    yaml[size] = '\0';
    snug_error_clear();
    char *once = written(yaml);
    free(yaml);
    if (!once) return 0;
    char *twice = written(once);
    if (!twice || strcmp(once, twice) != 0) abort();
    build(once, &image);
    build(once, &row);
    snug_free(once);
    snug_free(twice);
    return 0;
}
