/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint of any counters (up to the first NUL) and any bytes in its last tensors (behind it),
 * with digests that are right: the run goes on from it to its end, or says why not. */
#include "base/sha256.h"
#include "formats/safetensors.h"
#include "fuzz/scratch_folder.h"
#include <snug/snug.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIRST "run/checkpoints/step-000000001.safetensors"

static snug_context *ctx;
static snug_named_tensor tensor[64]; /* of a checkpoint as it was written */
static int n_tensors;

static snug_status train(const snug_recipe *recipe, const char *out, const char *resume)
{
    const snug_train_config config = {.out_dir = out, .resume = resume};
    snug_train_result result;
    snug_trainer *t;
    SNUG_TRY(snug_trainer_create(ctx, recipe, &config, &t));
    const snug_status s = snug_trainer_run(t, &result);
    snug_trainer_destroy(t);
    return s;
}

static void train_first(void)
{
    static const char table[] = "size,colour,kind\n1,red,a\n2,,b\n,blue,a\n4,red,b\n5,blue,b\n";
    char csv[256], run[256];
    fuzz_put("table.csv", (fuzz_bytes){(const uint8_t *)table, sizeof table - 1}, csv);
    const char *const keys[][2] = {{"data.path", csv},
                                   {"model", "[{linear: 2}, relu, {linear: outputs}]"},
                                   {"data.validation", "0.3"},
                                   {"train.batch", "2"},
                                   {"train.epochs", "2"},
                                   {"train.patience", "1"},
                                   {"train.checkpoint_steps", "1"},
                                   {"train.keep_checkpoints", "100"}};
    snug_recipe *r;
    if (snug_recipe_create(&r) != SNUG_OK) abort();
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (snug_recipe_set(r, keys[i][0], keys[i][1]) != SNUG_OK) abort();
    if (train(r, fuzz_path("run", run), NULL) != SNUG_OK) abort();
    snug_recipe_destroy(r);
}

static void keep_tensors(void)
{
    char path[256];
    snug_safetensors *s;
    if (snug_safetensors_open(fuzz_path(FIRST, path), &s) != SNUG_OK) abort();
    n_tensors = snug_safetensors_count(s);
    if (n_tensors > (int)(sizeof tensor / sizeof tensor[0])) abort();
    for (int i = 0; i < n_tensors; i++) {
        const snug_type type = snug_safetensors_type(s, i);
        tensor[i].name = snug_strdup(TAG_TEST, snug_safetensors_name(s, i));
        tensor[i].tensor = (snug_tensor){snug_alloc(TAG_TEST, snug_type_bytes(&type)), type};
        if (snug_safetensors_read(s, tensor[i].name, &tensor[i].tensor) != SNUG_OK) abort();
    }
    snug_safetensors_close(s);
}

static void set_up(void)
{
    const snug_context_config quiet = {.threads = 1, .log_level = SNUG_LOG_ERROR};
    if (snug_context_create(&quiet, &ctx) != SNUG_OK) abort();
    train_first();
    keep_tensors();
}

/* The given bytes as the ends of all tensors' bytes; returns what is to be freed. */
static uint8_t *overlay(snug_named_tensor *list, fuzz_bytes bytes)
{
    size_t total = 0, at = 0;
    for (int i = 0; i < n_tensors; i++) total += snug_type_bytes(&tensor[i].tensor.type);
    uint8_t *all = malloc(total + 1);
    if (!all) abort();
    for (int i = 0; i < n_tensors; i++) {
        const size_t n = snug_type_bytes(&tensor[i].tensor.type);
        list[i] = tensor[i];
        list[i].tensor.data = memcpy(all + at, tensor[i].tensor.data, n);
        at += n;
    }
    const size_t n = bytes.size < total ? bytes.size : total;
    if (n) memcpy(all + total - n, bytes.data, n);
    return all;
}

static void write_checkpoint(fuzz_bytes counters, fuzz_bytes bytes)
{
    char hex[65], path[256];
    char *text = malloc(counters.size + 1);
    if (!text) abort();
    if (counters.size) memcpy(text, counters.data, counters.size);
    text[counters.size] = '\0';
    snug_sha256 h;
    snug_sha256_begin(&h);
    snug_sha256_add(&h, text, counters.size);
    snug_sha256_end(&h, hex);
    snug_named_tensor list[sizeof tensor / sizeof tensor[0]];
    uint8_t *all = overlay(list, bytes);
    const snug_metadata meta[] = {{"snug.checkpoint", text}, {"snug.checkpoint_sha256", hex}};
    const snug_status s = snug_safetensors_write(fuzz_path(FIRST, path), n_tensors, list, 2, meta);
    if (s != SNUG_OK && s != SNUG_EINVAL) abort(); /* metadata that is no text */
    snug_error_clear();
    free(all);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[256];
    fuzz_bytes rest = {data, size};
    snug_error_clear();
    if (!ctx) set_up();
    const fuzz_bytes counters = fuzz_part(&rest);
    fuzz_remove(fuzz_path("run/checkpoints", path));
    if (snug_make_dirs(path) != SNUG_OK) abort();
    write_checkpoint(counters, rest);
    (void)fuzz_done(train(NULL, NULL, fuzz_path("run", path)));
    return 0;
}
