/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the folder: a zoo model is a list of layers like any other, under a name. A family whose
 * members differ by numbers has knobs ("mobilenetv1:width=0.25") and writes its list from them. */
#ifndef MODELS_ZOO_H
#define MODELS_ZOO_H

#include "base/knobs.h"
#include "base/str.h"
#include <snug/recipe.h>

typedef struct snug_zoo_model {
    snug_zoo_info info;
    const char *layers; /* YAML; NULL: `write` makes it */
    int n_knobs;
    const snug_knob *knobs;
    /* Appends the YAML for one value a knob; fails where values do not go together. */
    snug_status (*write)(const double *knob, snug_str *s);
} snug_zoo_model;

/* Every knob of the i-th model, with its range, default and help; `lead`, `after` and `end` stand
 * before the name, behind it, and behind the whole. */
void snug_zoo_write_knobs(int i, const char *lead, const char *after, const char *end, snug_str *s);

#define SNUG_ZOO(id) extern const snug_zoo_model snug_zoo_##id;
#include "models/zoo.def"
#undef SNUG_ZOO

#endif
