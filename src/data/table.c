/* SPDX-License-Identifier: Apache-2.0 */
/* Columns, dictionaries and fields of tables. */
#include "data/table.h"

#include "base/rng.h"
#include "base/str.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_NUMBER 60 /* characters; anything longer is a text */

/* ---- dictionaries ---------------------------------------------------------------------------- */

static int find_bucket(const snug_dict *d, const char *text)
{
    int mask = d->n_buckets - 1, b = (int)(snug_hash_name(text) & (uint64_t)mask);
    while (d->bucket[b] && strcmp(d->text[d->bucket[b] - 1], text) != 0) b = (b + 1) & mask;
    return b;
}

/* Room for one more text at a load of at most a half. */
static snug_status grow(snug_dict *d)
{
    if (d->n * 2 < d->n_buckets) return SNUG_OK;
    snug_dict larger = {.n_buckets = d->n_buckets ? d->n_buckets * 2 : 16};
    larger.bucket = snug_alloc_array(TAG_DATA, (size_t)larger.n_buckets, sizeof *larger.bucket);
    if (!larger.bucket) return snug_error_status();
    larger.text =
        snug_realloc(TAG_DATA, d->text, (size_t)larger.n_buckets / 2 * sizeof *larger.text);
    if (!larger.text) {
        snug_free(larger.bucket);
        return snug_error_status();
    }
    for (int i = 0; i < d->n; i++) larger.bucket[find_bucket(&larger, larger.text[i])] = i + 1;
    snug_free(d->bucket);
    larger.n = d->n;
    larger.full = d->full;
    *d = larger;
    return SNUG_OK;
}

snug_status snug_dict_add(snug_dict *d, snug_bump *bump, const char *text, int32_t *code)
{
    int32_t found = snug_dict_find(d, text);
    if (found >= 0 || d->n == SNUG_MAX_TEXTS) {
        d->full |= found < 0;
        *code = found >= 0 ? found : SNUG_TEXT_OTHER;
        return SNUG_OK;
    }
    TRY(grow(d));
    int b = find_bucket(d, text);
    d->text[d->n] = snug_bump_strdup(bump, text);
    if (!d->text[d->n]) return snug_error_status();
    d->bucket[b] = ++d->n;
    *code = d->n - 1;
    return SNUG_OK;
}

int32_t snug_dict_find(const snug_dict *d, const char *text)
{
    if (d->n == 0) return -1;
    return d->bucket[find_bucket(d, text)] - 1;
}

void snug_dict_free(snug_dict *d)
{
    snug_free(d->text);
    snug_free(d->bucket);
    *d = (snug_dict){0};
}

/* ---- fields ---------------------------------------------------------------------------------- */

bool snug_field_missing(const char *field)
{
    static const char *const missing[] = {"?", "NA", "N/A", "NaN", "nan", "NAN"};
    if (!*field) return true;
    if (strlen(field) > 3) return false;
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        if (strcmp(field, missing[i]) == 0) return true;
    return false;
}

static bool is_infinity(const char *p)
{
    char low[10] = "";
    p += *p == '-' || *p == '+';
    for (size_t i = 0; p[i] && i < sizeof low - 1; i++) low[i] = (char)tolower((unsigned char)p[i]);
    return strcmp(low, "inf") == 0 || strcmp(low, "infinity") == 0;
}

/* Up to 15 digits and a power of ten up to 22: both are exact doubles, so one division or
 * multiplication rounds once and correctly (Clinger, PLDI 1990). False: take the long way. */
static bool quick_number(const char *p, double *out)
{
    static const double ten[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    bool minus = *p == '-';
    p += *p == '-' || *p == '+';
    int64_t digits = 0;
    int n = 0, fraction = 0;
    for (; *p >= '0' && *p <= '9' && n <= 15; p++, n++) digits = digits * 10 + (*p - '0');
    if (n > 0 && *p == '.')
        for (p++; *p >= '0' && *p <= '9' && n <= 15; p++, n++, fraction++)
            digits = digits * 10 + (*p - '0');
    if (n == 0 || n > 15 || *p) return false;
    double v = (double)digits / ten[fraction];
    *out = minus ? -v : v;
    return true;
}

/* [+-] digits [. digits] [e [+-] digits], and a digit before the e. */
static bool number_grammar(const char *p)
{
    p += *p == '-' || *p == '+';
    size_t whole = strspn(p, "0123456789"), fraction = 0;
    p += whole;
    if (*p == '.') {
        fraction = strspn(p + 1, "0123456789");
        p += 1 + fraction;
    }
    if (whole + fraction == 0) return false;
    if (*p == 'e' || *p == 'E') {
        p += 1 + (p[1] == '-' || p[1] == '+');
        if (!strspn(p, "0123456789")) return false;
        p += strspn(p, "0123456789");
    }
    return *p == '\0';
}

bool snug_field_number(const char *field, double *out)
{
    bool start =
        (*field >= '0' && *field <= '9') || *field == '-' || *field == '.' || *field == '+';
    if (start && quick_number(field, out)) return true;
    if (is_infinity(field)) {
        *out = *field == '-' ? -INFINITY : INFINITY;
        return true;
    }
    if (!start || strlen(field) > LONGEST_NUMBER || !number_grammar(field)) return false;
    if (snug_parse_double(field, out) != SNUG_OK) { /* too large for a double */
        snug_error_clear();
        *out = *field == '-' ? -INFINITY : INFINITY;
    }
    return true;
}

static int digit_run(const char *p)
{
    int n = 0;
    while (p[n] >= '0' && p[n] <= '9') n++;
    return n;
}

int snug_natural_compare(const char *a, const char *b)
{
    double x, y;
    if (snug_field_number(a, &x) && snug_field_number(b, &y) && x != y) return x < y ? -1 : 1;
    const char *start_a = a, *start_b = b;
    while (*a && *b) {
        int m = digit_run(a), n = digit_run(b);
        if (m && n) {
            while (m > 1 && *a == '0') a++, m--;
            while (n > 1 && *b == '0') b++, n--;
            if (m != n) return m < n ? -1 : 1;
            int c = strncmp(a, b, (size_t)m);
            if (c) return c;
            a += m;
            b += n;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    if (*a || *b) return *a ? 1 : -1;
    return strcmp(start_a, start_b); /* "01" and "1" */
}

/* ---- columns --------------------------------------------------------------------------------- */

void snug_table_reset(snug_table *t)
{
    for (int i = 0; i < t->n_columns; i++) {
        snug_column *c = &t->column[i];
        snug_dict_free(&c->dict);
        c->n_missing = c->n_numbers = c->n_texts = 0;
        c->text_line = c->missing_line = c->infinite_line = 0;
        if (!c->left_out) c->first_text = NULL; /* else what it was left out for */
        c->integers = true;
        c->n_few = 0;
    }
}

void snug_table_free(snug_table *t)
{
    for (int i = 0; i < t->n_columns; i++) snug_dict_free(&t->column[i].dict);
    snug_bump_destroy(t->bump);
}

snug_status snug_table_place(snug_table *t)
{
    if (!t->slot_column)
        t->slot_column = snug_bump_alloc(t->bump, (size_t)t->n_columns * sizeof *t->slot_column);
    if (!t->slot_column) return snug_error_status();
    t->n_slots = 0;
    for (int i = 0; i < t->n_columns; i++) {
        bool used = t->column[i].kind != COLUMN_IGNORED;
        t->column[i].slot = used ? t->n_slots : -1;
        if (used) t->slot_column[t->n_slots++] = i;
    }
    return SNUG_OK;
}

static void note_number(snug_column *c, double v)
{
    c->n_numbers++;
    c->integers = c->integers && v == floor(v);
    if (c->n_few > SNUG_FEW) return;
    int at = 0;
    while (at < c->n_few && c->few[at] != v) at++;
    if (at == c->n_few) c->few[c->n_few++] = v;
}

static snug_status note_text(snug_table *t, snug_column *c, const char *field, int64_t line)
{
    CHECK(!t->strict || c->text, SNUG_EFORMAT,
          "%s, line %" PRId64
          ", column '%s': '%.40s' is not a number, as the model's data have there",
          t->path, line, c->name, field);
    if (c->n_texts++ > 0) return SNUG_OK;
    c->text_line = line;
    c->first_text = snug_bump_strdup(t->bump, field);
    return c->first_text ? SNUG_OK : snug_error_status();
}

void snug_table_note(snug_table *t, int column, double v, int64_t line)
{
    snug_column *c = &t->column[column];
    if (isnan(v)) {
        if (c->n_missing++ == 0) c->missing_line = line;
    } else if (isinf(v)) {
        if (!c->infinite_line) c->infinite_line = line;
    } else {
        note_number(c, v);
    }
}

snug_status snug_table_cell(snug_table *t, int column, const char *field, int64_t line,
                            double *cell)
{
    snug_column *c = &t->column[column];
    double v = 0;
    int32_t code = 0;
    *cell = NAN;
    if (snug_field_missing(field)) {
        snug_table_note(t, column, NAN, line);
        return SNUG_OK;
    }
    bool number = snug_field_number(field, &v);
    if (!number) TRY(note_text(t, c, field, line));
    if (number) snug_table_note(t, column, v, line);
    if (c->text || !number) {
        TRY(snug_dict_add(&c->dict, t->bump, field, &code));
        *cell = code;
    } else {
        *cell = v;
    }
    return SNUG_OK;
}

int snug_table_find(const snug_table *t, const char *name)
{
    for (int i = 0; i < t->n_columns; i++)
        if (strcmp(t->column[i].name, name) == 0) return i;
    if (strcmp(name, "last") == 0) return t->n_columns - 1;
    char *end;
    long number = strtol(name, &end, 10);
    bool whole = *name >= '0' && *name <= '9' && !*end;
    return whole && number < t->n_columns ? (int)number : -1;
}
