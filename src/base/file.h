/* SPDX-License-Identifier: Apache-2.0 */
/* Files. Everything written goes to a temporary name beside its place, is flushed and renamed;
 * everything read is sized first. All calls pass the fault hook. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file that appears whole or not at all. */
typedef struct snug_atomic_file snug_atomic_file;
snug_status snug_atomic_open(const char *path, snug_atomic_file **out) SNUG_MUST_USE;
snug_status snug_atomic_write(snug_atomic_file *f, const void *data,
                              size_t bytes) SNUG_MUST_USE; /* buffered */
/* Flush, fsync, rename over path, fsync the folder; frees f whether it succeeds or not. */
snug_status snug_atomic_commit(snug_atomic_file *f) SNUG_MUST_USE;
void snug_atomic_abort(snug_atomic_file *f); /* removes the temporary file; safe on NULL */

/* Random access for reading; offsets are checked against the size taken at opening. */
typedef struct snug_file snug_file;
snug_status snug_file_open(const char *path,
                           snug_file **out) SNUG_MUST_USE; /* ENOENT when missing */
void snug_file_close(snug_file *f);
uint64_t snug_file_size(const snug_file *f);
snug_status snug_file_read_at(snug_file *f, uint64_t offset, void *out, size_t bytes) SNUG_MUST_USE;

/* An unnamed scratch file on the folder `dir` (NULL: $TMPDIR or /tmp), gone when closed. Its size
 * grows with appends; reads see what was appended. */
snug_status snug_scratch_open(const char *dir, snug_file **out) SNUG_MUST_USE;
snug_status snug_scratch_append(snug_file *f, const void *data, size_t bytes) SNUG_MUST_USE;

/* A whole small file as a NUL-terminated string (freed with snug_free); EFORMAT above max_bytes. */
snug_status snug_file_slurp(const char *path, size_t max_bytes, char **out,
                            size_t *bytes) SNUG_MUST_USE;
snug_status snug_file_write_text(const char *path, const char *text) SNUG_MUST_USE; /* atomic */

/* Append one whole line (a '\n' is added) with a single write; for events. */
typedef struct snug_appender snug_appender;
snug_status snug_appender_open(const char *path, uint64_t keep_bytes,
                               snug_appender **out) SNUG_MUST_USE; /* truncates to keep_bytes */
snug_status snug_appender_line(snug_appender *a, const char *line) SNUG_MUST_USE;
uint64_t snug_appender_size(const snug_appender *a);
void snug_appender_close(snug_appender *a);

bool snug_path_exists(const char *path);
bool snug_path_is_dir(const char *path);
snug_status snug_make_dirs(const char *path) SNUG_MUST_USE; /* like mkdir -p */
/* One folder, whose parent is there; *made is false when something of this name was there before.
 */
snug_status snug_make_new_dir(const char *path, bool *made) SNUG_MUST_USE;
snug_status snug_remove_file(const char *path) SNUG_MUST_USE;
/* Names in a folder, sorted, without . and ..; one block freed with snug_free. */
snug_status snug_list_dir(const char *path, char ***names, int *n) SNUG_MUST_USE;

#endif
