/* SPDX-License-Identifier: Apache-2.0 */
/* Rows by a small state machine over bytes. A quote opens a quoted field only where the field
 * starts; bytes that are no UTF-8 are taken as Latin-1. */
#include "data/csv_read.h"

#include "base/memory.h"
#include "data/bytes.h"
#include "data/spec.h"
#include "data/utf8.h"

#include <stdio.h>
#include <string.h>

#define IN_BYTES ((size_t)64 << 10)

struct snug_csv {
    char path[256]; /* for messages */
    char delimiter;
    snug_bytes *in;
    int64_t line;
    char *text; /* of the row: fields, each NUL-terminated */
    size_t length, capacity;
    size_t *start; /* of each field in text */
    const char **field;
    int n, fields_capacity;
};

snug_status snug_csv_open(const char *path, char delimiter, snug_csv **out)
{
    snug_csv *r = snug_alloc(TAG_DATA, sizeof *r);
    if (!r) return snug_error_status();
    snprintf(r->path, sizeof r->path, "%s", path);
    r->line = 1;
    r->delimiter = delimiter;
    snug_status status = snug_bytes_open(path, &r->in);
    if (status != SNUG_OK) snug_csv_close(r);
    TRY(status);
    snug_bytes_skip_mark(r->in);
    *out = r;
    return SNUG_OK;
}

void snug_csv_close(snug_csv *r)
{
    if (!r) return;
    snug_bytes_close(r->in);
    snug_free(r->text);
    snug_free(r->start);
    snug_free(r->field);
    snug_free(r);
}

/* The next byte, -1 at the end; it stays the next one until `at` moves on. */
static snug_status peek(snug_csv *r, int *c)
{
    TRY(snug_bytes_peek(r->in, c));
    CHECK(*c != 0, SNUG_EFORMAT, "%s, line %" PRId64 ": a zero byte; this is no text file in UTF-8",
          r->path, r->line);
    return SNUG_OK;
}

/* ---- collecting a row ------------------------------------------------------------------------ */

static snug_status put(snug_csv *r, char c)
{
    if (r->length == r->capacity) {
        size_t larger = r->capacity ? r->capacity * 2 : 4096;
        CHECK(larger <= SNUG_MAX_ROW_BYTES, SNUG_EFORMAT,
              "%s, line %" PRId64 ": a row of more than %zu bytes; is a quote left open?", r->path,
              r->line, SNUG_MAX_ROW_BYTES);
        char *text = snug_realloc(TAG_DATA, r->text, larger);
        if (!text) return snug_error_status();
        r->text = text;
        r->capacity = larger;
    }
    r->text[r->length++] = c;
    return SNUG_OK;
}

static snug_status more_fields(snug_csv *r)
{
    int larger = r->fields_capacity ? r->fields_capacity * 2 : 64;
    CHECK(r->n < SNUG_MAX_COLUMNS, SNUG_EUNSUPPORTED, "%s, line %" PRId64 ": more than %d fields",
          r->path, r->line, SNUG_MAX_COLUMNS);
    size_t *starts = snug_realloc(TAG_DATA, r->start, (size_t)larger * sizeof *starts);
    if (!starts) return snug_error_status();
    r->start = starts;
    const char **fields = snug_realloc(TAG_DATA, r->field, (size_t)larger * sizeof *fields);
    if (!fields) return snug_error_status();
    r->field = fields;
    r->fields_capacity = larger;
    return SNUG_OK;
}

static snug_status begin_field(snug_csv *r)
{
    if (r->n == r->fields_capacity) TRY(more_fields(r));
    r->start[r->n++] = r->length;
    return SNUG_OK;
}

/* Rewrite the field from `from` on, which is not all UTF-8, with its odd bytes as Latin-1. */
static snug_status from_latin1(snug_csv *r, size_t from)
{
    size_t n = r->length - from;
    unsigned char *copy = snug_alloc(TAG_DATA, n + 1);
    if (!copy) return snug_error_status();
    memcpy(copy, r->text + from, n);
    r->length = from;
    snug_status status = SNUG_OK;
    for (size_t i = 0, whole; i < n && status == SNUG_OK; i += whole ? whole : 1) {
        whole = snug_utf8_length(copy + i, n - i);
        for (size_t k = 0; k < whole && status == SNUG_OK; k++) status = put(r, (char)copy[i + k]);
        if (whole) continue;
        status = put(r, (char)(0xc0 | copy[i] >> 6));
        if (status == SNUG_OK) status = put(r, (char)(0x80 | (copy[i] & 0x3f)));
    }
    snug_free(copy);
    return status;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static snug_status end_field(snug_csv *r, bool quoted)
{
    size_t from = r->start[r->n - 1];
    while (!quoted && r->length > from && is_blank(r->text[r->length - 1])) r->length--;
    if (r->length == from) return put(r, '\0');
    const unsigned char *p = (const unsigned char *)r->text + from;
    size_t n = r->length - from, i = 0;
    while (i < n && snug_utf8_length(p + i, n - i)) i += snug_utf8_length(p + i, n - i);
    if (i < n) TRY(from_latin1(r, from));
    return put(r, '\0');
}

/* ---- the state machine ----------------------------------------------------------------------- */

static bool ends_field(const snug_csv *r, int c)
{
    return c == r->delimiter || c == '\n' || c == '\r' || c < 0;
}

static snug_status skip_blanks(snug_csv *r)
{
    int c;
    for (;; r->in->at++) {
        TRY(peek(r, &c));
        if (c == r->delimiter || c < 0 || !is_blank((char)c)) return SNUG_OK;
    }
}

/* After the opening quote, up to what follows the closing one. */
static snug_status quoted_field(snug_csv *r)
{
    int64_t opened = r->line;
    for (int c;; r->in->at++) {
        TRY(peek(r, &c));
        CHECK(c >= 0, SNUG_EFORMAT, "%s, line %" PRId64 ": the quote opened here is never closed",
              r->path, opened);
        if (c == '"') {
            r->in->at++;
            TRY(peek(r, &c));
            if (c != '"') break;
        }
        r->line += c == '\n';
        TRY(put(r, (char)c));
    }
    TRY(skip_blanks(r));
    int c;
    TRY(peek(r, &c));
    CHECK(ends_field(r, c), SNUG_EFORMAT,
          "%s, line %" PRId64 ": text after a closing quote; a quote inside is written twice",
          r->path, r->line);
    return SNUG_OK;
}

static snug_status plain_field(snug_csv *r)
{
    for (int c;; r->in->at++) {
        TRY(peek(r, &c));
        if (ends_field(r, c)) return SNUG_OK;
        TRY(put(r, (char)c));
    }
}

/* One field; *last when the row ends with it. */
static snug_status read_field(snug_csv *r, bool *last)
{
    int c;
    TRY(begin_field(r));
    TRY(skip_blanks(r));
    TRY(peek(r, &c));
    bool quoted = c == '"';
    r->in->at += quoted;
    TRY(quoted ? quoted_field(r) : plain_field(r));
    TRY(end_field(r, quoted));
    TRY(peek(r, &c));
    *last = c != r->delimiter;
    if (c >= 0) r->in->at++;
    if (c == '\r') {
        TRY(peek(r, &c));
        r->in->at += c == '\n';
        c = '\n';
    }
    r->line += c == '\n';
    return SNUG_OK;
}

static snug_status read_row(snug_csv *r)
{
    bool last = false;
    r->n = 0;
    r->length = 0;
    while (!last) TRY(read_field(r, &last));
    for (int i = 0; i < r->n; i++) r->field[i] = r->text + r->start[i];
    return SNUG_OK;
}

snug_status snug_csv_next(snug_csv *r, snug_csv_row *row)
{
    for (int c;;) {
        int64_t line = r->line;
        TRY(peek(r, &c));
        if (c < 0) {
            *row = (snug_csv_row){.line = line};
            return SNUG_OK;
        }
        TRY(read_row(r));
        bool blank = r->n == 1 && !*r->field[0];
        bool remark = line == 1 && c == '|'; /* adult.test starts with one */
        if (blank || remark) continue;
        *row = (snug_csv_row){.n = r->n, .field = r->field, .line = line};
        return SNUG_OK;
    }
}
