/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors files, written: the header (padded so that the data begins at a multiple of eight
 * bytes), then the tensors as they are in memory, in the order given. */
#include "formats/safetensors.h"

#include "base/file.h"
#include "base/sha256.h"
#include "base/tree.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN_BYTES = 8 };

static void digest(int n, const snug_named_tensor *t, char hex[65])
{
    snug_sha256 h;
    snug_sha256_begin(&h);
    for (int i = 0; i < n; i++)
        snug_sha256_add(&h, t[i].tensor.data, snug_type_bytes(&t[i].tensor.type));
    snug_sha256_end(&h, hex);
}

static snug_status add_tensor(json_t *root, const snug_named_tensor *t, uint64_t *at)
{
    const snug_type *type = &t->tensor.type;
    const char *dtype = snug_dtype_get(type->dtype)->safetensors;
    CHECK(dtype, SNUG_EUNSUPPORTED, "tensor '%.80s': safetensors cannot hold %s", t->name,
          snug_dtype_get(type->dtype)->name);
    CHECK(strcmp(t->name, "__metadata__") != 0 && !json_object_get(root, t->name), SNUG_EINVAL,
          "two tensors have the name '%.80s'", t->name);
    CHECK(snug_text_is_utf8(t->name), SNUG_EINVAL, "a tensor's name is not UTF-8");
    uint64_t end = *at + snug_type_bytes(type);
    json_t *shape = json_array();
    bool good = shape;
    for (int i = 0; i < type->shape.n_dims && good; i++)
        good = json_array_append_new(shape, json_integer(type->shape.dim[i])) == 0;
    json_t *object = json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype, "shape", shape,
                               "data_offsets", (json_int_t)*at, (json_int_t)end);
    good = json_object_set_new(root, t->name, object) == 0 && good;
    CHECK(good, SNUG_ENOMEM, "out of memory while writing a safetensors header");
    *at = end;
    return SNUG_OK;
}

static snug_status add_meta(json_t *root, int n_meta, const snug_metadata *meta, const char *hex)
{
    json_t *object = json_object();
    bool good = json_object_set_new(root, "__metadata__", object) == 0;
    for (int i = 0; i < n_meta && good; i++) {
        CHECK(snug_text_is_utf8(meta[i].key) && snug_text_is_utf8(meta[i].value), SNUG_EINVAL,
              "metadata '%.80s' is not UTF-8", meta[i].key);
        good = json_object_set_new(object, meta[i].key, json_string(meta[i].value)) == 0;
    }
    good = good && json_object_set_new(object, "snug.sha256", json_string(hex)) == 0;
    CHECK(good, SNUG_ENOMEM, "out of memory while writing a safetensors header");
    return SNUG_OK;
}

static snug_status fill_header(json_t *root, int n, const snug_named_tensor *t, int n_meta,
                               const snug_metadata *meta)
{
    char hex[65];
    uint64_t at = 0;
    digest(n, t, hex);
    TRY(add_meta(root, n_meta, meta, hex));
    for (int i = 0; i < n; i++) TRY(add_tensor(root, &t[i], &at));
    return SNUG_OK;
}

/* The header as text, malloc'ed by jansson. */
static snug_status make_header(int n, const snug_named_tensor *t, int n_meta,
                               const snug_metadata *meta, char **out)
{
    json_t *root = json_object();
    CHECK(root, SNUG_ENOMEM, "out of memory while writing a safetensors header");
    snug_status s = fill_header(root, n, t, n_meta, meta);
    char *text = s == SNUG_OK ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    TRY(s);
    CHECK(text, SNUG_ENOMEM, "out of memory while writing a safetensors header");
    *out = text;
    return SNUG_OK;
}

static snug_status write_all(snug_atomic_file *f, const char *header, int n,
                             const snug_named_tensor *t)
{
    size_t length = strlen(header), padded = snug_round_up(length, ALIGN_BYTES);
    uint64_t prefix = padded;
    TRY(snug_atomic_write(f, &prefix, sizeof prefix));
    TRY(snug_atomic_write(f, header, length));
    TRY(snug_atomic_write(f, "       ", padded - length));
    for (int i = 0; i < n; i++)
        TRY(snug_atomic_write(f, t[i].tensor.data, snug_type_bytes(&t[i].tensor.type)));
    return SNUG_OK;
}

static snug_status write_file(const char *path, const char *header, int n,
                              const snug_named_tensor *t)
{
    snug_atomic_file *f;
    TRY(snug_atomic_open(path, &f));
    snug_status s = write_all(f, header, n, t);
    if (s != SNUG_OK) {
        snug_atomic_abort(f);
        return s;
    }
    return snug_atomic_commit(f);
}

snug_status snug_safetensors_write(const char *path, int n, const snug_named_tensor *t, int n_meta,
                                   const snug_metadata *meta)
{
    char *header = NULL;
    TRY(make_header(n, t, n_meta, meta, &header));
    snug_status s = write_file(path, header, n, t);
    free(header);
    return s;
}
