/* SPDX-License-Identifier: Apache-2.0 */
/* Knobs of what is made by name (data sets, zoo models): "name:knob=value,knob=value". */
#ifndef BASE_KNOBS_H
#define BASE_KNOBS_H

#include "base/status.h"
#include <stdbool.h>

typedef struct snug_knob {
    const char *name;
    double initial, min, max;
    bool whole; /* whole numbers only */
    const char *help;
} snug_knob;

#define SNUG_MAX_KNOBS 16

/* value[i] of knob i as path says, else its initial one. Unknown knobs fail with the nearest name,
 * values outside the range with the range. */
snug_status snug_knobs_read(const char *path, int n, const snug_knob *knobs,
                            double *value) SNUG_MUST_USE;
/* Whether path is NAME or begins with NAME and a colon. */
bool snug_knobs_named(const char *path, const char *name);

#endif
