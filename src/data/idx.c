/* SPDX-License-Identifier: Apache-2.0 */
/* IDX: the format of MNIST and its descendants. Big-endian: 0, 0, element type, number of
 * dimensions; each dimension in 32 bits; the elements. Images are u8 [N, H, W] or [N, H, W, C],
 * labels u8 [N]. Plain files are read in place; gzip'ed ones are unpacked once into a scratch file,
 * bounded by what the header declares. Labels, one byte a sample, are kept in memory.
 *
 * http://yann.lecun.com/exdb/mnist/
 */
#include "base/file.h"
#include "data/format.h"
#include "data/gunzip.h"
#include "data/names.h"

#include <stdio.h>
#include <string.h>

#define COPY_BYTES  ((size_t)64 << 10)
#define TYPE_U8     8
#define MAX_IDX_DIM 4

typedef struct idx_header {
    int n_dims;
    int64_t dim[MAX_IDX_DIM];
    size_t bytes, each; /* of the header; of one sample */
    uint64_t payload;
} idx_header;

/* The files of one part; "" when there are none. */
typedef struct idx_paths {
    char images[SNUG_PATH_BYTES], labels[SNUG_PATH_BYTES];
} idx_paths;

typedef struct idx_part {
    snug_file *images;
    uint64_t offset; /* of the first image */
    uint8_t *labels; /* NULL: none */
} idx_part;

typedef struct idx_source {
    snug_source base;
    idx_part part[N_RAW_PARTS];
    size_t image_bytes;
    char label_text[256][4];
    const char *label_name[256];
} idx_source;

/* ---- headers --------------------------------------------------------------------------------- */

static const char *const type_names[16] = {
    [0x08] = "u8", [0x09] = "i8", [0x0b] = "i16", [0x0c] = "i32", [0x0d] = "f32", [0x0e] = "f64"};

static bool idx_magic(const unsigned char *b)
{
    return b[0] == 0 && b[1] == 0 && b[2] < 16 && type_names[b[2]] && b[3] >= 1 &&
           b[3] <= MAX_IDX_DIM;
}

static snug_status header_sizes(const unsigned char *b, const char *path, idx_header *h)
{
    size_t each = 1, payload = 0;
    for (int i = 0; i < h->n_dims; i++) {
        const unsigned char *p = b + 4 + 4 * i;
        h->dim[i] = (int64_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
        CHECK(h->dim[i] > 0, SNUG_EFORMAT, "%s: dimension %d of its header is 0", path, i + 1);
        if (i > 0 && !snug_size_mul(each, (size_t)h->dim[i], &each)) each = SIZE_MAX;
    }
    CHECK(each <= SNUG_MAX_IMAGE_BYTES && h->dim[0] <= SNUG_MAX_SAMPLES &&
              snug_size_mul(each, (size_t)h->dim[0], &payload),
          SNUG_EFORMAT, "%s: its header declares %" PRId64 " samples of %zu bytes, beyond reason",
          path, h->dim[0], each);
    h->each = each;
    h->payload = payload;
    return SNUG_OK;
}

/* `b` holds the first n bytes of the content. */
static snug_status parse_header(const unsigned char *b, size_t n, const char *path, idx_header *h)
{
    CHECK(n >= 8 && idx_magic(b), SNUG_EFORMAT,
          "%s: not an IDX file: it should start with bytes 00 00 08 and 01 (labels) or 03 (images)",
          path);
    CHECK(b[2] == TYPE_U8, SNUG_EUNSUPPORTED,
          "%s: IDX elements of type %s; images and labels must be u8", path, type_names[b[2]]);
    *h = (idx_header){.n_dims = b[3], .bytes = 4 + 4 * (size_t)b[3]};
    CHECK(n >= h->bytes, SNUG_EFORMAT, "%s: cut short inside its header", path);
    return header_sizes(b, path, h);
}

static snug_status check_images(const idx_header *h, const char *path)
{
    CHECK(h->n_dims != 1, SNUG_EFORMAT,
          "%s: holds labels; name the file with the images, the labels are found beside it", path);
    CHECK(h->n_dims >= 3, SNUG_EUNSUPPORTED,
          "%s: %d dimensions; images are [count, height, width] or [.., channels]", path,
          h->n_dims);
    CHECK(h->n_dims < 4 || h->dim[3] <= SNUG_MAX_CHANNELS, SNUG_EUNSUPPORTED,
          "%s: %" PRId64 " channels, at most %d can be", path, h->dim[3], SNUG_MAX_CHANNELS);
    return SNUG_OK;
}

static snug_status check_labels(const idx_header *h, const char *path, int64_t images)
{
    CHECK(h->n_dims == 1, SNUG_EFORMAT, "%s: %d dimensions; labels have one", path, h->n_dims);
    CHECK(h->dim[0] == images, SNUG_EFORMAT, "%s: %" PRId64 " labels for %" PRId64 " images", path,
          h->dim[0], images);
    return SNUG_OK;
}

/* ---- opening a file, plain or gzip'ed -------------------------------------------------------- */

/* One file while it is opened: its header was parsed, its content follows. */
typedef struct idx_stream {
    const char *path;
    snug_file *plain; /* or */
    snug_gunzip *packed;
    idx_header h;
} idx_stream;

static void stream_close(idx_stream *s)
{
    snug_file_close(s->plain);
    snug_gunzip_close(s->packed);
}

static snug_status open_plain(idx_stream *s)
{
    unsigned char b[4 + 4 * MAX_IDX_DIM];
    uint64_t size = snug_file_size(s->plain);
    size_t n = size < sizeof b ? (size_t)size : sizeof b;
    TRY(snug_file_read_at(s->plain, 0, b, n));
    TRY(parse_header(b, n, s->path, &s->h));
    CHECK(size - s->h.bytes == s->h.payload, SNUG_EFORMAT,
          "%s: its header declares %" PRId64 " samples, %" PRIu64 " bytes; the file has %" PRIu64,
          s->path, s->h.dim[0], s->h.payload, size - s->h.bytes);
    return SNUG_OK;
}

static snug_status open_packed(idx_stream *s, uint64_t packed_bytes)
{
    unsigned char b[4 + 4 * MAX_IDX_DIM];
    size_t n = 0, more = 0;
    TRY(snug_gunzip_read(s->packed, b, 8, &n)); /* the smallest header */
    if (n == 8 && idx_magic(b) && b[3] > 1) {
        TRY(snug_gunzip_read(s->packed, b + 8, 4 * ((size_t)b[3] - 1), &more));
    }
    TRY(parse_header(b, n + more, s->path, &s->h));
    CHECK(s->h.payload <= snug_gunzip_bound(packed_bytes), SNUG_EFORMAT,
          "%s: its header declares %" PRId64 " samples, more than so small a file can hold",
          s->path, s->h.dim[0]);
    return SNUG_OK;
}

static snug_status start_stream(idx_stream *s)
{
    bool packed = false;
    uint64_t size = snug_file_size(s->plain);
    TRY(snug_is_gzip(s->plain, &packed));
    if (!packed) return open_plain(s);
    snug_file *f = s->plain;
    s->plain = NULL;
    TRY(snug_gunzip_open(f, s->path, &s->packed));
    return open_packed(s, size);
}

static snug_status stream_open(const char *path, idx_stream *s)
{
    *s = (idx_stream){.path = path};
    TRY(snug_file_open(path, &s->plain));
    snug_status status = start_stream(s);
    if (status != SNUG_OK) stream_close(s);
    TRY(status);
    return SNUG_OK;
}

/* The next n bytes of packed content; too few is a lie of the header. */
static snug_status read_packed(idx_stream *s, void *out, size_t n)
{
    size_t got = 0;
    TRY(snug_gunzip_read(s->packed, out, n, &got));
    CHECK(got == n, SNUG_EFORMAT,
          "%s: its header declares %" PRId64 " samples, the content ends before", s->path,
          s->h.dim[0]);
    return SNUG_OK;
}

/* Reaching the end checks the gzip checksum too. */
static snug_status check_end(idx_stream *s)
{
    unsigned char extra;
    size_t got = 0;
    TRY(snug_gunzip_read(s->packed, &extra, 1, &got));
    CHECK(got == 0, SNUG_EFORMAT, "%s: it holds more than the %" PRId64 " samples it declares",
          s->path, s->h.dim[0]);
    return SNUG_OK;
}

static snug_status unpack_into(idx_stream *s, snug_file *scratch)
{
    unsigned char *buffer = snug_alloc(TAG_DATA, COPY_BYTES);
    if (!buffer) return snug_error_status();
    snug_status status = SNUG_OK;
    for (uint64_t left = s->h.payload; left > 0 && status == SNUG_OK;) {
        size_t n = left < COPY_BYTES ? (size_t)left : COPY_BYTES;
        status = read_packed(s, buffer, n);
        if (status == SNUG_OK) status = snug_scratch_append(scratch, buffer, n);
        left -= n;
    }
    snug_free(buffer);
    TRY(status);
    return check_end(s);
}

static snug_status unpack(idx_stream *s, const char *scratch_dir, snug_file **out)
{
    snug_file *scratch = NULL;
    TRY(snug_scratch_open(scratch_dir, &scratch));
    snug_status status = unpack_into(s, scratch);
    if (status != SNUG_OK) snug_file_close(scratch);
    TRY(status);
    *out = scratch;
    return SNUG_OK;
}

static snug_status open_images(idx_source *x, snug_raw_part part, const char *path,
                               const char *scratch_dir)
{
    idx_stream s;
    TRY(stream_open(path, &s));
    idx_part *p = &x->part[part];
    snug_status status = check_images(&s.h, path);
    if (status == SNUG_OK && s.plain) {
        p->images = s.plain;
        p->offset = s.h.bytes;
        s.plain = NULL;
    } else if (status == SNUG_OK) {
        status = unpack(&s, scratch_dir, &p->images);
        x->base.scratch_bytes += (size_t)s.h.payload;
    }
    stream_close(&s);
    TRY(status);
    int64_t dim[3] = {s.h.dim[1], s.h.dim[2], s.h.n_dims == 4 ? s.h.dim[3] : 1};
    snug_shape shape = snug_shape_make(3, dim);
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    CHECK(part == RAW_MAIN || snug_shape_equal(&shape, &x->base.shape), SNUG_ESHAPE,
          "%s: images of %s, those to train on are %s", path, snug_shape_text(&shape, a, sizeof a),
          snug_shape_text(&x->base.shape, b, sizeof b));
    x->base.shape = shape;
    x->base.n[part] = s.h.dim[0];
    x->image_bytes = x->base.record_bytes = s.h.each;
    return SNUG_OK;
}

static snug_status read_labels(idx_stream *s, uint8_t *out)
{
    size_t n = (size_t)s->h.dim[0];
    if (s->plain) return snug_file_read_at(s->plain, s->h.bytes, out, n);
    TRY(read_packed(s, out, n));
    return check_end(s);
}

static snug_status open_labels(idx_source *x, snug_raw_part part, const char *path)
{
    idx_stream s;
    TRY(stream_open(path, &s));
    snug_status status = check_labels(&s.h, path, x->base.n[part]);
    uint8_t *labels = NULL;
    if (status == SNUG_OK) {
        labels = snug_alloc(TAG_DATA, (size_t)s.h.dim[0]);
        status = labels ? read_labels(&s, labels) : snug_error_status();
    }
    stream_close(&s);
    if (status != SNUG_OK) snug_free(labels);
    TRY(status);
    x->part[part].labels = labels;
    x->base.resident_bytes += (size_t)s.h.dim[0];
    return SNUG_OK;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Put `to` in the place of the last `from` in the name of the file (not in its folder). */
static bool rename_part(char path[SNUG_PATH_BYTES], const char *from, const char *to)
{
    char *name = strrchr(path, '/'), *at = NULL, renamed[SNUG_PATH_BYTES];
    name = name ? name : path;
    for (char *p = strstr(name, from); p; p = strstr(p + 1, from)) at = p;
    if (!at) return false;
    int n = snprintf(renamed, sizeof renamed, "%.*s%s%s", (int)(at - path), path, to,
                     at + strlen(from));
    if (n < 0 || n >= SNUG_PATH_BYTES) return false;
    memcpy(path, renamed, (size_t)n + 1);
    return true;
}

/* train-images-idx3-ubyte.gz -> train-labels-idx1-ubyte.gz, packed or not; "" when absent. */
static void find_labels(idx_paths *p)
{
    memcpy(p->labels, p->images, SNUG_PATH_BYTES);
    bool renamed = rename_part(p->labels, "images", "labels");
    if (!rename_part(p->labels, "idx3", "idx1")) rename_part(p->labels, "idx4", "idx1");
    if (renamed && snug_path_exists(p->labels)) return;
    size_t n = strlen(p->labels);
    if (!rename_part(p->labels, ".gz", "")) snprintf(p->labels + n, SNUG_PATH_BYTES - n, ".gz");
    if (!renamed || !snug_path_exists(p->labels)) p->labels[0] = '\0';
}

static bool images_name(const char *name)
{
    return strstr(name, "images") && strstr(name, "idx");
}

static snug_raw_part part_of_name(const char *name)
{
    return strstr(name, "t10k") || strstr(name, "test") ? RAW_TEST : RAW_MAIN;
}

/* The images files of a folder by their usual names; a plain file goes before a packed one. */
static snug_status find_in_names(const char *folder, char *const *names, int n,
                                 idx_paths paths[N_RAW_PARTS])
{
    for (int i = 0; i < n; i++) {
        if (!images_name(names[i])) continue;
        char *found = paths[part_of_name(names[i])].images, path[SNUG_PATH_BYTES];
        TRY(snug_path_join(folder, names[i], path));
        size_t before = strlen(found);
        bool packed = before && strncmp(found, path, before) == 0 &&
                      strcmp(path + before, ".gz") == 0; /* names are sorted */
        if (packed) continue;
        CHECK(!before, SNUG_EINVAL, "%s: holds several sets (%s and %s): name one images file",
              folder, strrchr(found, '/') + 1, names[i]);
        memcpy(found, path, sizeof path);
    }
    return SNUG_OK;
}

static snug_status find_in_folder(const char *folder, idx_paths paths[N_RAW_PARTS])
{
    char **names = NULL;
    int n = 0;
    TRY(snug_list_dir(folder, &names, &n));
    snug_status status = find_in_names(folder, names, n, paths);
    snug_free(names);
    TRY(status);
    if (!paths[RAW_MAIN].images[0]) { /* a folder of a test part alone */
        paths[RAW_MAIN] = paths[RAW_TEST];
        paths[RAW_TEST].images[0] = '\0';
    }
    CHECK(paths[RAW_MAIN].images[0], SNUG_EFORMAT,
          "%s: no file named like train-images-idx3-ubyte or train-images-idx3-ubyte.gz", folder);
    return SNUG_OK;
}

static snug_status find_files(const char *path, idx_paths paths[N_RAW_PARTS])
{
    if (snug_path_is_dir(path)) {
        TRY(find_in_folder(path, paths));
    } else {
        TRY(snug_path_copy(path, paths[RAW_MAIN].images));
    }
    return SNUG_OK;
}

static snug_status find_all(const snug_data_config *config, idx_paths paths[N_RAW_PARTS])
{
    TRY(find_files(config->path, paths));
    if (config->test_path) {
        idx_paths test[N_RAW_PARTS] = {0};
        TRY(find_files(config->test_path, test));
        int from = test[RAW_TEST].images[0] ? RAW_TEST : RAW_MAIN;
        paths[RAW_TEST] = test[from];
    }
    for (int p = 0; p < N_RAW_PARTS; p++)
        if (paths[p].images[0]) find_labels(&paths[p]);
    return SNUG_OK;
}

/* ---- the source ------------------------------------------------------------------------------ */

static snug_status source_read(snug_source *s, snug_raw_part part, int64_t first, int64_t n,
                               void *out)
{
    idx_source *x = (idx_source *)s;
    const idx_part *p = &x->part[part];
    return snug_file_read_at(p->images, p->offset + (uint64_t)first * x->image_bytes, out,
                             (size_t)n * x->image_bytes);
}

static snug_status source_labels(snug_source *s, snug_raw_part part, int64_t first, int64_t n,
                                 int32_t *out)
{
    const uint8_t *labels = ((idx_source *)s)->part[part].labels + first;
    for (int64_t i = 0; i < n; i++) out[i] = labels[i];
    return SNUG_OK;
}

static void source_close(snug_source *s)
{
    idx_source *x = (idx_source *)s;
    for (int p = 0; p < N_RAW_PARTS; p++) {
        snug_file_close(x->part[p].images);
        snug_free(x->part[p].labels);
    }
    snug_free(x);
}

static snug_status open_parts(idx_source *x, const snug_data_config *config)
{
    idx_paths paths[N_RAW_PARTS] = {0};
    TRY(find_all(config, paths));
    bool want_labels = !config->no_target;
    for (snug_raw_part p = RAW_MAIN; p <= RAW_TEST; p++) {
        if (!paths[p].images[0]) continue;
        TRY(open_images(x, p, paths[p].images, config->scratch_dir));
        if (!want_labels) continue;
        CHECK(paths[p].labels[0], SNUG_ENOENT,
              "%s: no labels found beside it (the same name with 'labels' for 'images' and idx1)",
              paths[p].images);
        TRY(open_labels(x, p, paths[p].labels));
    }
    x->base.n_labels = want_labels ? 256 : 0;
    x->base.target = want_labels ? SNUG_TARGET_CLASS : SNUG_TARGET_NONE;
    return SNUG_OK;
}

static snug_status idx_open(const snug_data_config *config, const snug_spec *spec,
                            snug_source **out)
{
    (void)spec; /* nothing in these files depends on it */
    idx_source *x = snug_alloc(TAG_DATA, sizeof *x);
    if (!x) return snug_error_status();
    x->base = (snug_source){.kind = SNUG_DATA_IMAGE,
                            .resident_bytes = sizeof *x,
                            .dtype = SNUG_U8,
                            .label_names = x->label_name,
                            .read = source_read,
                            .labels = source_labels,
                            .close = source_close};
    for (int i = 0; i < 256; i++) {
        snprintf(x->label_text[i], sizeof x->label_text[i], "%d", i);
        x->label_name[i] = x->label_text[i];
    }
    return snug_source_give(&x->base, open_parts(x, config), out);
}

/* ---- looking --------------------------------------------------------------------------------- */

static snug_status looks_folder(const char *path, int *sure)
{
    char **names = NULL;
    int n = 0;
    TRY(snug_list_dir(path, &names, &n));
    for (int i = 0; i < n; i++)
        if (images_name(names[i])) *sure = 90;
    snug_free(names);
    return SNUG_OK;
}

/* The first bytes of a file, unpacked; *got is less than 4 when it is too short or damaged. */
static snug_status first_bytes(snug_file *f, const char *path, unsigned char b[4], size_t *got)
{
    bool packed = false;
    snug_gunzip *g = NULL;
    snug_status s = snug_is_gzip(f, &packed);
    if (s == SNUG_OK && packed) {
        TRY(snug_gunzip_open(f, path, &g));
        s = snug_gunzip_read(g, b, 4, got);
        snug_gunzip_close(g);
        return s;
    }
    *got = snug_file_size(f) < 4 ? 0 : 4;
    if (s == SNUG_OK) s = snug_file_read_at(f, 0, b, *got);
    snug_file_close(f);
    return s;
}

static snug_status idx_looks(const char *path, int *sure)
{
    *sure = 0;
    if (!snug_path_exists(path)) return SNUG_OK;
    if (snug_path_is_dir(path)) return looks_folder(path, sure);
    snug_file *f = NULL;
    unsigned char b[4] = {0};
    size_t got = 0;
    TRY(snug_file_open(path, &f));
    snug_status s = first_bytes(f, path, b, &got);
    if (s == SNUG_EFORMAT) { /* damaged gzip data: somebody else's */
        snug_error_clear();
        return SNUG_OK;
    }
    TRY(s);
    if (got == 4 && idx_magic(b)) *sure = 95;
    return SNUG_OK;
}

const snug_format snug_format_idx = {
    .name = "idx",
    .doc = "IDX images and labels (train-images-idx3-ubyte, .gz too), a folder or the images file",
    .looks = idx_looks,
    .open = idx_open,
};
