/* SPDX-License-Identifier: Apache-2.0 */
/* model.safetensors: a model's weights, and in the metadata all that is needed to use them. */
#ifndef TRAIN_MODEL_FILE_H
#define TRAIN_MODEL_FILE_H

#include "formats/safetensors.h"
#include "train/model_graph.h"

typedef struct snug_model_info {
    const char *name;      /* zoo name, or "layers" or "custom" */
    const char *data_path; /* what it was trained on */
    const char *spec;      /* the data's, JSON */
    snug_model_shape shape;
} snug_model_info;

snug_status snug_model_file_write(const char *path, const snug_model_info *info, int n,
                                  const snug_named_tensor *weights) SNUG_MUST_USE;
/* Texts in *info belong to `file`; info->shape.layers is the caller's to free (snug_layers_free).
 * Nothing in the file is believed: sizes are bounded here, types are checked when weights are read.
 */
snug_status snug_model_file_parse(const char *path, const snug_safetensors *file,
                                  snug_model_info *info, snug_layer_list **layers) SNUG_MUST_USE;

#endif
