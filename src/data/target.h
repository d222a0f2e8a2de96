/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds of targets: their names in files, and what the truth of a sample is. */
#ifndef DATA_TARGET_H
#define DATA_TARGET_H

#include "base/status.h"
#include <snug/data.h>

/* "none", "class", "value", "labels", "tokens", "self". */
const char *snug_target_name(snug_target_kind k);
/* By name; SNUG_N_TARGETS: there is none. */
snug_target_kind snug_target_find(const char *name);
/* Type of one sample's y, from what a model must make of the sample. */
snug_type snug_target_truth(snug_target_kind k, const snug_shape *outputs);

#endif
