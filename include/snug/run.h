/* SPDX-License-Identifier: Apache-2.0 */
/* Runs: folders that training leaves behind, read back. */
#ifndef SNUG_RUN_H
#define SNUG_RUN_H

#include <snug/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snug_run_info {
    const char *name, *path, *model, *data;
    const char *state;       /* "finished", "interrupted", "running or killed" */
    double started, seconds; /* since 1970; how long it trained */
    int64_t epochs, steps, parameters;
    double loss, accuracy;     /* the last of test, validation or train; NaN: none */
    const char *accuracy_part; /* which of them */
    size_t peak_bytes;
    const char *weights_sha256; /* "" until finished */
} snug_run_info;

typedef struct snug_run_list snug_run_list;

/* Folders under runs_dir (NULL: "runs") that hold a run, oldest first; broken ones are left out and
 * counted. */
SNUG_API snug_status snug_runs_open(const char *runs_dir, snug_run_list **out) SNUG_MUST_USE;
SNUG_API int snug_runs_count(const snug_run_list *l);
SNUG_API int snug_runs_broken(const snug_run_list *l);
SNUG_API const snug_run_info *snug_runs_get(const snug_run_list *l, int i);
SNUG_API void snug_runs_close(snug_run_list *l);
/* Call `each` for every event of a run, oldest first. name NULL: all. */
SNUG_API snug_status snug_run_events(const char *run_dir, const char *name,
                                     void (*each)(void *arg, const char *name, int64_t step,
                                                  int64_t epoch, double value),
                                     void *arg) SNUG_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
