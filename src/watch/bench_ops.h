/* SPDX-License-Identifier: Apache-2.0 */
/* Times of operators in a benchmark. */
#ifndef WATCH_BENCH_OPS_H
#define WATCH_BENCH_OPS_H

#include "run/exec.h"
#include <snug/machine.h>

/* Hand config->each_op what an executor that was profiled has measured. */
snug_status snug_bench_ops(const snug_exec *e, const snug_plan *p, const snug_bench_config *config,
                           const char *phase) SNUG_MUST_USE;

#endif
