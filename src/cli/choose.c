/* SPDX-License-Identifier: Apache-2.0 */
/* A recipe for data that came without one: a model by kind of sample, epochs by the number of
 * samples. What the user gave is left alone; all of it is written out with the run. */
#include "cli/cli.h"
#include <inttypes.h>

typedef struct choice {
    const char *model;
    int64_t min_side;       /* of an image */
    int64_t samples_to_see; /* epochs * samples, about */
    int64_t min_epochs, max_epochs;
} choice;

/* The first that fits. Pooling of the convolutional models needs some pixels to work on. */
static const choice for_images[] = {{"cnn", 12, 300000, 3, 30}, {"mlp", 0, 300000, 5, 50}};
static const choice for_tables = {"mlp-256-128-64", 0, 200000, 10, 60};
static const choice for_series = {"gru", 0, 60000, 10, 100};
static const choice for_rebuilt_rows = {"autoencoder", 0, 200000, 10, 60};
static const choice for_rebuilt_images = {"conv-autoencoder", 4, 200000, 5, 30};
static const choice for_text = {"gpt", 0, 200000, 3, 30};

/* Below this, smaller batches make enough steps of an epoch. */
enum { FEW_SAMPLES = 2000 };

/* For samples that are to be made again; NULL: nothing fits. */
static const choice *choose_rebuilding(const snug_data_info *d)
{
    if (d->kind == SNUG_DATA_TABLE) return &for_rebuilt_rows;
    if (d->kind != SNUG_DATA_IMAGE) return NULL;
    const bool halves_twice = d->sample.dim[0] % 4 == 0 && d->sample.dim[1] % 4 == 0;
    return halves_twice ? &for_rebuilt_images : NULL;
}

static const choice *choose(const snug_data_info *d)
{
    if (d->target == SNUG_TARGET_SELF) return choose_rebuilding(d);
    if (d->kind == SNUG_DATA_TABLE) return &for_tables;
    if (d->kind == SNUG_DATA_SERIES) return &for_series;
    if (d->kind == SNUG_DATA_TEXT) return &for_text;
    int64_t h = d->sample.dim[0], w = d->sample.dim[1], side = h < w ? h : w;
    const choice *k = for_images;
    while (side < k->min_side) k++;
    return k;
}

static snug_status set_default(snug_recipe *r, const char *key, const char *value)
{
    return snug_recipe_given(r, key) ? SNUG_OK : snug_recipe_set(r, key, value);
}

static snug_status apply(snug_recipe *r, const snug_data_info *d)
{
    const choice *k = choose(d);
    SNUG_CHECK(k || snug_recipe_given(r, "model"), SNUG_EINVAL,
               "no model is known to reconstruct samples of this shape; name one (--model)");
    if (!k) k = &for_rebuilt_rows; /* for its epochs */
    int64_t n = d->n[SNUG_PART_TRAIN], epochs = n > 0 ? k->samples_to_see / n : 0;
    if (epochs < k->min_epochs) epochs = k->min_epochs;
    if (epochs > k->max_epochs) epochs = k->max_epochs;
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, epochs);
    SNUG_TRY(set_default(r, "model", k->model));
    if (!snug_recipe_given(r, "train.steps")) SNUG_TRY(set_default(r, "train.epochs", text));
    if (n < FEW_SAMPLES) SNUG_TRY(set_default(r, "train.batch", "16"));
    if (d->n[SNUG_PART_VALIDATION] == 0) SNUG_TRY(set_default(r, "data.validation", "0.1"));
    return SNUG_OK;
}

snug_status cli_choose_recipe(cli *c, snug_recipe *r)
{
    snug_data_config config;
    snug_dataset *d = NULL;
    SNUG_TRY(snug_recipe_data(r, &config));
    SNUG_TRY(snug_dataset_open(c->ctx, &config, &d));
    snug_status status = apply(r, snug_dataset_info(d));
    snug_dataset_close(d);
    return status;
}
