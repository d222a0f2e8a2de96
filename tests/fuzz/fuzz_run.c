/* SPDX-License-Identifier: Apache-2.0 */
/* A run's folder of any bytes (recipe.yaml, NUL, result.json, NUL, events.jsonl) in the run store:
 * listed with all of its texts, or counted as broken; its events are told or refused. */
#include "fuzz/scratch_folder.h"
#include <snug/run.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
    if (!text || strlen(text) > ((size_t)1 << 30)) abort();
}

static void check_listed(const snug_run_info *r)
{
    check_text(r->name);
    check_text(r->path);
    check_text(r->state);
    check_text(r->weights_sha256);
    if (r->model) check_text(r->model);
    if (r->data) check_text(r->data);
    if (r->accuracy_part) check_text(r->accuracy_part);
}

static void count_event(void *arg, const char *name, int64_t step, int64_t epoch, double value)
{
    (void)step, (void)epoch, (void)value;
    check_text(name);
    ++*(size_t *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[256];
    fuzz_bytes rest = {data, size};
    snug_run_list *l;
    size_t events = 0;
    snug_error_clear();
    fuzz_put("runs/a/recipe.yaml", fuzz_part(&rest), path);
    fuzz_put("runs/a/result.json", fuzz_part(&rest), path);
    fuzz_put("runs/a/events.jsonl", rest, path);
    if (rest.size % 2) unlink(fuzz_path("runs/a/result.json", path)); /* one that has not ended */
    if (snug_runs_open(fuzz_path("runs", path), &l) != SNUG_OK) abort();
    if (snug_runs_count(l) + snug_runs_broken(l) != 1) abort();
    for (int i = 0; i < snug_runs_count(l); i++) check_listed(snug_runs_get(l, i));
    snug_runs_close(l);
    (void)fuzz_done(snug_run_events(fuzz_path("runs/a", path), NULL, count_event, &events));
    if (events > size) abort();
    return 0;
}
