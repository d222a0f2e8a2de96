/* SPDX-License-Identifier: Apache-2.0 */
/* NPY, versions 1 to 3: a magic number, the length of a header, the header (a Python dictionary of
 * three keys, of which nothing is evaluated), the elements. Objects, structures and texts are
 * refused: nothing is ever unpickled.
 *
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
#include "data/npy.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define MAX_HEADER   ((size_t)64 << 10)
#define MAX_ELEMENTS ((int64_t)1 << 48)

/* ---- the header ------------------------------------------------------------------------------ */

/* Behind 'key': in the header, NULL: it is not there. */
static const char *value_of(const char *header, const char *key)
{
    size_t n = strlen(key);
    for (const char *p = strstr(header, key); p; p = strstr(p + 1, key)) {
        bool quoted = p > header && (p[-1] == '\'' || p[-1] == '"') && p[n] == p[-1];
        const char *behind = quoted ? p + n + 1 + strspn(p + n + 1, " ") : "";
        if (*behind == ':') return behind + 1 + strspn(behind + 1, " ");
    }
    return NULL;
}

/* "'<f4'" */
static snug_status take_type(const char *p, snug_array *a)
{
    CHECK(p && (*p == '\'' || *p == '"'), SNUG_EUNSUPPORTED,
          "%s: its elements are structures; arrays of plain numbers can be read", a->name);
    char order = p[1], type = order ? p[2] : '\0';
    int bytes = type ? atoi(p + 3) : 0;
    bool known = strchr("<>|=", order) && strchr("biuf", type) && order && type;
    bool size = bytes == 1                               ? type != 'f'
                : bytes == 2 || bytes == 4 || bytes == 8 ? type != 'b'
                                                         : false;
    CHECK(type != 'O', SNUG_EUNSUPPORTED,
          "%s: holds Python objects (a pickle), which Snug does not unpack; save an array of "
          "numbers",
          a->name);
    CHECK(known && size, SNUG_EUNSUPPORTED,
          "%s: elements of type %.6s; booleans, integers and floats of up to 8 bytes can be read",
          a->name, p + 1);
    a->type = type;
    a->bytes = bytes;
    a->swapped = order == '>';
    return SNUG_OK;
}

/* "(60000, 28, 28)", "(5,)" */
static snug_status take_shape(const char *p, snug_array *a)
{
    CHECK(p && *p == '(', SNUG_EFORMAT, "%s: its header tells no shape", a->name);
    int64_t total = 1;
    for (p++; *(p += strspn(p, " ,")) != ')';) {
        char *end;
        long long n = strtoll(p, &end, 10);
        CHECK(end > p && *p >= '0' && *p <= '9', SNUG_EFORMAT, "%s: its header tells no shape",
              a->name);
        CHECK(a->n_dims < SNUG_NPY_MAX_DIMS, SNUG_EUNSUPPORTED, "%s: more than %d axes", a->name,
              SNUG_NPY_MAX_DIMS);
        CHECK(n > 0 && n <= MAX_ELEMENTS / total, SNUG_EFORMAT,
              "%s: an axis of %lld elements, which is none or beyond reason", a->name, n);
        a->dim[a->n_dims++] = n;
        total *= n;
        p = end;
    }
    CHECK(a->n_dims > 0, SNUG_EFORMAT, "%s: a single number, not an array", a->name);
    a->each = total / a->dim[0];
    return SNUG_OK;
}

static snug_status take_header(const char *header, snug_array *a)
{
    TRY(take_type(value_of(header, "descr"), a));
    TRY(take_shape(value_of(header, "shape"), a));
    const char *order = value_of(header, "fortran_order");
    CHECK(order && (!strncmp(order, "False", 5) || !strncmp(order, "True", 4)), SNUG_EFORMAT,
          "%s: its header tells no order of elements", a->name);
    CHECK(*order == 'F' || a->n_dims == 1, SNUG_EUNSUPPORTED,
          "%s: its elements are in Fortran's order; save numpy.ascontiguousarray of it", a->name);
    return SNUG_OK;
}

static snug_status read_header(snug_array *a)
{
    unsigned char start[12] = {0};
    uint64_t size = snug_file_size(a->file), at = a->offset;
    CHECK(size >= at + 10, SNUG_EFORMAT, "%s: too short for a NumPy array", a->name);
    size_t there = size - at < sizeof start ? 10 : sizeof start;
    TRY(snug_file_read_at(a->file, at, start, there));
    CHECK(memcmp(start, "\x93NUMPY", 6) == 0 && start[6] >= 1 && start[6] <= 3, SNUG_EFORMAT,
          "%s: not a NumPy array: it should start with bytes 93 4e 55 4d 50 59", a->name);
    size_t fixed = start[6] == 1 ? 10 : 12, n = (size_t)start[8] | (size_t)start[9] << 8;
    if (start[6] > 1) n |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    CHECK(n <= MAX_HEADER && size - at >= fixed + n, SNUG_EFORMAT,
          "%s: its header of %zu bytes is cut short or beyond reason", a->name, n);
    char *header = snug_alloc(TAG_DATA, n + 1);
    if (!header) return snug_error_status();
    snug_status status = snug_file_read_at(a->file, at + fixed, header, n);
    if (status == SNUG_OK) status = take_header(header, a);
    snug_free(header);
    TRY(status);
    a->offset = at + fixed + n;
    uint64_t payload = (uint64_t)(a->dim[0] * a->each) * (uint64_t)a->bytes;
    CHECK(payload <= size - a->offset, SNUG_EFORMAT,
          "%s: its header declares %" PRIu64 " bytes of elements; there are %" PRIu64, a->name,
          payload, size - a->offset);
    return SNUG_OK;
}

snug_status snug_array_open(const char *name, snug_file *file, uint64_t offset, snug_array *out)
{
    snug_array a = {.name = name, .file = file, .offset = offset};
    snug_status status = read_header(&a);
    if (status != SNUG_OK) snug_array_close(&a);
    TRY(status);
    *out = a;
    return SNUG_OK;
}

void snug_array_close(snug_array *a)
{
    snug_file_close(a->file);
    a->file = NULL;
}

/* ---- elements -------------------------------------------------------------------------------- */

snug_dtype snug_array_dtype(const snug_array *a)
{
    if (a->bytes == 1 && a->type != 'i') return SNUG_U8;
    return a->type == 'f' && a->bytes == 4 && !a->swapped ? SNUG_F32 : SNUG_F64;
}

/* An element's bytes, the lowest first, as a number. */
static double to_double(const snug_array *a, uint64_t bits)
{
    if (a->type == 'f') {
        const snug_dtype type = a->bytes == 8 ? SNUG_F64 : a->bytes == 4 ? SNUG_F32 : SNUG_F16;
        return snug_dtype_get(type)->load(&bits, 0);
    }
    if (a->type != 'i') return (double)bits;
    const int unused = 64 - 8 * a->bytes;
    const int64_t whole = (int64_t)(bits << unused) / ((int64_t)1 << unused); /* the sign again */
    return (double)whole;
}

snug_status snug_array_doubles(const snug_array *a, int64_t first, int64_t n, double *out)
{
    /* read behind what is written, element by element, from the front */
    const size_t bytes = (size_t)a->bytes, total = (size_t)n * bytes;
    unsigned char *p = (unsigned char *)out + (size_t)n * sizeof *out - total;
    TRY(snug_file_read_at(a->file, a->offset + (uint64_t)first * bytes, p, total));
    for (int64_t i = 0; i < n; i++, p += bytes) {
        uint64_t bits = 0;
        for (size_t k = 0; k < bytes; k++)
            bits |= (uint64_t)p[a->swapped ? bytes - 1 - k : k] << (8 * k);
        out[i] = to_double(a, bits);
    }
    return SNUG_OK;
}

snug_status snug_array_read(const snug_array *a, int64_t first, int64_t n, void *out)
{
    if (snug_array_dtype(a) == SNUG_F64)
        return snug_array_doubles(a, first * a->each, n * a->each, out);
    const size_t each = (size_t)a->each * (size_t)a->bytes;
    return snug_file_read_at(a->file, a->offset + (uint64_t)first * each, out, (size_t)n * each);
}
