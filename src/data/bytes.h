/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a file, plain or gzip'ed, from front to back through a bounded buffer. */
#ifndef DATA_BYTES_H
#define DATA_BYTES_H

#include "base/file.h"

typedef struct snug_gunzip snug_gunzip;

#define SNUG_BYTES_BUFFER ((size_t)64 << 10)

typedef struct snug_bytes {
    snug_file *plain; /* or */
    snug_gunzip *packed;
    uint64_t offset; /* of what comes after the buffer, in a plain file */
    size_t at, filled;
    unsigned char buffer[SNUG_BYTES_BUFFER];
} snug_bytes;

snug_status snug_bytes_open(const char *path, snug_bytes **out) SNUG_MUST_USE;
void snug_bytes_close(snug_bytes *b);
/* Pass over a byte-order mark of UTF-8; before anything else was read. */
void snug_bytes_skip_mark(snug_bytes *b);
/* Make at least `want` bytes (at most half a buffer) lie in the buffer from `at` on, fewer only at
 * the end. */
snug_status snug_bytes_more(snug_bytes *b, size_t want) SNUG_MUST_USE;

/* The next byte, -1 at the end; it stays the next one until `at` moves on. */
static inline snug_status snug_bytes_peek(snug_bytes *b, int *c)
{
    if (b->at == b->filled) {
        const snug_status s = snug_bytes_more(b, 1);
        if (s != SNUG_OK) return s;
    }
    *c = b->at < b->filled ? b->buffer[b->at] : -1;
    return SNUG_OK;
}

/* A word of a line: what lies before one of `ends`, a blank, or the line's end. */
typedef struct snug_word {
    char text[256]; /* as much of it as fits */
    size_t length;  /* 0: there is none, as between two commas */
    int end; /* the byte that ended it, blanks passed over: one of `ends`, ' ', '\n', or -1 */
} snug_word;

/* The next word; one of `ends` behind it is passed over too, the end of a line with '\r' or not. */
snug_status snug_bytes_word(snug_bytes *b, const char *ends, snug_word *out) SNUG_MUST_USE;
/* Pass over the rest of the line. */
snug_status snug_bytes_skip_line(snug_bytes *b) SNUG_MUST_USE;

#endif
