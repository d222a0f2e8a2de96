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

/* The list that a model's knobs give; without knobs there is nothing to say behind the name. */
static snug_status write_list(const snug_zoo_model *m, const char *zoo_name, snug_str *s)
{
    double knob[SNUG_MAX_KNOBS];
    CHECK(m->n_knobs || !strchr(zoo_name, ':'), SNUG_EINVAL, "'%.80s': the model '%s' has no knobs",
          zoo_name, m->info.name);
    TRY(snug_knobs_read(zoo_name, m->n_knobs, m->knobs, knob));
    if (m->layers)
        snug_str_add(s, m->layers);
    else
        TRY(m->write(knob, s));
    return snug_str_check(s);
}

snug_status snug_layers_from_zoo(const char *zoo_name, snug_layer_list **out)
{
    int i = 0;
    while (i < N_MODELS && !snug_knobs_named(zoo_name, models[i]->info.name)) i++;
    if (i == N_MODELS) return unknown_model(zoo_name);
    snug_str yaml = {0};
    snug_status s = write_list(models[i], zoo_name, &yaml);
    if (s == SNUG_OK) s = snug_layers_parse(zoo_name, yaml.text, out);
    snug_str_free(&yaml);
    return s;
}

void snug_zoo_write_knobs(int i, const char *lead, const char *after, const char *end, snug_str *s)
{
    for (int k = 0; k < models[i]->n_knobs; k++) {
        const snug_knob *knob = &models[i]->knobs[k];
        snug_str_printf(s, "%s%s%s (%.10g to %.10g; default %.10g): %s%s", lead, knob->name, after,
                        knob->min, knob->max, knob->initial, knob->help, end);
    }
}

snug_status snug_zoo_knobs(int i, char **out)
{
    snug_str s = {0};
    CHECK(snug_zoo(i), SNUG_ENOENT, "there is no model number %d", i);
    snug_str_add(&s, "");
    snug_zoo_write_knobs(i, "", "", "\n", &s);
    return snug_str_export(&s, out);
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
