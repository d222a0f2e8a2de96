/* SPDX-License-Identifier: Apache-2.0 */
/* Names of files that belong together. */
#ifndef DATA_NAMES_H
#define DATA_NAMES_H

#include "base/status.h"
#include <stdbool.h>

#define SNUG_PATH_BYTES 1024

bool snug_name_ends(const char *name, const char *end); /* with more before it */
const char *snug_name_of(const char *path);             /* behind the last / */
snug_status snug_path_copy(const char *from, char out[SNUG_PATH_BYTES]) SNUG_MUST_USE;
snug_status snug_path_join(const char *folder, const char *name,
                           char out[SNUG_PATH_BYTES]) SNUG_MUST_USE;
/* Whether `test` is `train` with one of the usual words changed: adult-train.csv, adult-test.csv;
 * adult.data, adult.test; optdigits.tra, optdigits.tes; ECG_TRAIN.ts, ECG_TEST.ts. */
bool snug_names_pair(const char *train, const char *test);

/* The training file and its test file ("" when there is none) that `path` means: a folder with one
 * of them, or either of the two. `mine` tells names of the format. */
typedef struct snug_pair {
    char train[SNUG_PATH_BYTES], test[SNUG_PATH_BYTES];
} snug_pair;
snug_status snug_pair_find(const char *path, bool (*mine)(const char *name),
                           snug_pair *out) SNUG_MUST_USE;

#endif
