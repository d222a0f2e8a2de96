/* SPDX-License-Identifier: Apache-2.0 */
/* A file in memory for fuzzers of things that open paths: one a process, rewritten each time. */
#ifndef FUZZ_SCRATCH_PATH_H
#define FUZZ_SCRATCH_PATH_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char fuzz_folder[] = "/dev/shm/snug-fuzz-XXXXXX", fuzz_paths[2][64];

static void fuzz_forget(void)
{
    for (int i = 0; i < 2; i++) unlink(fuzz_paths[i]);
    rmdir(fuzz_folder);
}

/* File number 0 or 1 of the process, called `name`, with these bytes. */
static inline const char *fuzz_file(int number, const char *name, const uint8_t *data, size_t size)
{
    static int made;
    if (!made++ && (!mkdtemp(fuzz_folder) || atexit(fuzz_forget))) abort();
    snprintf(fuzz_paths[number], sizeof fuzz_paths[number], "%s/%s", fuzz_folder, name);
    FILE *f = fopen(fuzz_paths[number], "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) abort();
    return fuzz_paths[number];
}

#endif
