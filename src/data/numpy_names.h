/* SPDX-License-Identifier: Apache-2.0 */
/* What an array of a set is, by its name: x_train, train_images.npy, y, val_labels, arr_0 ... */
#ifndef DATA_NUMPY_NAMES_H
#define DATA_NUMPY_NAMES_H

#include "data/format.h"

typedef enum snug_array_role { ROLE_NONE, ROLE_SAMPLES, ROLE_TRUTH } snug_array_role;

typedef struct snug_array_name {
    snug_array_role role;
    snug_raw_part part;
    char set[64]; /* what else the name says: arrays of one set share it */
} snug_array_name;

snug_array_name snug_array_name_read(const char *name);

#endif
