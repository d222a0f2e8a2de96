/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules of batch_norm (batch_norm.c) and of its parts (batch_norm_parts.c) share. */
#ifndef OPS_BATCH_NORM_H
#define OPS_BATCH_NORM_H

#include "ops/rules.h"

/* Inputs: n_images of one shape, x first; behind them vectors of one type along its last axis. */
snug_status snug_batch_norm_check(const snug_infer *f, int n_images) SNUG_MUST_USE;
/* Every input's last axis follows to the last axis of output `out`. */
int snug_batch_norm_channels(const snug_sig *s, snug_axis_use *u, int n, int out);

#endif
