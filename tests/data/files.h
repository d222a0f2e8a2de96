/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of data/ share: a folder of their own, files written into it, data sets opened. */
#ifndef TESTS_DATA_FILES_H
#define TESTS_DATA_FILES_H

#include "support/check.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static snug_context *ctx;
static char folder[64];

static inline int files_setup(void **state)
{
    (void)state;
    const snug_context_config config = {.threads = 1, .log_level = SNUG_LOG_ERROR};
    snprintf(folder, sizeof folder, "/tmp/snug-data-XXXXXX");
    if (!mkdtemp(folder)) return 1;
    return snug_context_create(&config, &ctx) != SNUG_OK;
}

static inline int files_teardown(void **state)
{
    (void)state;
    char command[96];
    snug_context_destroy(ctx);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* Path of a file in the folder; good for the next 63 calls. */
static inline const char *path_of(const char *name)
{
    static char path[64][256];
    static int turn;
    char *p = path[turn++ % 64];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static inline const char *write_file(const char *name, const void *data, size_t n)
{
    const char *path = path_of(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
    return path;
}

static inline const char *write_text(const char *name, const char *text)
{
    return write_file(name, text, strlen(text));
}

static inline const char *write_packed(const char *name, const void *data, size_t n)
{
    const char *path = path_of(name);
    gzFile f = gzopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, data, (unsigned)n), n);
    gzclose(f);
    return path;
}

/* Opens, or fails the test with the message. */
static inline snug_dataset *open_config(const snug_data_config *config)
{
    snug_dataset *d = NULL;
    snug_error_clear();
    if (snug_dataset_open(ctx, config, &d) != SNUG_OK) fail_msg("%s", snug_error_message());
    return d;
}

static inline snug_dataset *open_path(const char *path)
{
    const snug_data_config config = {.path = path};
    return open_config(&config);
}

/* Opening must fail with this status and a message holding `words`. */
static inline void refuses_config(const snug_data_config *config, snug_status status,
                                  const char *words)
{
    snug_dataset *d = NULL;
    snug_error_clear();
    snug_status s = snug_dataset_open(ctx, config, &d);
    if (s == SNUG_OK) snug_dataset_close(d);
    if (s != status || !strstr(snug_error_message(), words))
        fail_msg("wanted %s with '%s', got %s: %s", snug_status_name(status), words,
                 snug_status_name(s), snug_error_message());
    snug_error_clear();
}

static inline void refuses(const char *path, snug_status status, const char *words)
{
    const snug_data_config config = {.path = path};
    refuses_config(&config, status, words);
}

static inline bool has_problem(const snug_dataset *d, const char *words)
{
    const snug_data_info *info = snug_dataset_info(d);
    for (int i = 0; i < info->n_problems; i++)
        if (strstr(info->problems[i], words)) return true;
    return false;
}

/* An IDX file of u8 in memory: dims, then content byte i = value(i). */
static inline size_t make_idx(unsigned char *out, int n_dims, const uint32_t *dim,
                              unsigned char (*value)(size_t i))
{
    size_t n = 1, at = 4;
    out[0] = out[1] = 0;
    out[2] = 8;
    out[3] = (unsigned char)n_dims;
    for (int i = 0; i < n_dims; i++) {
        n *= dim[i];
        for (int k = 3; k >= 0; k--) out[at++] = (unsigned char)(dim[i] >> (8 * k));
    }
    for (size_t i = 0; i < n; i++) out[at++] = value(i);
    return at;
}

#endif
