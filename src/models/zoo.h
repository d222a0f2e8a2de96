/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the folder: a zoo model is a list of layers like any other, under a name. */
#ifndef MODELS_ZOO_H
#define MODELS_ZOO_H

#include <snug/recipe.h>

typedef struct snug_zoo_model {
    snug_zoo_info info;
    const char *layers; /* YAML */
} snug_zoo_model;

#define SNUG_ZOO(id) extern const snug_zoo_model snug_zoo_##id;
#include "models/zoo.def"
#undef SNUG_ZOO

#endif
