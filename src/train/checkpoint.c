/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: RUN/checkpoints/step-NNNNNNNNN.safetensors, everything that training goes on from.
 *
 * Tensors: all persistent values and the tally of the epoch under way. Metadata "snug.checkpoint":
 * the counters as JSON, with a digest of their own beside the one over the tensors. A file appears
 * whole or not at all; the last train.keep_checkpoints stay. A resumed run takes the newest that is
 * whole and, from there, makes the bits that the run would have made uninterrupted.
 */
#include "base/sha256.h"
#include "train/trainer.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER      "checkpoints"
#define BEST        "best.safetensors"
#define META        "snug.checkpoint"
#define META_SHA256 "snug.checkpoint_sha256"
#define VERSION     1

static void text_sha256(const char *text, char hex[65])
{
    snug_sha256 h;
    snug_sha256_begin(&h);
    snug_sha256_add(&h, text, strlen(text));
    snug_sha256_end(&h, hex);
}

/* ---- saving -----------------------------------------------------------------------------------
 */

static json_t *counters(const snug_trainer *t)
{
    const snug_progress *p = &t->progress;
    char spec[65];
    text_sha256(snug_dataset_spec(t->data), spec);
    const json_int_t events = t->events ? (json_int_t)snug_appender_size(t->events) : 0;
    return json_pack("{s:i, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:I, s:I, s:b, s:I, s:I, s:I, s:I, "
                     "s:s, s:s, s:I, "
                     "s:[f, f, I, I]}",
                     "version", VERSION, "step", (json_int_t)p->step, "epoch", (json_int_t)p->epoch,
                     "batch", (json_int_t)p->batch, "samples", (json_int_t)p->samples, "seconds",
                     p->seconds, "train_seconds", p->train_seconds, "best_loss", p->best_loss,
                     "best_epoch", (json_int_t)p->best_epoch, "bad_epochs",
                     (json_int_t)p->bad_epochs, "stopped", p->stopped, "tally_samples",
                     (json_int_t)t->tally[SNUG_PART_TRAIN]->samples, "events_bytes", events,
                     "train_samples", (json_int_t)t->info->n[SNUG_PART_TRAIN], "micro_batches",
                     (json_int_t)t->report.micro_batches, "tier", t->report.tier, "data", spec,
                     "averaged", (json_int_t)p->averaged, "schedule", p->schedule.scale,
                     p->schedule.best, (json_int_t)p->schedule.judged, (json_int_t)p->schedule.bad);
}

static snug_status write_checkpoint(snug_trainer *t, const char *path, const snug_weights *w)
{
    json_t *json = counters(t);
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(json);
    if (!text) return FAIL(SNUG_ENOMEM, "no memory for a checkpoint's counters");
    char hex[65];
    text_sha256(text, hex);
    const snug_metadata meta[] = {{META, text}, {META_SHA256, hex}};
    const snug_status s = snug_safetensors_write(path, w->n, w->list, 2, meta);
    free(text);
    return s;
}

/* Everything persistent, then the tally. */
static snug_status checkpoint_tensors(snug_trainer *t, snug_weights *out)
{
    snug_weights w;
    TRY(snug_weights_list(&t->arena, true, &w));
    snug_named_tensor *more =
        snug_realloc(TAG_TRAIN, w.list, ((size_t)w.n + SNUG_TALLY_TENSORS) * sizeof *more);
    if (!more) {
        snug_free(w.list);
        return SNUG_ENOMEM;
    }
    w.list = more;
    w.n += snug_tally_tensors(t->tally[SNUG_PART_TRAIN], w.list + w.n);
    *out = w;
    return SNUG_OK;
}

/* The step of a checkpoint's file name, -1 for other files. */
static int64_t step_of(const char *name)
{
    int64_t step;
    int end = 0;
    if (sscanf(name, "step-%18" SCNd64 ".safetensors%n", &step, &end) != 1) return -1;
    return end > 0 && name[end] == '\0' && step >= 0 ? step : -1;
}

static int by_step(const void *a, const void *b)
{
    const int64_t x = step_of(*(char *const *)a), y = step_of(*(char *const *)b);
    return (x > y) - (x < y);
}

/* Names in the folder, checkpoints last and in the order of their steps. */
static snug_status list_checkpoints(const char *folder, char ***name, int *n)
{
    TRY(snug_list_dir(folder, name, n));
    qsort(*name, (size_t)*n, sizeof **name, by_step);
    return SNUG_OK;
}

static void warn(const snug_trainer *t)
{
    snug_log(t->ctx, SNUG_LOG_WARN, "%s", snug_error_message());
    snug_error_clear();
}

/* Remove all but the newest `keep`. What cannot be removed is reported, no more. */
static void prune(snug_trainer *t, const char *folder)
{
    char **name;
    int n, kept = 0;
    if (list_checkpoints(folder, &name, &n) != SNUG_OK) {
        warn(t);
        return;
    }
    for (int i = n - 1; i >= 0; i--) {
        snug_str path = {0};
        if (step_of(name[i]) < 0 || kept++ < t->recipe->train.keep_checkpoints) continue;
        snug_str_printf(&path, "%s/%s", folder, name[i]);
        if (path.failed || snug_remove_file(path.text) != SNUG_OK) warn(t);
        snug_str_free(&path);
    }
    snug_free(name);
}

static snug_status save_at(snug_trainer *t, const char *folder)
{
    snug_weights w;
    snug_str path = {0};
    snug_str_printf(&path, "%s/step-%09" PRId64 ".safetensors", folder, t->progress.step);
    snug_status s = snug_str_check(&path);
    if (s == SNUG_OK) s = checkpoint_tensors(t, &w);
    if (s == SNUG_OK) {
        s = snug_weights_check_finite(&w, t->progress.step);
        if (s == SNUG_OK) s = write_checkpoint(t, path.text, &w);
        snug_free(w.list);
    }
    snug_str_free(&path);
    return s;
}

snug_status snug_checkpoint_save(snug_trainer *t)
{
    if (!t->run_dir) return SNUG_OK;
    snug_str folder = {0};
    snug_str_printf(&folder, "%s/" FOLDER, t->run_dir);
    snug_status s = snug_str_check(&folder);
    if (s == SNUG_OK) s = snug_make_dirs(folder.text);
    if (s == SNUG_OK) s = save_at(t, folder.text);
    if (s == SNUG_OK) prune(t, folder.text);
    snug_str_free(&folder);
    TRY(s);
    return SNUG_OK;
}

/* ---- restoring --------------------------------------------------------------------------------
 */

static snug_status parse_counters(const char *text, json_t **out)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    CHECK(json, SNUG_EFORMAT, "its counters are not JSON: %s", error.text);
    *out = json;
    return SNUG_OK;
}

static snug_status check_same_data(const snug_trainer *t, int64_t train_samples, const char *spec)
{
    char hex[65];
    text_sha256(snug_dataset_spec(t->data), hex);
    CHECK(train_samples == t->info->n[SNUG_PART_TRAIN] && strcmp(spec, hex) == 0, SNUG_EINVAL,
          "%s is not the data that the run was trained on: that had %" PRId64 " training samples, "
          "this has %" PRId64 "%s",
          t->recipe->data.path, train_samples, t->info->n[SNUG_PART_TRAIN],
          strcmp(spec, hex) == 0 ? "" : ", and other classes or columns");
    return SNUG_OK;
}

/* No file, whatever it says, makes a sum overflow or a loop run on. */
static bool possible(const snug_trainer *t, const snug_progress *p, int64_t tally_samples)
{
    const bool counts = p->step >= 0 && p->step <= t->report.steps && p->epoch >= 0 &&
                        p->epoch <= p->step && p->batch >= 0 && p->batch <= p->step &&
                        p->batch <= t->report.steps_per_epoch;
    const bool samples = p->samples >= 0 && p->samples / t->recipe->train.batch <= p->step &&
                         tally_samples >= 0 && tally_samples <= t->info->n[SNUG_PART_TRAIN];
    const bool judged = p->best_epoch >= 0 && p->best_epoch <= p->epoch && p->bad_epochs >= 0 &&
                        p->bad_epochs <= p->epoch;
    const bool followed = p->averaged >= 0 && p->averaged <= p->step && p->schedule.scale >= 0 &&
                          p->schedule.scale <= 1 && p->schedule.judged >= 0 &&
                          p->schedule.judged <= p->epoch && p->schedule.bad >= 0 &&
                          p->schedule.bad <= p->epoch;
    return counts && samples && judged && followed && p->seconds >= 0 && p->train_seconds >= 0;
}

static snug_status read_counters(const snug_trainer *t, const json_t *json, snug_progress *p,
                                 json_int_t *tally_samples, json_int_t *events_bytes)
{
    int version = 0, stopped = 0;
    json_int_t step, epoch, batch, samples, best_epoch, bad_epochs, train_samples, micro;
    json_int_t averaged, judged, waited;
    const char *tier, *spec;
    json_error_t error;
    const int bad = json_unpack_ex(
        (json_t *)json, &error, 0,
        "{s:i, s:I, s:I, s:I, s:I, s:F, s:F, s:F, s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:s, s:s, "
        "s:I, "
        "s:[F, F, I, I]}",
        "version", &version, "step", &step, "epoch", &epoch, "batch", &batch, "samples", &samples,
        "seconds", &p->seconds, "train_seconds", &p->train_seconds, "best_loss", &p->best_loss,
        "best_epoch", &best_epoch, "bad_epochs", &bad_epochs, "stopped", &stopped, "tally_samples",
        tally_samples, "events_bytes", events_bytes, "train_samples", &train_samples,
        "micro_batches", &micro, "tier", &tier, "data", &spec, "averaged", &averaged, "schedule",
        &p->schedule.scale, &p->schedule.best, &judged, &waited);
    CHECK(bad == 0, SNUG_EFORMAT, "its counters are not whole: %s", error.text);
    CHECK(version == VERSION, SNUG_EUNSUPPORTED, "it was written by another version of Snug");
    p->step = step, p->epoch = epoch, p->batch = batch, p->samples = samples;
    p->best_epoch = best_epoch, p->bad_epochs = bad_epochs, p->stopped = stopped != 0;
    p->averaged = averaged, p->schedule.judged = judged;
    p->schedule.bad = waited;
    CHECK(possible(t, p, *tally_samples) && *events_bytes >= 0, SNUG_EFORMAT,
          "its counters are out of range");
    TRY(check_same_data(t, train_samples, spec));
    CHECK(micro == t->report.micro_batches || !snug_built_batch_stats(&t->train), SNUG_EINVAL,
          "the run took batch norm's statistics over %" PRId64 " micro-batches a step; set "
          "train.micro_batches=%" PRId64 " to go on with it",
          (int64_t)micro, (int64_t)micro);
    if (strcmp(tier, t->report.tier) != 0)
        snug_log(t->ctx, SNUG_LOG_WARN,
                 "the run was begun on a CPU of tier %s, this one is %s: the last bits of its "
                 "numbers will differ",
                 tier, t->report.tier);
    return SNUG_OK;
}

static snug_status read_meta(snug_trainer *t, snug_safetensors *file, snug_progress *p,
                             uint64_t *events_bytes)
{
    const char *text = snug_safetensors_meta(file, META);
    const char *want = snug_safetensors_meta(file, META_SHA256);
    char hex[65];
    CHECK(text && want, SNUG_EFORMAT, "it holds no counters");
    text_sha256(text, hex);
    CHECK(strcmp(hex, want) == 0, SNUG_EFORMAT, "its counters' digest is wrong");
    json_t *json;
    json_int_t tally_samples, events;
    TRY(parse_counters(text, &json));
    const snug_status s = read_counters(t, json, p, &tally_samples, &events);
    json_decref(json);
    TRY(s);
    t->tally[SNUG_PART_TRAIN]->samples = tally_samples;
    *events_bytes = (uint64_t)events;
    return SNUG_OK;
}

static snug_status read_tensors(snug_safetensors *file, const snug_weights *w)
{
    for (int i = 0; i < w->n; i++)
        TRY(snug_safetensors_read(file, w->list[i].name, &w->list[i].tensor));
    return SNUG_OK;
}

static snug_status read_checkpoint(snug_trainer *t, snug_safetensors *file, snug_progress *p,
                                   uint64_t *events_bytes)
{
    snug_weights w;
    TRY(snug_safetensors_verify(file));
    TRY(read_meta(t, file, p, events_bytes));
    TRY(checkpoint_tensors(t, &w));
    const snug_status s = read_tensors(file, &w);
    snug_free(w.list);
    TRY(s);
    CHECK(snug_tally_sound(t->tally[SNUG_PART_TRAIN]), SNUG_EFORMAT,
          "its tally counts other samples than it says");
    return SNUG_OK;
}

static snug_status restore_from(snug_trainer *t, const char *path, uint64_t *events_bytes)
{
    snug_safetensors *file;
    snug_progress p = {0};
    TRY(snug_safetensors_open(path, &file));
    const snug_status s = read_checkpoint(t, file, &p, events_bytes);
    snug_safetensors_close(file);
    TRY(s);
    t->progress = p;
    return SNUG_OK;
}

/* Whether an older checkpoint may help where this one failed. */
static bool damaged(snug_status s)
{
    return s == SNUG_EFORMAT || s == SNUG_EIO || s == SNUG_ENOENT;
}

/* Newest first; n names in the order of their steps. */
static snug_status restore_newest(snug_trainer *t, const char *folder, int n, char **name,
                                  uint64_t *events_bytes)
{
    snug_status s = SNUG_OK;
    int seen = 0;
    for (int i = n - 1; i >= 0; i--) {
        if (step_of(name[i]) < 0) continue;
        snug_str path = {0};
        snug_str_printf(&path, "%s/%s", folder, name[i]);
        seen++;
        s = snug_str_check(&path);
        if (s == SNUG_OK) s = restore_from(t, path.text, events_bytes);
        snug_str_free(&path);
        if (!damaged(s)) return s;
        snug_log(t->ctx, SNUG_LOG_WARN, "checkpoint %s/%s is damaged (%s); taking the one before",
                 folder, name[i], snug_error_message());
        snug_error_clear();
    }
    CHECK(seen == 0, SNUG_EFORMAT, "%s: none of its %d checkpoints is whole; train anew", folder,
          seen);
    return SNUG_OK;
}

snug_status snug_checkpoint_restore(snug_trainer *t, uint64_t *events_bytes)
{
    char **name;
    int n;
    snug_str folder = {0};
    *events_bytes = 0;
    snug_str_printf(&folder, "%s/" FOLDER, t->run_dir);
    snug_status s = snug_str_check(&folder);
    if (s == SNUG_OK && snug_path_is_dir(folder.text)) {
        s = list_checkpoints(folder.text, &name, &n);
        if (s == SNUG_OK) {
            s = restore_newest(t, folder.text, n, name, events_bytes);
            snug_free(name);
        }
    }
    snug_str_free(&folder);
    TRY(s);
    return SNUG_OK;
}

/* ---- the best weights so far ------------------------------------------------------------------
 */

/* In memory, one after the other, or in a file of the run. */
static snug_status keep_in_memory(snug_trainer *t, const snug_weights *w)
{
    size_t bytes = 0;
    for (int i = 0; i < w->n; i++) bytes += snug_type_bytes(&w->list[i].tensor.type);
    if (!t->best) t->best = snug_alloc(TAG_TRAIN, bytes);
    if (!t->best) return SNUG_ENOMEM;
    char *to = t->best;
    for (int i = 0; i < w->n; i++) {
        bytes = snug_type_bytes(&w->list[i].tensor.type);
        memcpy(to, w->list[i].tensor.data, bytes);
        to += bytes;
    }
    return SNUG_OK;
}

static void take_from_memory(const snug_trainer *t, const snug_weights *w)
{
    const char *from = t->best;
    for (int i = 0; i < w->n; i++) {
        const size_t bytes = snug_type_bytes(&w->list[i].tensor.type);
        memcpy(w->list[i].tensor.data, from, bytes);
        from += bytes;
    }
}

static snug_status take_from_file(const char *path, const snug_weights *w)
{
    snug_safetensors *file;
    TRY(snug_safetensors_open(path, &file));
    snug_status s = snug_safetensors_verify(file);
    if (s == SNUG_OK) s = read_tensors(file, w);
    snug_safetensors_close(file);
    return s;
}

static snug_status best_in_file(snug_trainer *t, const snug_weights *w, bool save)
{
    snug_str path = {0};
    snug_str_printf(&path, "%s/" FOLDER, t->run_dir);
    snug_status s = snug_str_check(&path);
    if (s == SNUG_OK && save) s = snug_make_dirs(path.text);
    snug_str_add(&path, "/" BEST);
    if (s == SNUG_OK) s = snug_str_check(&path);
    if (s == SNUG_OK)
        s = save ? snug_safetensors_write(path.text, w->n, w->list, 0, NULL)
                 : take_from_file(path.text, w);
    snug_str_free(&path);
    return s;
}

static snug_status best(snug_trainer *t, bool save)
{
    snug_weights w;
    snug_status s = SNUG_OK;
    TRY(snug_weights_list(&t->arena, false, &w));
    if (t->run_dir)
        s = best_in_file(t, &w, save);
    else if (save)
        s = keep_in_memory(t, &w);
    else
        take_from_memory(t, &w);
    snug_free(w.list);
    return s;
}

snug_status snug_checkpoint_save_best(snug_trainer *t)
{
    return best(t, true);
}

snug_status snug_checkpoint_restore_best(snug_trainer *t)
{
    return best(t, false);
}
