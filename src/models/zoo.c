/* SPDX-License-Identifier: Apache-2.0 */
/* Finds zoo models by name. */
#include "models/zoo.h"

#include "models/layers.h"

#include <stdlib.h>
#include <string.h>

static const snug_zoo_model *const models[] = {
#define SNUG_ZOO(id) &snug_zoo_##id,
#include "models/zoo.def"
#undef SNUG_ZOO
};
enum { N_MODELS = sizeof models / sizeof(snug_zoo_model *) };

const snug_zoo_info *snug_zoo(int i)
{
    return i >= 0 && i < N_MODELS ? &models[i]->info : NULL;
}

static snug_status unknown_model(const char *name)
{
    const char *names[N_MODELS];
    for (int i = 0; i < N_MODELS; i++) names[i] = models[i]->info.name;
    int near = snug_nearest(name, N_MODELS, names);
    if (near >= 0)
        return FAIL(SNUG_EINVAL, "unknown model '%.80s'; did you mean '%s'?", name, names[near]);
    snug_str all = {0};
    for (int i = 0; i < N_MODELS; i++) snug_str_printf(&all, "%s%s", i ? ", " : "", names[i]);
    snug_status s = FAIL(SNUG_EINVAL, "unknown model '%.80s'; there are %s, or a list of layers",
                         name, all.text ? all.text : "");
    snug_str_free(&all);
    return s;
}

snug_status snug_layers_from_zoo(const char *zoo_name, snug_layer_list **out)
{
    for (int i = 0; i < N_MODELS; i++)
        if (!strcmp(models[i]->info.name, zoo_name))
            return snug_layers_parse(zoo_name, models[i]->layers, out);
    return unknown_model(zoo_name);
}

snug_status snug_zoo_layers(const char *name, char **out)
{
    snug_layer_list *l;
    TRY(snug_layers_from_zoo(name, &l));
    snug_str s = {0};
    snug_layers_write(l, 0, &s);
    snug_layers_free(l);
    return snug_str_export(&s, out);
}
