/* SPDX-License-Identifier: Apache-2.0 */
/* Open a data set and read all of it, or see it refused with a message. */
#ifndef FUZZ_OPEN_DATASET_H
#define FUZZ_OPEN_DATASET_H

#include <snug/data.h>
#include <snug/tensor.h>
#include <stdlib.h>

static inline void fuzz_dataset(const snug_data_config *config)
{
    static snug_context *ctx;
    const snug_context_config quiet = {.threads = 1, .log_level = SNUG_LOG_ERROR};
    if (!ctx && snug_context_create(&quiet, &ctx) != SNUG_OK) abort();
    snug_dataset *d = NULL;
    snug_error_clear();
    if (snug_dataset_open(ctx, config, &d) != SNUG_OK) {
        if (!snug_error_message()[0]) abort();
        return;
    }
    const snug_data_info *info = snug_dataset_info(d);
    float *x = malloc((size_t)snug_shape_elements(&info->sample) * sizeof *x);
    int32_t *y = malloc(snug_type_bytes(&info->truth)), length = 0;
    if (!x || !y) abort();
    for (int p = 0; p < SNUG_N_PARTS; p++)
        for (int64_t i = 0; i < info->n[p] && i < 1000; i++) {
            if (snug_dataset_get(d, (snug_part)p, i, x, y) != SNUG_OK) abort();
            if (info->target == SNUG_TARGET_CLASS && (*y < 0 || *y >= info->n_classes)) abort();
            if (snug_dataset_get_lengths(d, (snug_part)p, 1, &i, &length) != SNUG_OK) abort();
            if (length < 1 || length > info->sample.dim[0]) abort();
        }
    free(x);
    free(y);
    snug_dataset_close(d);
}

#endif
