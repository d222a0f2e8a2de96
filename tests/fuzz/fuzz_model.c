/* SPDX-License-Identifier: Apache-2.0 */
/* A model's file of any header (up to the first NUL) and any tensor bytes (behind it): refused with
 * a message, or what was opened judges and predicts, as far as data fit its spec. */
#include "fuzz/scratch_folder.h"
#include <snug/snug.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static snug_context *context(void)
{
    static snug_context *ctx;
    const snug_context_config quiet = {.threads = 1, .log_level = SNUG_LOG_ERROR};
    if (!ctx && snug_context_create(&quiet, &ctx) != SNUG_OK) abort();
    return ctx;
}

/* The length, the header, the tensors. */
static const char *file_of(fuzz_bytes input, char path[256])
{
    fuzz_bytes rest = input;
    const fuzz_bytes header = fuzz_part(&rest);
    const uint64_t length = header.size;
    uint8_t *all = malloc(sizeof length + header.size + rest.size);
    if (!all) abort();
    memcpy(all, &length, sizeof length);
    if (header.size) memcpy(all + sizeof length, header.data, header.size);
    if (rest.size) memcpy(all + sizeof length + header.size, rest.data, rest.size);
    const fuzz_bytes file = {all, sizeof length + header.size + rest.size};
    fuzz_put("model.safetensors", file, path);
    free(all);
    return path;
}

static void check_row(void *arg, const snug_prediction *p)
{
    int64_t *rows = arg;
    if (p->row != (*rows)++) abort();
    if (p->class_index >= p->n_outputs) abort();
    if (p->class_index >= 0 && !p->class_name) abort();
}

static void use(snug_model *m, const char *data_path, bool no_target)
{
    const snug_data_config config = {.path = data_path,
                                     .spec = snug_model_spec(m),
                                     .no_target = no_target,
                                     .scratch_dir = "/dev/shm"};
    snug_dataset *d = NULL;
    snug_metrics metrics;
    int64_t rows = 0;
    if (fuzz_done(snug_dataset_open(context(), &config, &d))) {
        (void)fuzz_done(snug_model_predict(m, d, SNUG_PART_TRAIN, 2, check_row, &rows));
        (void)fuzz_done(snug_model_eval(m, d, SNUG_PART_TRAIN, 3, &metrics));
    }
    snug_dataset_close(d);
}

static void use_text(snug_model *m, const char *name, const char *text)
{
    char path[256];
    fuzz_put(name, (fuzz_bytes){(const uint8_t *)text, strlen(text)}, path);
    use(m, path, false);
    use(m, path, true);
}

static void check_token(void *arg, const snug_token *t)
{
    int64_t *position = arg;
    if (t->position != (*position)++ || t->n_bytes < 1) abort();
}

/* Past the context of a model that has a small one. */
static void go_on(snug_model *m)
{
    const snug_generate_config config = {.prompt = "ab", .tokens = 6, .temperature = 1};
    int64_t position = 0;
    if (fuzz_done(snug_model_generate(m, &config, check_token, &position)) && position != 6)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[256];
    snug_model *m;
    snug_error_clear();
    if (!fuzz_done(snug_model_open(context(), file_of((fuzz_bytes){data, size}, path), &m)))
        return 0;
    if (!snug_model_name(m) || !snug_model_data_path(m) || snug_model_parameters(m) < 0) abort();
    use(m, "glyphs:n=3", false);
    use_text(m, "table.csv", "size,colour,kind\n1,red,a\n2,,b\n,blue,a\n");
    use_text(m, "table.csv", "size,colour,kind\n4,red,1\n3,blue,5\n");
    use_text(m, "table.csv", "size,colour,p,q\n1,red,0,1\n2,blue,1,1\n");
    use_text(m, "series.ts", "@univariate false\n@classLabel true a b\n@data\n1,2:3,4:a\n5:6:b\n");
    use_text(m, "text.txt", "abcabbcacb");
    go_on(m);
    snug_model_close(m);
    return 0;
}
