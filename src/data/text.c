/* SPDX-License-Identifier: Apache-2.0 */
/* Plain text: a record is one character of UTF-8 (its code point), or one byte of a file that is
 * none. What is one byte a character is read in place; other text is unpacked once into a scratch
 * file of code points, and what is gzip'ed into a scratch file too.
 *
 * A folder has one .txt file, or parts called train, valid or validation, and test.
 */
#include "base/file.h"
#include "data/bytes.h"
#include "data/format.h"
#include "data/names.h"
#include "data/utf8.h"

#include <stdio.h>
#include <string.h>

#define WRITE_AT_ONCE 4096
#define LOOK_BYTES    4096

/* What a file turned out to be. */
typedef struct text_look {
    int64_t bytes, characters;
    bool utf8, packed, marked; /* marked: it starts with a byte-order mark */
} text_look;

typedef struct text_part {
    char path[SNUG_PATH_BYTES]; /* "": no such part */
    text_look look;
    snug_file *file;
    uint64_t offset; /* of the first record */
} text_part;

typedef struct text_source {
    snug_source base;
    text_part part[N_RAW_PARTS];
} text_source;

/* ---- names ----------------------------------------------------------------------------------- */

static const char *const part_words[N_RAW_PARTS] = {
    [RAW_MAIN] = "train", [RAW_TEST] = "test", [RAW_VALIDATION] = "valid"};

static bool text_name(const char *name)
{
    return snug_name_ends(name, ".txt") || snug_name_ends(name, ".txt.gz");
}

static snug_status take_name(text_source *x, const char *folder, const char *name, bool only)
{
    int part = RAW_MAIN;
    for (int p = 0; p < N_RAW_PARTS && !only; p++)
        if (strstr(name, part_words[p])) part = p;
    char *path = x->part[part].path;
    CHECK(!*path, SNUG_EINVAL, "%s: holds several texts (%s and %s): name the one to train on",
          folder, snug_name_of(path), name);
    return snug_path_join(folder, name, path);
}

static snug_status find_in_names(text_source *x, const char *folder, char *const *names, int n)
{
    int texts = 0;
    for (int i = 0; i < n; i++) texts += text_name(names[i]);
    CHECK(texts > 0, SNUG_EFORMAT, "%s: no .txt file in this folder", folder);
    for (int i = 0; i < n; i++)
        if (text_name(names[i])) TRY(take_name(x, folder, names[i], texts == 1));
    CHECK(x->part[RAW_MAIN].path[0], SNUG_EINVAL, "%s: none of its %d texts is called train",
          folder, texts);
    return SNUG_OK;
}

static snug_status find_files(text_source *x, const snug_data_config *config)
{
    if (snug_path_is_dir(config->path)) {
        char **names = NULL;
        int n = 0;
        TRY(snug_list_dir(config->path, &names, &n));
        snug_status status = find_in_names(x, config->path, names, n);
        snug_free(names);
        TRY(status);
    } else {
        TRY(snug_path_copy(config->path, x->part[RAW_MAIN].path));
    }
    return config->test_path ? snug_path_copy(config->test_path, x->part[RAW_TEST].path) : SNUG_OK;
}

/* ---- looking through a file ------------------------------------------------------------------ */

/* The next character; *length 0 at the end of the file. A byte that is no UTF-8 is itself. */
static snug_status next_character(snug_bytes *b, uint32_t *c, size_t *length, bool *odd)
{
    if (b->filled - b->at < SNUG_UTF8_MAX) TRY(snug_bytes_more(b, SNUG_UTF8_MAX));
    size_t there = b->filled - b->at;
    *length = 0;
    if (there == 0) return SNUG_OK;
    *length = snug_utf8_read(b->buffer + b->at, there, c);
    if (*length == 0) {
        *odd = true;
        *c = b->buffer[b->at];
        *length = 1;
    }
    b->at += *length;
    return SNUG_OK;
}

static snug_status look_through(snug_bytes *b, text_look *look)
{
    bool odd = false;
    uint32_t c;
    size_t length;
    *look = (text_look){.packed = b->packed != NULL};
    snug_bytes_skip_mark(b);
    look->marked = b->at > 0;
    for (;;) {
        TRY(next_character(b, &c, &length, &odd));
        if (length == 0) break;
        look->bytes += (int64_t)length;
        look->characters++;
    }
    look->utf8 = !odd;
    return SNUG_OK;
}

static snug_status look_at(text_part *p)
{
    snug_bytes *b = NULL;
    TRY(snug_bytes_open(p->path, &b));
    snug_status status = look_through(b, &p->look);
    snug_bytes_close(b);
    TRY(status);
    CHECK(p->look.bytes > 0, SNUG_EFORMAT, "%s: empty, no text", p->path);
    return SNUG_OK;
}

/* ---- records --------------------------------------------------------------------------------- */

static snug_status unpack_bytes(snug_bytes *b, snug_file *to)
{
    for (;;) {
        TRY(snug_bytes_more(b, 1));
        if (b->at == b->filled) return SNUG_OK;
        TRY(snug_scratch_append(to, b->buffer + b->at, b->filled - b->at));
        b->at = b->filled;
    }
}

static snug_status unpack_characters(snug_bytes *b, snug_file *to)
{
    uint32_t block[WRITE_AT_ONCE];
    size_t n = 0, length = 1;
    bool odd = false;
    while (length > 0) {
        TRY(next_character(b, &block[n], &length, &odd));
        n += length > 0;
        if (n < WRITE_AT_ONCE && length > 0) continue;
        TRY(snug_scratch_append(to, block, n * sizeof *block));
        n = 0;
    }
    return SNUG_OK;
}

static snug_status unpack(text_source *x, text_part *p, const char *scratch_dir)
{
    snug_bytes *b = NULL;
    TRY(snug_scratch_open(scratch_dir, &p->file));
    TRY(snug_bytes_open(p->path, &b));
    if (!x->base.bytes) snug_bytes_skip_mark(b);
    snug_status status =
        x->base.dtype == SNUG_U8 ? unpack_bytes(b, p->file) : unpack_characters(b, p->file);
    snug_bytes_close(b);
    x->base.scratch_bytes += (size_t)snug_file_size(p->file);
    return status;
}

/* Bytes or characters, one of them for all parts. */
static snug_status choose_unit(text_source *x, const snug_spec *spec)
{
    bool utf8 = true, single = true;
    for (int i = 0; i < N_RAW_PARTS; i++) {
        const text_part *p = &x->part[i];
        if (!p->path[0]) continue;
        utf8 &= p->look.utf8;
        single &= p->look.bytes == p->look.characters;
    }
    x->base.bytes = spec ? spec->bytes : !utf8;
    CHECK(utf8 || x->base.bytes, SNUG_ESHAPE,
          "%s: no UTF-8; the model was trained on characters, not on bytes",
          x->part[RAW_MAIN].path);
    x->base.dtype = x->base.bytes || single ? SNUG_U8 : SNUG_I32;
    x->base.record_bytes = x->base.dtype == SNUG_U8 ? 1 : 4;
    return SNUG_OK;
}

static snug_status open_part(text_source *x, snug_raw_part part, const char *scratch_dir)
{
    text_part *p = &x->part[part];
    bool mark = p->look.marked && x->base.bytes; /* bytes are taken as they are */
    x->base.n[part] = x->base.bytes ? p->look.bytes + (mark ? 3 : 0) : p->look.characters;
    if (p->look.packed || x->base.dtype != SNUG_U8) return unpack(x, p, scratch_dir);
    p->offset = p->look.marked && !mark ? 3 : 0;
    TRY(snug_file_open(p->path, &p->file));
    CHECK(snug_file_size(p->file) == p->offset + (uint64_t)x->base.n[part], SNUG_EIO,
          "%s: changed while it was opened", p->path);
    return SNUG_OK;
}

static snug_status open_parts(text_source *x, const snug_data_config *config, const snug_spec *spec)
{
    TRY(find_files(x, config));
    for (int p = 0; p < N_RAW_PARTS; p++)
        if (x->part[p].path[0]) TRY(look_at(&x->part[p]));
    TRY(choose_unit(x, spec));
    for (int p = 0; p < N_RAW_PARTS; p++)
        if (x->part[p].path[0]) TRY(open_part(x, (snug_raw_part)p, config->scratch_dir));
    return SNUG_OK;
}

static snug_status source_read(snug_source *s, snug_raw_part part, int64_t first, int64_t n,
                               void *out)
{
    const text_part *p = &((text_source *)s)->part[part];
    return snug_file_read_at(p->file, p->offset + (uint64_t)first * s->record_bytes, out,
                             (size_t)n * s->record_bytes);
}

static void source_close(snug_source *s)
{
    text_source *x = (text_source *)s;
    for (int p = 0; p < N_RAW_PARTS; p++) snug_file_close(x->part[p].file);
    snug_free(x);
}

static snug_status text_open(const snug_data_config *config, const snug_spec *spec,
                             snug_source **out)
{
    CHECK(!spec || spec->kind == SNUG_DATA_TEXT, SNUG_ESHAPE,
          "%s: text, which is not what the model was trained on", config->path);
    text_source *x = snug_alloc(TAG_DATA, sizeof *x);
    if (!x) return snug_error_status();
    x->base = (snug_source){.kind = SNUG_DATA_TEXT,
                            .resident_bytes = sizeof *x,
                            .target = SNUG_TARGET_TOKENS,
                            .read = source_read,
                            .close = source_close};
    return snug_source_give(&x->base, open_parts(x, config, spec), out);
}

/* ---- looking --------------------------------------------------------------------------------- */

static snug_status looks_folder(const char *path, int *sure)
{
    char **names = NULL;
    int n = 0;
    TRY(snug_list_dir(path, &names, &n));
    for (int i = 0; i < n; i++)
        if (text_name(names[i])) *sure = 20;
    snug_free(names);
    return SNUG_OK;
}

/* Whether the first bytes are UTF-8 without the control characters that no text has. */
static snug_status looks_readable(const char *path, bool *out)
{
    snug_bytes *b = NULL;
    bool odd = false;
    uint32_t c = 0;
    size_t length = 1;
    TRY(snug_bytes_open(path, &b));
    snug_status status = snug_bytes_more(b, LOOK_BYTES);
    bool empty = b->filled == 0;
    while (status == SNUG_OK && length > 0 && !odd && b->at < LOOK_BYTES) {
        status = next_character(b, &c, &length, &odd);
        odd |= length > 0 && (c < 9 || (c > 13 && c < 32 && c != 27));
    }
    snug_bytes_close(b);
    *out = !odd && !empty;
    return status;
}

/* A file named .txt is text unless it looks like a table; so is any other that can be read, when
 * nobody else wants it. */
static snug_status text_looks(const char *path, int *sure)
{
    bool readable = false;
    *sure = 0;
    if (!snug_path_exists(path)) return SNUG_OK;
    if (snug_path_is_dir(path)) return looks_folder(path, sure);
    *sure = text_name(path) ? 20 : 0;
    if (*sure) return SNUG_OK;
    snug_status s = looks_readable(path, &readable);
    if (s == SNUG_EFORMAT) { /* damaged gzip data: somebody else's */
        snug_error_clear();
        return SNUG_OK;
    }
    TRY(s);
    *sure = readable ? 10 : 0;
    return SNUG_OK;
}

const snug_format snug_format_text = {
    .name = "text",
    .doc = "plain text (.txt, .gz too), a file or a folder with one, or with train, valid and test",
    .looks = text_looks,
    .open = text_open,
};
