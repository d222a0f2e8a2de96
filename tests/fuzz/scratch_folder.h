/* SPDX-License-Identifier: Apache-2.0 */
/* A folder in memory for fuzzers of things that read whole folders, and inputs made of parts. */
#ifndef FUZZ_SCRATCH_FOLDER_H
#define FUZZ_SCRATCH_FOLDER_H

#include "base/file.h"
#include "base/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct fuzz_bytes {
    const uint8_t *data;
    size_t size;
} fuzz_bytes;

/* What stands before the next NUL, which is taken off *rest with it. */
static inline fuzz_bytes fuzz_part(fuzz_bytes *rest)
{
    const uint8_t *end = rest->size ? memchr(rest->data, 0, rest->size) : NULL;
    const size_t n = end ? (size_t)(end - rest->data) : rest->size;
    const fuzz_bytes part = {rest->data, n};
    *rest = end ? (fuzz_bytes){end + 1, rest->size - n - 1} : (fuzz_bytes){rest->data + n, 0};
    return part;
}

static inline void fuzz_remove(const char *path)
{
    char **name, inner[256];
    int n;
    if (!snug_path_is_dir(path)) {
        unlink(path);
        return;
    }
    if (snug_list_dir(path, &name, &n) != SNUG_OK) abort();
    for (int i = 0; i < n; i++) {
        if (snprintf(inner, sizeof inner, "%s/%s", path, name[i]) >= (int)sizeof inner) abort();
        fuzz_remove(inner);
    }
    snug_free(name);
    rmdir(path);
}

static char fuzz_root[] = "/dev/shm/snug-fuzz-XXXXXX";

static void fuzz_forget(void)
{
    fuzz_remove(fuzz_root);
}

/* The full path of a name below the folder of this process, which goes with it; into buf. */
static inline const char *fuzz_path(const char *name, char buf[256])
{
    static int made;
    if (!made++ && (!mkdtemp(fuzz_root) || atexit(fuzz_forget))) abort();
    snprintf(buf, 256, "%s/%s", fuzz_root, name);
    return buf;
}

/* A file of these bytes, and the folders it lies in; its path into buf. */
static inline const char *fuzz_put(const char *name, fuzz_bytes bytes, char buf[256])
{
    char folder[256];
    snprintf(folder, sizeof folder, "%s", fuzz_path(name, buf));
    *strrchr(folder, '/') = '\0';
    if (snug_make_dirs(folder) != SNUG_OK) abort();
    FILE *f = fopen(buf, "wb");
    if (!f || fwrite(bytes.data, 1, bytes.size, f) != bytes.size || fclose(f)) abort();
    return buf;
}

/* A call that may fail, but not without a message. */
static inline bool fuzz_done(snug_status s)
{
    if (s != SNUG_OK && (s != snug_error_status() || !snug_error_message()[0])) abort();
    snug_error_clear();
    return s == SNUG_OK;
}

#endif
