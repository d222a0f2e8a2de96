/* SPDX-License-Identifier: Apache-2.0 */
/* A buffer before a plain or a gzip'ed file. */
#include "data/bytes.h"

#include "base/memory.h"
#include "data/gunzip.h"

#include <string.h>

static snug_status open_into(snug_bytes *b, const char *path)
{
    bool packed = false;
    TRY(snug_file_open(path, &b->plain));
    TRY(snug_is_gzip(b->plain, &packed));
    if (packed) {
        snug_file *f = b->plain;
        b->plain = NULL;
        TRY(snug_gunzip_open(f, path, &b->packed));
    }
    return snug_bytes_more(b, 4);
}

snug_status snug_bytes_open(const char *path, snug_bytes **out)
{
    snug_bytes *b = snug_alloc(TAG_DATA, sizeof *b);
    if (!b) return snug_error_status();
    snug_status status = open_into(b, path);
    if (status != SNUG_OK) snug_bytes_close(b);
    TRY(status);
    *out = b;
    return SNUG_OK;
}

void snug_bytes_close(snug_bytes *b)
{
    if (!b) return;
    snug_file_close(b->plain);
    snug_gunzip_close(b->packed);
    snug_free(b);
}

void snug_bytes_skip_mark(snug_bytes *b)
{
    if (b->filled >= 3 && memcmp(b->buffer, "\xef\xbb\xbf", 3) == 0) b->at = 3;
}

static snug_status read_plain(snug_bytes *b, unsigned char *out, size_t room, size_t *got)
{
    uint64_t left = snug_file_size(b->plain) - b->offset;
    *got = left < room ? (size_t)left : room;
    TRY(snug_file_read_at(b->plain, b->offset, out, *got));
    b->offset += *got;
    return SNUG_OK;
}

snug_status snug_bytes_more(snug_bytes *b, size_t want)
{
    size_t have = b->filled - b->at, got = 1;
    if (have >= want) return SNUG_OK;
    memmove(b->buffer, b->buffer + b->at, have);
    b->at = 0;
    b->filled = have;
    while (b->filled < want && got > 0) {
        unsigned char *to = b->buffer + b->filled;
        size_t room = sizeof b->buffer - b->filled;
        TRY(b->packed ? snug_gunzip_read(b->packed, to, room, &got)
                      : read_plain(b, to, room, &got));
        b->filled += got;
    }
    return SNUG_OK;
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static snug_status skip_blanks(snug_bytes *b, int *c)
{
    for (;; b->at++) {
        TRY(snug_bytes_peek(b, c));
        if (!is_blank(*c)) return SNUG_OK;
    }
}

static bool is_end(int c, const char *ends)
{
    return c < 0 || c == '\n' || (c > 0 && strchr(ends, c));
}

/* A zero byte, which no text has, stands in a word as byte 1: that is no number either. */
snug_status snug_bytes_word(snug_bytes *b, const char *ends, snug_word *out)
{
    int c;
    out->length = 0;
    TRY(skip_blanks(b, &c));
    while (!is_blank(c) && !is_end(c, ends)) {
        if (out->length + 1 < sizeof out->text) out->text[out->length] = c ? (char)c : '\1';
        out->length++;
        b->at++;
        TRY(snug_bytes_peek(b, &c));
    }
    out->text[out->length < sizeof out->text ? out->length : sizeof out->text - 1] = '\0';
    bool blank = is_blank(c);
    TRY(skip_blanks(b, &c));
    bool ended = is_end(c, ends);
    out->end = ended || !blank ? c : ' ';
    if (ended && c >= 0) b->at++;
    return SNUG_OK;
}

snug_status snug_bytes_skip_line(snug_bytes *b)
{
    for (int c;;) {
        TRY(snug_bytes_peek(b, &c));
        if (c < 0) return SNUG_OK;
        b->at++;
        if (c == '\n') return SNUG_OK;
    }
}
