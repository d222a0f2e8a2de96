/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over the files and folders named on the command line, and over a few inputs of
 * its own: the empty one, and every file cut short and with single bits turned. No fuzzing engine
 * is needed. */
#include "base/file.h"
#include "base/memory.h"
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_BYTES ((size_t)16 << 20)
#define VARIANTS  64

static long n_inputs;

static void give(const uint8_t *data, size_t size)
{
    (void)LLVMFuzzerTestOneInput(data, size);
    snug_error_clear();
    n_inputs++;
}

static void replay_file(const char *path)
{
    char *text;
    size_t size;
    if (snug_file_slurp(path, MAX_BYTES, &text, &size) != SNUG_OK) {
        fprintf(stderr, "%s\n", snug_error_message());
        snug_error_clear();
        return;
    }
    uint8_t *data = (uint8_t *)text;
    give(data, size);
    for (size_t i = 0; i < VARIANTS && size; i++) {
        size_t at = size * i / VARIANTS;
        give(data, at);
        data[at] ^= (uint8_t)(1u << i % 8);
        give(data, size);
        data[at] ^= (uint8_t)(1u << i % 8);
    }
    snug_free(text);
}

static void replay_folder(const char *path)
{
    char **names, file[4096];
    int n;
    if (snug_list_dir(path, &names, &n) != SNUG_OK) return;
    for (int i = 0; i < n; i++) {
        snprintf(file, sizeof file, "%s/%s", path, names[i]);
        replay_file(file);
    }
    snug_free(names);
}

int main(int argc, char **argv)
{
    give((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        if (snug_path_is_dir(argv[i]))
            replay_folder(argv[i]);
        else
            replay_file(argv[i]);
    }
    printf("%ld inputs survived\n", n_inputs);
    return 0;
}
