/* SPDX-License-Identifier: Apache-2.0 */
/* Files: whole or not at all when written, sized first when read. Every message names the file. */
#include "base/file.h"
#include "base/memory.h"
#include "base/os_calls.h"
#include "base/str.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES ((size_t)64 << 10)

/* Records what the system answered. */
static snug_status refused(int error, const char *what, const char *path)
{
    char text[128];
    snug_status s = error == ENOENT                       ? SNUG_ENOENT
                    : error == ENOMEM                     ? SNUG_ENOMEM
                    : error == EISDIR || error == ENOTDIR ? SNUG_EINVAL
                                                          : SNUG_EIO;
    CHECK(error != ESPIPE, SNUG_EINVAL,
          "cannot %s '%s': a pipe or a device, and files are read at any place; save what it gives "
          "to a file first",
          what, path);
    return FAIL(s, "cannot %s '%s': %s", what, path, snug_os_error_text(error, text, sizeof text));
}

static snug_status write_refused(int error, const char *path, size_t missing)
{
    char text[128], size[16];
    return FAIL(SNUG_EIO, "cannot write '%s': %s; %s more were to be written", path,
                snug_os_error_text(error, text, sizeof text),
                snug_format_size((double)missing, size, sizeof size));
}

/* The folder of a path, "." when it names none; into buf. */
static void folder_of(const char *path, char *buf, size_t buf_bytes)
{
    const char *slash = strrchr(path, '/');
    int length = !slash ? 1 : slash == path ? 1 : (int)(slash - path);
    snprintf(buf, buf_bytes, "%.*s", length, slash ? path : ".");
}

/* ---- atomic files ---- */

struct snug_atomic_file {
    char *path, *temporary;
    int fd;
    uint64_t written;
    size_t buffered;
    unsigned char *buffer;
};

static void atomic_free(snug_atomic_file *f)
{
    snug_os_close(f->fd);
    snug_free(f->path);
    snug_free(f->temporary);
    snug_free(f->buffer);
    snug_free(f);
}

/* A name beside path that no other writer of this or another process uses. */
static char *temporary_name(const char *path)
{
    static atomic_uint next;
    char tail[48];
    snprintf(tail, sizeof tail, ".tmp-%d-%u", snug_os_process_id(), atomic_fetch_add(&next, 1));
    size_t length = strlen(path);
    char *name = snug_alloc(TAG_FILE, length + sizeof tail);
    if (name) snprintf(name, length + sizeof tail, "%s%s", path, tail);
    return name;
}

static snug_status atomic_start(snug_atomic_file *f, const char *path)
{
    f->path = snug_strdup(TAG_FILE, path);
    f->temporary = temporary_name(path);
    f->buffer = snug_alloc(TAG_FILE, BUFFER_BYTES);
    if (!f->path || !f->temporary || !f->buffer) return SNUG_ENOMEM;
    snug_os_kind kind = snug_os_kind_of(path);
    CHECK(kind == OS_MISSING || kind == OS_FILE, SNUG_EINVAL, "cannot write '%s': it is %s", path,
          kind == OS_DIR ? "a folder" : "not a regular file");
    int error = snug_os_open(f->temporary, OS_CREATE_NEW, &f->fd);
    if (error == EEXIST) { /* left by a dead process of the same number */
        snug_os_remove(f->temporary);
        error = snug_os_open(f->temporary, OS_CREATE_NEW, &f->fd);
    }
    return error ? refused(error, "create", path) : SNUG_OK;
}

snug_status snug_atomic_open(const char *path, snug_atomic_file **out)
{
    snug_atomic_file *f = snug_alloc(TAG_FILE, sizeof *f);
    if (!f) return SNUG_ENOMEM;
    f->fd = -1;
    snug_status s = atomic_start(f, path);
    if (s != SNUG_OK)
        atomic_free(f);
    else
        *out = f;
    return s;
}

static snug_status atomic_put(snug_atomic_file *f, const void *data, size_t bytes)
{
    size_t done;
    int error = snug_os_write_at(f->fd, f->written, data, bytes, &done);
    f->written += done;
    return error ? write_refused(error, f->path, bytes - done) : SNUG_OK;
}

static snug_status atomic_flush(snug_atomic_file *f)
{
    size_t bytes = f->buffered;
    f->buffered = 0;
    return bytes ? atomic_put(f, f->buffer, bytes) : SNUG_OK;
}

snug_status snug_atomic_write(snug_atomic_file *f, const void *data, size_t bytes)
{
    if (f->buffered + bytes > BUFFER_BYTES) TRY(atomic_flush(f));
    if (bytes >= BUFFER_BYTES) return atomic_put(f, data, bytes);
    memcpy(f->buffer + f->buffered, data, bytes);
    f->buffered += bytes;
    return SNUG_OK;
}

static snug_status atomic_finish(snug_atomic_file *f)
{
    char folder[4096];
    TRY(atomic_flush(f));
    int error = snug_os_sync(f->fd);
    if (error) return refused(error, "flush", f->path);
    error = snug_os_rename(f->temporary, f->path);
    if (error) return refused(error, "rename a finished file to", f->path);
    folder_of(f->path, folder, sizeof folder);
    error = snug_os_sync_dir(folder);
    return error ? refused(error, "flush the folder of", f->path) : SNUG_OK;
}

snug_status snug_atomic_commit(snug_atomic_file *f)
{
    snug_status s = atomic_finish(f);
    if (s != SNUG_OK) snug_os_remove(f->temporary);
    atomic_free(f);
    return s;
}

void snug_atomic_abort(snug_atomic_file *f)
{
    if (!f) return;
    snug_os_remove(f->temporary);
    atomic_free(f);
}

/* ---- reading ---- */

struct snug_file {
    int fd;
    uint64_t size;
    char path[]; /* for messages */
};

static snug_status file_make(const char *path, snug_os_mode mode, const char *what, snug_file **out)
{
    size_t length = strlen(path);
    snug_file *f = snug_alloc(TAG_FILE, sizeof *f + length + 1);
    if (!f) return SNUG_ENOMEM;
    memcpy(f->path, path, length + 1);
    f->fd = -1;
    int error = snug_os_open(path, mode, &f->fd);
    if (!error) error = snug_os_size(f->fd, &f->size);
    if (!error && mode == OS_READ && !snug_os_is_regular(f->fd)) error = ESPIPE;
    snug_status s = error ? refused(error, what, path) : SNUG_OK;
    if (s == SNUG_OK)
        *out = f;
    else
        snug_file_close(f);
    return s;
}

snug_status snug_file_open(const char *path, snug_file **out)
{
    return file_make(path, OS_READ, "open", out);
}

void snug_file_close(snug_file *f)
{
    if (!f) return;
    snug_os_close(f->fd);
    snug_free(f);
}

uint64_t snug_file_size(const snug_file *f)
{
    return f->size;
}

snug_status snug_file_read_at(snug_file *f, uint64_t offset, void *out, size_t bytes)
{
    CHECK(offset <= f->size && bytes <= f->size - offset, SNUG_EFORMAT,
          "'%s' ends at byte %" PRIu64 "; bytes %" PRIu64 " to %" PRIu64 " were expected", f->path,
          f->size, offset, offset + bytes);
    size_t done;
    int error = snug_os_read_at(f->fd, offset, out, bytes, &done);
    if (error) return refused(error, "read", f->path);
    CHECK(done == bytes, SNUG_EIO, "'%s' became shorter while it was read", f->path);
    return SNUG_OK;
}

/* ---- scratch ---- */

snug_status snug_scratch_open(const char *dir, snug_file **out)
{
    if (!dir) dir = getenv("TMPDIR");
    if (!dir || !*dir) dir = "/tmp";
    return file_make(dir, OS_UNNAMED, "make a scratch file in", out);
}

snug_status snug_scratch_append(snug_file *f, const void *data, size_t bytes)
{
    size_t done;
    int error = snug_os_write_at(f->fd, f->size, data, bytes, &done);
    if (error) return write_refused(error, f->path, bytes - done);
    f->size += bytes;
    return SNUG_OK;
}

/* ---- whole files ---- */

static snug_status too_large(const char *path, size_t max_bytes)
{
    char size[16];
    return FAIL(SNUG_EFORMAT, "'%s' is larger than %s, which is the most that is read here", path,
                snug_format_size((double)max_bytes, size, sizeof size));
}

/* Files of /proc tell no size: what is read decides, and one byte more than told is asked for. */
static snug_status slurp(snug_file *f, size_t max_bytes, char **out, size_t *bytes)
{
    if (f->size > max_bytes) return too_large(f->path, max_bytes);
    size_t room = f->size ? (size_t)f->size : max_bytes < 65536 ? max_bytes : 65536, done;
    char *text = snug_alloc(TAG_FILE, room + 1);
    if (!text) return SNUG_ENOMEM;
    int error = snug_os_read(f->fd, text, room + 1, &done);
    if (error || done > room) {
        snug_free(text);
        return error ? refused(error, "read", f->path) : too_large(f->path, room);
    }
    text[done] = '\0';
    *out = text;
    if (bytes) *bytes = done;
    return SNUG_OK;
}

snug_status snug_file_slurp(const char *path, size_t max_bytes, char **out, size_t *bytes)
{
    snug_file *f;
    TRY(snug_file_open(path, &f));
    snug_status s = slurp(f, max_bytes, out, bytes);
    snug_file_close(f);
    return s;
}

snug_status snug_file_write_text(const char *path, const char *text)
{
    snug_atomic_file *f;
    TRY(snug_atomic_open(path, &f));
    snug_status s = snug_atomic_write(f, text, strlen(text));
    if (s == SNUG_OK) return snug_atomic_commit(f);
    snug_atomic_abort(f);
    return s;
}

/* ---- appending lines ---- */

struct snug_appender {
    int fd;
    uint64_t size;
    size_t capacity;
    char *line; /* the line with its end, so that one write holds it */
    char *path;
};

static snug_status appender_start(snug_appender *a, const char *path, uint64_t keep_bytes)
{
    a->path = snug_strdup(TAG_FILE, path);
    a->capacity = 1024;
    a->line = snug_alloc(TAG_FILE, a->capacity);
    if (!a->path || !a->line) return SNUG_ENOMEM;
    int error = snug_os_open(path, OS_APPEND, &a->fd);
    if (!error) error = snug_os_size(a->fd, &a->size);
    if (error) return refused(error, "open", path);
    CHECK(keep_bytes <= a->size, SNUG_EFORMAT,
          "'%s' has %" PRIu64 " bytes where %" PRIu64 " were written before", path, a->size,
          keep_bytes);
    error = keep_bytes < a->size ? snug_os_truncate(a->fd, keep_bytes) : 0;
    a->size = keep_bytes;
    return error ? refused(error, "shorten", path) : SNUG_OK;
}

snug_status snug_appender_open(const char *path, uint64_t keep_bytes, snug_appender **out)
{
    snug_appender *a = snug_alloc(TAG_FILE, sizeof *a);
    if (!a) return SNUG_ENOMEM;
    a->fd = -1;
    snug_status s = appender_start(a, path, keep_bytes);
    if (s != SNUG_OK)
        snug_appender_close(a);
    else
        *out = a;
    return s;
}

snug_status snug_appender_line(snug_appender *a, const char *line)
{
    size_t length = strlen(line), done;
    if (length + 1 > a->capacity) {
        char *longer = snug_realloc(TAG_FILE, a->line, length + 1);
        if (!longer) return SNUG_ENOMEM;
        a->line = longer;
        a->capacity = length + 1;
    }
    memcpy(a->line, line, length);
    a->line[length] = '\n';
    int error = snug_os_write_at(a->fd, a->size, a->line, length + 1, &done);
    if (error) {
        if (done) (void)snug_os_truncate(a->fd, a->size); /* half a line helps nobody */
        return write_refused(error, a->path, length + 1 - done);
    }
    a->size += length + 1;
    return SNUG_OK;
}

uint64_t snug_appender_size(const snug_appender *a)
{
    return a->size;
}

void snug_appender_close(snug_appender *a)
{
    if (!a) return;
    snug_os_close(a->fd);
    snug_free(a->path);
    snug_free(a->line);
    snug_free(a);
}

/* ---- folders ---- */

bool snug_path_exists(const char *path)
{
    return snug_os_kind_of(path) != OS_MISSING;
}

bool snug_path_is_dir(const char *path)
{
    return snug_os_kind_of(path) == OS_DIR;
}

snug_status snug_make_dirs(const char *path)
{
    char part[4096];
    size_t length = strlen(path);
    CHECK(length > 0 && length < sizeof part, SNUG_EINVAL, "'%s' cannot be a folder's name", path);
    memcpy(part, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (part[i] != '/' && part[i] != '\0') continue;
        part[i] = '\0';
        int error = snug_path_is_dir(part) ? 0 : snug_os_make_dir(part);
        if (error && !snug_path_is_dir(part)) return refused(error, "make the folder", part);
        part[i] = path[i];
    }
    return SNUG_OK;
}

snug_status snug_make_new_dir(const char *path, bool *made)
{
    const int error = snug_os_make_dir(path);
    *made = error == 0;
    return error == 0 || snug_path_exists(path) ? SNUG_OK : refused(error, "make the folder", path);
}

snug_status snug_remove_file(const char *path)
{
    int error = snug_os_remove(path);
    return error ? refused(error, "remove", path) : SNUG_OK;
}

/* Names one after another, each with its end; pointers come when all are known. */
typedef struct names {
    snug_str text;
    int n;
} names;

static bool collect(void *arg, const char *name)
{
    names *all = arg;
    snug_str_addn(&all->text, name, strlen(name) + 1);
    all->n++;
    return !all->text.failed;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static snug_status list_into(names *all, const char *path, char ***out, int *n)
{
    int error = snug_os_list(path, collect, all);
    if (error) return refused(error, "list", path);
    TRY(snug_str_check(&all->text));
    size_t pointers = (size_t)all->n * sizeof(char *);
    char **list = snug_alloc(TAG_FILE, pointers + all->text.length);
    if (!list) return SNUG_ENOMEM;
    char *at = (char *)list + pointers;
    if (all->n) memcpy(at, all->text.text, all->text.length);
    for (int i = 0; i < all->n; i++, at += strlen(at) + 1) list[i] = at;
    if (all->n) qsort(list, (size_t)all->n, sizeof *list, by_name);
    *out = list;
    *n = all->n;
    return SNUG_OK;
}

snug_status snug_list_dir(const char *path, char ***out, int *n)
{
    names all = {0};
    snug_status s = list_into(&all, path, out, n);
    snug_str_free(&all.text);
    return s;
}
