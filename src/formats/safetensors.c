/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors files, read. The header is hostile until checked: sizes before anything is allocated,
 * every shape against its offsets, and all offsets together against the file: they cover the data
 * without a hole or an overlap. Tensors' bytes go straight to the caller. */
#include "formats/safetensors.h"

#include "base/file.h"
#include "base/sha256.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HEADER_BYTES ((uint64_t)100 * 1000 * 1000) /* the format's own limit */
enum { PREFIX_BYTES = 8, CHUNK_BYTES = 1 << 16 };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are little-endian in the file");

typedef struct entry {
    const char *name;
    snug_type type;
    uint64_t begin, end; /* within the data */
} entry;

struct snug_safetensors {
    snug_file *file;
    snug_bump *bump; /* entries and texts */
    const char *path;
    uint64_t data_offset, data_bytes;
    entry *entry;    /* in the header's order */
    entry **by_name; /* sorted */
    snug_metadata *meta;
    int n, n_meta;
};

/* ---- one tensor -------------------------------------------------------------------------------
 */

static snug_status read_dtype(const snug_safetensors *s, entry *e, const json_t *value)
{
    const char *name = json_string_value(value);
    CHECK(name, SNUG_EFORMAT, "%s: tensor '%.80s' has no dtype", s->path, e->name);
    for (int i = 0; i < SNUG_N_DTYPES; i++) {
        const char *known = snug_dtype_get((snug_dtype)i)->safetensors;
        if (!known || strcmp(known, name) != 0) continue;
        e->type.dtype = (snug_dtype)i;
        return SNUG_OK;
    }
    return FAIL(SNUG_EUNSUPPORTED,
                "%s: tensor '%.80s' has elements of type '%.20s', which Snug "
                "does not read",
                s->path, e->name, name);
}

static snug_status read_shape(const snug_safetensors *s, entry *e, const json_t *value)
{
    CHECK(json_is_array(value), SNUG_EFORMAT, "%s: tensor '%.80s' has no shape", s->path, e->name);
    CHECK(json_array_size(value) <= SNUG_MAX_DIMS, SNUG_EUNSUPPORTED,
          "%s: tensor '%.80s' has %zu axes, Snug reads up to %d", s->path, e->name,
          json_array_size(value), SNUG_MAX_DIMS);
    snug_shape *shape = &e->type.shape;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *dim = json_array_get(value, i);
        CHECK(json_is_integer(dim) && json_integer_value(dim) >= 0, SNUG_EFORMAT,
              "%s: the shape of tensor '%.80s' is not made of whole numbers", s->path, e->name);
        shape->dim[shape->n_dims++] = json_integer_value(dim);
    }
    return SNUG_OK;
}

static snug_status read_offsets(const snug_safetensors *s, entry *e, const json_t *value)
{
    const json_t *begin = json_array_get(value, 0), *end = json_array_get(value, 1);
    CHECK(json_array_size(value) == 2 && json_is_integer(begin) && json_is_integer(end),
          SNUG_EFORMAT, "%s: tensor '%.80s' has no data_offsets [begin, end]", s->path, e->name);
    json_int_t b = json_integer_value(begin), f = json_integer_value(end);
    CHECK(b >= 0 && f >= b && (uint64_t)f <= s->data_bytes, SNUG_EFORMAT,
          "%s: tensor '%.80s' lies at bytes %" PRId64 " to %" PRId64 " of %" PRIu64
          ": the file is truncated or its header lies",
          s->path, e->name, (int64_t)b, (int64_t)f, s->data_bytes);
    e->begin = (uint64_t)b;
    e->end = (uint64_t)f;
    return SNUG_OK;
}

/* Bytes of a type whose lengths come from a file; false on overflow. */
static bool checked_bytes(const snug_type *t, size_t *out)
{
    const snug_dtype_info *info = snug_dtype_get(t->dtype);
    size_t n = 1;
    for (int i = 0; i < t->shape.n_dims; i++)
        if (!snug_size_mul(n, (size_t)t->shape.dim[i], &n)) return false;
    if (!snug_size_add(n, (size_t)info->block_elements - 1, &n)) return false;
    return snug_size_mul(n / info->block_elements, info->block_bytes, out);
}

static snug_status read_entry(const snug_safetensors *s, const char *name, const json_t *value,
                              entry *e)
{
    size_t bytes;
    e->name = snug_bump_strdup(s->bump, name);
    if (!e->name) return SNUG_ENOMEM;
    CHECK(json_is_object(value), SNUG_EFORMAT, "%s: '%.80s' does not describe a tensor", s->path,
          name);
    TRY(read_dtype(s, e, json_object_get(value, "dtype")));
    TRY(read_shape(s, e, json_object_get(value, "shape")));
    TRY(read_offsets(s, e, json_object_get(value, "data_offsets")));
    CHECK(checked_bytes(&e->type, &bytes) && bytes == e->end - e->begin, SNUG_EFORMAT,
          "%s: tensor '%.80s' has %" PRIu64 " bytes, which is not what its shape says", s->path,
          name, e->end - e->begin);
    return SNUG_OK;
}

/* ---- the header -------------------------------------------------------------------------------
 */

static snug_status read_meta(snug_safetensors *s, json_t *object)
{
    const char *key;
    json_t *value;
    CHECK(json_is_object(object), SNUG_EFORMAT, "%s: __metadata__ is not a map", s->path);
    s->meta = snug_bump_alloc(s->bump, (json_object_size(object) + 1) * sizeof *s->meta);
    if (!s->meta) return SNUG_ENOMEM;
    json_object_foreach(object, key, value)
    {
        CHECK(json_is_string(value), SNUG_EFORMAT, "%s: metadata '%.80s' is not text", s->path,
              key);
        snug_metadata *m = &s->meta[s->n_meta++];
        m->key = snug_bump_strdup(s->bump, key);
        m->value = snug_bump_strdup(s->bump, json_string_value(value));
        if (!m->key || !m->value) return SNUG_ENOMEM;
    }
    return SNUG_OK;
}

static int by_offset(const void *a, const void *b)
{
    const entry *const *x = a, *const *y = b;
    if ((*x)->begin != (*y)->begin) return (*x)->begin < (*y)->begin ? -1 : 1;
    return (*x)->end < (*y)->end ? -1 : (*x)->end > (*y)->end;
}

static int by_name(const void *a, const void *b)
{
    const entry *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* Tensors cover the data from its first byte to its last, each byte once. */
static snug_status check_cover(snug_safetensors *s, entry **sorted)
{
    uint64_t at = 0;
    qsort(sorted, (size_t)s->n, sizeof(entry *), by_offset);
    for (int i = 0; i < s->n; at = sorted[i++]->end)
        CHECK(sorted[i]->begin == at, SNUG_EFORMAT,
              "%s: tensor '%.80s' begins at byte %" PRIu64 " where %" PRIu64
              " was expected: tensors overlap or leave a hole",
              s->path, sorted[i]->name, sorted[i]->begin, at);
    CHECK(at == s->data_bytes, SNUG_EFORMAT, "%s: %" PRIu64 " bytes follow the last tensor",
          s->path, s->data_bytes - at);
    return SNUG_OK;
}

static snug_status read_entries(snug_safetensors *s, json_t *root)
{
    const char *key;
    json_t *value;
    size_t most = json_object_size(root);
    CHECK(most < INT32_MAX, SNUG_EFORMAT, "%s: has too many tensors", s->path);
    s->entry = snug_bump_alloc(s->bump, (most + 1) * sizeof *s->entry);
    s->by_name = snug_bump_alloc(s->bump, (most + 1) * sizeof(entry *));
    if (!s->entry || !s->by_name) return SNUG_ENOMEM;
    json_object_foreach(root, key, value)
    {
        if (!strcmp(key, "__metadata__")) {
            TRY(read_meta(s, value));
            continue;
        }
        TRY(read_entry(s, key, value, &s->entry[s->n]));
        s->by_name[s->n] = &s->entry[s->n];
        s->n++;
    }
    TRY(check_cover(s, s->by_name));
    qsort(s->by_name, (size_t)s->n, sizeof(entry *), by_name);
    return SNUG_OK;
}

static snug_status read_json(snug_safetensors *s, const char *text, size_t bytes)
{
    json_error_t error;
    CHECK(bytes && *text == '{', SNUG_EFORMAT, "%s: the header is not JSON", s->path);
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
    CHECK(root, SNUG_EFORMAT, "%s: header: %s at byte %d", s->path, error.text,
          error.position + PREFIX_BYTES);
    snug_status status = json_is_object(root)
                             ? read_entries(s, root)
                             : FAIL(SNUG_EFORMAT, "%s: the header is not a map", s->path);
    json_decref(root);
    return status;
}

/* Length first; then the header, never larger than the file. */
static snug_status read_header(snug_safetensors *s)
{
    uint64_t size = snug_file_size(s->file), length;
    CHECK(size >= PREFIX_BYTES, SNUG_EFORMAT, "%s: %" PRIu64 " bytes are no safetensors file",
          s->path, size);
    TRY(snug_file_read_at(s->file, 0, &length, sizeof length));
    CHECK(length <= size - PREFIX_BYTES, SNUG_EFORMAT,
          "%s: is truncated or no safetensors file: the header should have %" PRIu64
          " bytes, the file has %" PRIu64,
          s->path, length, size);
    CHECK(length <= MAX_HEADER_BYTES, SNUG_EFORMAT,
          "%s: a header of %" PRIu64 " bytes, more than "
          "the format allows",
          s->path, length);
    s->data_offset = PREFIX_BYTES + length;
    s->data_bytes = size - s->data_offset;
    char *text = snug_alloc(TAG_FILE, (size_t)length + 1);
    if (!text) return SNUG_ENOMEM;
    snug_status status = snug_file_read_at(s->file, PREFIX_BYTES, text, (size_t)length);
    if (status == SNUG_OK) status = read_json(s, text, (size_t)length);
    snug_free(text);
    return status;
}

static snug_status open_file(snug_safetensors *s, const char *path)
{
    s->bump = snug_bump_create(TAG_FILE);
    if (!s->bump) return SNUG_ENOMEM;
    s->path = snug_bump_strdup(s->bump, path);
    if (!s->path) return SNUG_ENOMEM;
    TRY(snug_file_open(path, &s->file));
    return read_header(s);
}

snug_status snug_safetensors_open(const char *path, snug_safetensors **out)
{
    snug_safetensors *s = snug_alloc(TAG_FILE, sizeof *s);
    if (!s) return SNUG_ENOMEM;
    snug_status status = open_file(s, path);
    if (status != SNUG_OK) {
        snug_safetensors_close(s);
        return status;
    }
    *out = s;
    return SNUG_OK;
}

void snug_safetensors_close(snug_safetensors *s)
{
    if (!s) return;
    if (s->file) snug_file_close(s->file);
    if (s->bump) snug_bump_destroy(s->bump);
    snug_free(s);
}

/* ---- use --------------------------------------------------------------------------------------
 */

const char *snug_safetensors_meta(const snug_safetensors *s, const char *key)
{
    for (int i = 0; i < s->n_meta; i++)
        if (!strcmp(s->meta[i].key, key)) return s->meta[i].value;
    return NULL;
}

int snug_safetensors_count(const snug_safetensors *s)
{
    return s->n;
}

const char *snug_safetensors_name(const snug_safetensors *s, int i)
{
    return s->entry[i].name;
}

snug_type snug_safetensors_type(const snug_safetensors *s, int i)
{
    return s->entry[i].type;
}

static bool same_type(const snug_type *a, const snug_type *b)
{
    bool same = a->dtype == b->dtype && a->shape.n_dims == b->shape.n_dims;
    for (int i = 0; same && i < a->shape.n_dims; i++) same = a->shape.dim[i] == b->shape.dim[i];
    return same;
}

static snug_status type_differs(const snug_safetensors *s, const entry *e, const snug_type *wanted)
{
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    return FAIL(SNUG_ESHAPE, "%s: tensor '%.80s' is %s %s, but %s %s is needed", s->path, e->name,
                snug_dtype_get(e->type.dtype)->name, snug_shape_text(&e->type.shape, a, sizeof a),
                snug_dtype_get(wanted->dtype)->name, snug_shape_text(&wanted->shape, b, sizeof b));
}

snug_status snug_safetensors_read(snug_safetensors *s, const char *name, const snug_tensor *into)
{
    const entry key = {.name = name}, *wanted = &key;
    entry **found = bsearch(&wanted, s->by_name, (size_t)s->n, sizeof(entry *), by_name);
    CHECK(found, SNUG_ENOENT, "%s: has no tensor '%.80s'", s->path, name);
    const entry *e = *found;
    if (!same_type(&e->type, &into->type)) return type_differs(s, e, &into->type);
    return snug_file_read_at(s->file, s->data_offset + e->begin, into->data,
                             (size_t)(e->end - e->begin));
}

static snug_status digest(snug_safetensors *s, char hex[65])
{
    char *chunk = snug_alloc(TAG_FILE, CHUNK_BYTES);
    if (!chunk) return SNUG_ENOMEM;
    snug_sha256 h;
    snug_status status = SNUG_OK;
    snug_sha256_begin(&h);
    for (uint64_t at = 0; at < s->data_bytes && status == SNUG_OK; at += CHUNK_BYTES) {
        uint64_t left = s->data_bytes - at;
        size_t n = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        status = snug_file_read_at(s->file, s->data_offset + at, chunk, n);
        if (status == SNUG_OK) snug_sha256_add(&h, chunk, n);
    }
    snug_sha256_end(&h, hex);
    snug_free(chunk);
    return status;
}

snug_status snug_safetensors_verify(snug_safetensors *s)
{
    char hex[65];
    const char *wanted = snug_safetensors_meta(s, "snug.sha256");
    if (!wanted) return SNUG_OK;
    TRY(digest(s, hex));
    CHECK(!strcmp(hex, wanted), SNUG_EFORMAT,
          "%s: is damaged: its bytes do not have the digest that was written with them", s->path);
    return SNUG_OK;
}
