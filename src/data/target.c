/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of targets, as rows. */
#include "data/target.h"

#include <string.h>

typedef struct target_row {
    const char *name;
    snug_dtype dtype;
    int dropped; /* axes of the outputs that the truth does not have: all of them, or the last */
} target_row;

enum { ALL_AXES = SNUG_MAX_DIMS };

static const target_row rows[SNUG_N_TARGETS] = {
    [SNUG_TARGET_NONE] = {"none", SNUG_F32, ALL_AXES},
    [SNUG_TARGET_CLASS] = {"class", SNUG_I32, ALL_AXES},
    [SNUG_TARGET_VALUE] = {"value", SNUG_F32, 0},
    [SNUG_TARGET_LABELS] = {"labels", SNUG_F32, 0},
    [SNUG_TARGET_TOKENS] = {"tokens", SNUG_I32, 1},
    [SNUG_TARGET_SELF] = {"self", SNUG_I32, ALL_AXES},
};

const char *snug_target_name(snug_target_kind k)
{
    return rows[k].name;
}

snug_target_kind snug_target_find(const char *name)
{
    int k = 0;
    while (k < SNUG_N_TARGETS && strcmp(rows[k].name, name) != 0) k++;
    return (snug_target_kind)k;
}

snug_type snug_target_truth(snug_target_kind k, const snug_shape *outputs)
{
    const int n_dims = outputs->n_dims - rows[k].dropped;
    return (snug_type){.dtype = rows[k].dtype,
                       .shape = snug_shape_make(n_dims > 0 ? n_dims : 0, outputs->dim)};
}
