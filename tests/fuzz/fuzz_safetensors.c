/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a safetensors file: refused with a message, or every tensor can be read. */
#include "formats/safetensors.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(snug_safetensors *s, size_t size)
{
    for (int i = 0; i < snug_safetensors_count(s); i++) {
        snug_type type = snug_safetensors_type(s, i);
        size_t bytes = snug_type_bytes(&type);
        if (bytes > size) abort();
        snug_tensor t = {malloc(bytes + 1), type};
        if (snug_safetensors_read(s, snug_safetensors_name(s, i), &t) != SNUG_OK) abort();
        free(t.data);
    }
}

static char folder[] = "/tmp/snug-fuzz-XXXXXX", path_of_file[64];

static void remove_files(void)
{
    remove(path_of_file);
    remove(folder);
}

/* The bytes as a file, in a folder that goes with the process. */
static const char *file_of(const uint8_t *data, size_t size)
{
    if (!*path_of_file) {
        if (!mkdtemp(folder) || atexit(remove_files) != 0) abort();
        snprintf(path_of_file, sizeof path_of_file, "%s/model.safetensors", folder);
    }
    FILE *f = fopen(path_of_file, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0) abort();
    return path_of_file;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = file_of(data, size);
    snug_safetensors *s;
    snug_error_clear();
    if (snug_safetensors_open(path, &s) != SNUG_OK) {
        if (!snug_error_message()[0]) abort();
        return 0;
    }
    read_all(s, size);
    snug_status whole = snug_safetensors_verify(s);
    if (whole != SNUG_OK && whole != SNUG_EFORMAT) abort();
    snug_safetensors_close(s);
    return 0;
}
