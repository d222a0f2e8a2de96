/* SPDX-License-Identifier: Apache-2.0 */
/* The data that a recipe describes. */
#include "train/recipe.h"
#include <snug/train.h>

static const char *text_or_null(const char *s)
{
    return s && s[0] ? s : NULL;
}

snug_status snug_recipe_data(const snug_recipe *r, snug_data_config *out)
{
    CHECK(text_or_null(r->data.path), SNUG_EINVAL,
          "the recipe names no data: set data.path to a file, a folder or \"glyphs\"");
    *out = (snug_data_config){
        .path = r->data.path,
        .test_path = text_or_null(r->data.test),
        .validation = r->data.validation,
        .folds = r->data.folds,
        .fold = r->data.fold,
        .seed = (uint64_t)r->train.seed,
        .target = text_or_null(r->data.target),
        .ignore = text_or_null(r->data.ignore),
        .header = text_or_null(r->data.header),
        .task = text_or_null(r->data.task),
        .context = r->data.context,
        .horizon = r->data.horizon,
        .stride = r->data.stride,
        .kind = text_or_null(r->data.kind),
        .anomalies = text_or_null(r->data.anomalies),
        .normal = text_or_null(r->data.normal),
        .limit = r->data.limit,
    };
    return SNUG_OK;
}
