/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy arrays: samples and truths, told apart by their names (numpy_names.h), in an .npz archive,
 * an .npy file with others beside it, or a folder of .npy files.
 *
 * Samples by the number of axes: [N, H, W, C] images, [N, H, W] of bytes images too, [N, T, C]
 * series, [N, F] rows of a table; data.kind says otherwise. Truths: whole numbers [N] are classes,
 * whole numbers [N, L] labels of 0 and 1, floats values. Arrays are read in place, or from a
 * scratch file where the archive packs them.
 */
#include "base/file.h"
#include "data/csv_columns.h"
#include "data/names.h"
#include "data/npy.h"
#include "data/numpy_names.h"
#include "data/zip.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 4096 /* doubles */

typedef struct numpy_source {
    snug_source base;
    snug_bump *bump;
    snug_table table;
    snug_array x[N_RAW_PARTS], y[N_RAW_PARTS]; /* file NULL: there is none */
    double *label;                             /* what each label is, ascending */
    const char *path;                          /* while it is opened */
} numpy_source;

/* ---- finding arrays -------------------------------------------------------------------------- */

/* Put an array in its place; it is taken over. */
static snug_status take_array(numpy_source *s, const snug_array_name *n, const char *name,
                              snug_file *file, uint64_t offset)
{
    snug_array *to = n->role == ROLE_TRUTH ? &s->y[n->part] : &s->x[n->part];
    const char *kept = snug_bump_strdup(s->bump, name);
    if (!kept || to->file) {
        snug_file_close(file);
        CHECK(kept, SNUG_ENOMEM, "no memory for the name of an array");
        return FAIL(SNUG_EINVAL, "%s: '%s' and '%s' could both be the same part of a set", s->path,
                    to->name, name);
    }
    return snug_array_open(kept, file, offset, to);
}

static snug_status take_member(numpy_source *s, const snug_zip *z, const snug_zip_member *m,
                               const snug_array_name *n, const char *scratch_dir)
{
    snug_zip_content c;
    char name[SNUG_PATH_BYTES + 64];
    TRY(snug_zip_open(z, m, scratch_dir, &c));
    s->base.scratch_bytes += (size_t)c.scratch;
    snprintf(name, sizeof name, "%s, %s", s->path, m->name);
    return take_array(s, n, name, c.file, c.offset);
}

static snug_status open_archive(numpy_source *s, const snug_data_config *config)
{
    snug_zip z;
    TRY(snug_zip_read(s->path, s->bump, &z));
    for (int i = 0; i < z.n; i++) {
        snug_array_name n = snug_array_name_read(z.member[i].name);
        if (z.n == 1) n.role = ROLE_SAMPLES;
        if (n.role == ROLE_NONE || (n.role == ROLE_TRUTH && config->no_target)) continue;
        TRY(take_member(s, &z, &z.member[i], &n, config->scratch_dir));
    }
    return SNUG_OK;
}

static bool npy_name(const char *name)
{
    return snug_name_ends(name, ".npy");
}

static snug_status take_file(numpy_source *s, const char *path, const snug_array_name *n)
{
    snug_file *f = NULL;
    TRY(snug_file_open(path, &f));
    return take_array(s, n, path, f, 0);
}

/* Arrays of one set among the names of a folder; `set` NULL: all of them must be of one. */
static snug_status take_names(numpy_source *s, const char *folder, char *const *names, int n,
                              const char *set)
{
    char path[SNUG_PATH_BYTES];
    for (int i = 0; i < n; i++) {
        if (!npy_name(names[i])) continue;
        const snug_array_name a = snug_array_name_read(names[i]);
        if (a.role == ROLE_NONE || (set && strcmp(set, a.set) != 0)) continue;
        TRY(snug_path_join(folder, names[i], path));
        TRY(take_file(s, path, &a));
    }
    return SNUG_OK;
}

static snug_status open_names(numpy_source *s, const char *folder, const char *set)
{
    char **names = NULL;
    int n = 0;
    TRY(snug_list_dir(folder, &names, &n));
    snug_status status = take_names(s, folder, names, n, set);
    snug_free(names);
    return status;
}

static bool npz_name(const char *name)
{
    return snug_name_ends(name, ".npz");
}

/* How many of the names are archives; the path of the last. */
static snug_status count_archives(const char *folder, char path[SNUG_PATH_BYTES], int *count)
{
    char **names = NULL;
    int n = 0;
    TRY(snug_list_dir(folder, &names, &n));
    snug_status status = SNUG_OK;
    *count = 0;
    for (int i = 0; i < n && status == SNUG_OK; i++) {
        if (!npz_name(names[i])) continue;
        status = snug_path_join(folder, names[i], path);
        ++*count;
    }
    snug_free(names);
    return status;
}

/* The one archive of a folder, or else its arrays. */
static snug_status open_folder(numpy_source *s, const snug_data_config *config, const char *folder)
{
    char path[SNUG_PATH_BYTES];
    int archives = 0;
    TRY(count_archives(folder, path, &archives));
    if (archives == 0) return open_names(s, folder, NULL);
    CHECK(archives == 1, SNUG_EINVAL, "%s: holds %d archives: name the one to train on", folder,
          archives);
    s->path = path;
    return open_archive(s, config);
}

/* A file of samples, with those beside it that its name goes with. */
static snug_status open_file(numpy_source *s)
{
    char folder[SNUG_PATH_BYTES];
    snug_array_name n = snug_array_name_read(snug_name_of(s->path));
    CHECK(
        n.role != ROLE_TRUTH, SNUG_EINVAL,
        "%s: holds truths by its name; name the file with the samples, truths are found beside it",
        s->path);
    if (n.role == ROLE_NONE) {
        n.role = ROLE_SAMPLES;
        n.part = RAW_MAIN;
        return take_file(s, s->path, &n);
    }
    TRY(snug_path_copy(s->path, folder));
    char *name = strrchr(folder, '/');
    if (!name) return open_names(s, ".", n.set);
    name[name == folder] = '\0';
    return open_names(s, folder, n.set);
}

static snug_status open_arrays(numpy_source *s, const snug_data_config *config, const char *path)
{
    s->path = path;
    if (snug_path_is_dir(path)) return open_folder(s, config, path);
    return npz_name(path) ? open_archive(s, config) : open_file(s);
}

/* The main samples of another set become the test part. */
static snug_status open_test(numpy_source *s, const snug_data_config *config)
{
    numpy_source other = {.bump = s->bump};
    snug_status status = open_arrays(&other, config, config->test_path);
    int from = other.x[RAW_TEST].file ? RAW_TEST : RAW_MAIN;
    s->base.scratch_bytes += other.base.scratch_bytes;
    for (int p = 0; p < N_RAW_PARTS; p++) {
        snug_array *old_x = p == from ? &s->x[RAW_TEST] : &other.x[p];
        snug_array *old_y = p == from ? &s->y[RAW_TEST] : &other.y[p];
        snug_array_close(old_x);
        snug_array_close(old_y);
        if (p != from) continue;
        *old_x = other.x[p];
        *old_y = other.y[p];
    }
    return status;
}

/* ---- samples --------------------------------------------------------------------------------- */

static snug_status check_layout(const snug_array *a)
{
    bool first = a->n_dims == 4 && (a->dim[1] == 1 || a->dim[1] == 3) && a->dim[3] > 4;
    CHECK(!first, SNUG_ESHAPE,
          "%s: images with the channels first, [N, %" PRId64 ", H, W]; save them with the channels "
          "last, numpy.transpose(x, (0, 2, 3, 1))",
          a->name, a->dim[1]);
    CHECK(a->n_dims < 4 || a->dim[3] <= SNUG_MAX_CHANNELS, SNUG_ESHAPE,
          "%s: images of %" PRId64 " channels, at most %d can be", a->name, a->dim[3],
          SNUG_MAX_CHANNELS);
    return SNUG_OK;
}

/* What the axes mean: as asked for, as the model has it, or by their number. */
static snug_status choose_kind(const snug_data_config *config, const snug_spec *spec,
                               const snug_array *a, snug_data_kind *out)
{
    const char *kind = config->kind;
    CHECK(!kind || strcmp(kind, "text") != 0, SNUG_EINVAL,
          "%s: data.kind is text, and this is an array", a->name);
    bool bytes = snug_array_dtype(a) == SNUG_U8;
    *out = a->n_dims == 4 || (a->n_dims == 3 && bytes) ? SNUG_DATA_IMAGE
           : a->n_dims == 3                            ? SNUG_DATA_SERIES
                                                       : SNUG_DATA_TABLE;
    if (spec) *out = spec->n_columns ? SNUG_DATA_TABLE : spec->kind;
    if (kind && !spec)
        *out = *kind == 'i' ? SNUG_DATA_IMAGE : *kind == 's' ? SNUG_DATA_SERIES : SNUG_DATA_TABLE;
    static const int axes[SNUG_N_DATA_KINDS][2] = {{3, 4}, {1, 2}, {2, 3}, {9, 9}};
    CHECK(a->n_dims >= axes[*out][0] && a->n_dims <= axes[*out][1], SNUG_ESHAPE,
          "%s: an array of %d axes, which make no %s", a->name, a->n_dims,
          *out == SNUG_DATA_IMAGE    ? "images ([N, H, W] or [N, H, W, C])"
          : *out == SNUG_DATA_SERIES ? "series ([N, T] or [N, T, C])"
          : *out == SNUG_DATA_TABLE  ? "table ([N, F])"
                                     : "text");
    return SNUG_OK;
}

/* Of one record, of images and series with their channels. */
static snug_shape record_shape(const snug_array *a, snug_data_kind kind)
{
    snug_shape s = snug_shape_make(a->n_dims - 1, a->dim + 1);
    int want = kind == SNUG_DATA_IMAGE ? 3 : 2;
    if (s.n_dims < want) s.dim[s.n_dims++] = 1;
    return s;
}

static snug_status start_samples(numpy_source *s, const snug_data_config *config,
                                 const snug_spec *spec)
{
    snug_source *b = &s->base;
    const snug_array *main = &s->x[RAW_MAIN];
    TRY(choose_kind(config, spec, main, &b->kind));
    if (b->kind == SNUG_DATA_IMAGE) TRY(check_layout(main));
    b->dtype = b->kind == SNUG_DATA_TABLE ? SNUG_F64 : snug_array_dtype(main);
    for (int p = 0; p < N_RAW_PARTS; p++) {
        const snug_array *a = &s->x[p];
        if (!a->file) continue;
        bool same = a->n_dims == main->n_dims;
        for (int i = 1; i < a->n_dims && same; i++) same = a->dim[i] == main->dim[i];
        CHECK(same, SNUG_ESHAPE, "%s: samples of another shape than those of %s", a->name,
              main->name);
        CHECK(a->dim[0] <= SNUG_MAX_SAMPLES, SNUG_EUNSUPPORTED, "%s: too many samples", a->name);
        b->n[p] = a->dim[0];
        if (snug_array_dtype(a) != b->dtype) b->dtype = SNUG_F64; /* for all of them */
    }
    size_t bytes = 0;
    CHECK(main->each <= SNUG_MAX_IMAGE_BYTES / 8 &&
              snug_size_mul((size_t)main->each, snug_dtype_get(b->dtype)->block_bytes, &bytes),
          SNUG_EUNSUPPORTED, "%s: samples of %" PRId64 " elements are beyond reason", main->name,
          main->each);
    b->record_bytes = bytes;
    if (b->kind != SNUG_DATA_TABLE) b->shape = record_shape(main, b->kind);
    if (b->kind == SNUG_DATA_IMAGE && b->shape.dim[2] > SNUG_MAX_CHANNELS)
        return FAIL(SNUG_ESHAPE, "%s: too many channels", main->name);
    return SNUG_OK;
}

static snug_status numpy_read(snug_source *b, snug_raw_part part, int64_t first, int64_t n,
                              void *out)
{
    const snug_array *a = &((numpy_source *)b)->x[part];
    if (b->dtype == SNUG_F64) return snug_array_doubles(a, first * a->each, n * a->each, out);
    return snug_array_read(a, first, n, out);
}

/* ---- rows of a table ------------------------------------------------------------------------- */

static snug_status look_at_rows(numpy_source *s, snug_raw_part part, double *block)
{
    const snug_array *a = &s->x[part];
    snug_table *t = &s->table;
    int64_t columns = a->each, total = a->dim[0] * columns;
    for (int64_t i = 0, n; i < total; i += n) {
        n = total - i < BLOCK ? total - i : BLOCK;
        TRY(snug_array_doubles(a, i, n, block));
        for (int64_t k = 0; k < n; k++)
            snug_table_note(t, (int)((i + k) % columns), block[k], (i + k) / columns + 1);
    }
    return SNUG_OK;
}

static snug_status look_at_table(numpy_source *s)
{
    double *block = snug_alloc_array(TAG_DATA, BLOCK, sizeof *block);
    if (!block) return snug_error_status();
    snug_status status = SNUG_OK;
    for (int p = 0; p < N_RAW_PARTS && status == SNUG_OK; p++)
        if (s->x[p].file) status = look_at_rows(s, (snug_raw_part)p, block);
    snug_free(block);
    return status;
}

static snug_status start_table(numpy_source *s, const snug_data_config *config,
                               const snug_spec *spec)
{
    snug_table *t = &s->table;
    int64_t columns = s->x[RAW_MAIN].each;
    bool changed, forecast = config->task && strcmp(config->task, "forecast") == 0;
    CHECK(columns <= SNUG_MAX_COLUMNS, SNUG_EUNSUPPORTED,
          "%s: %" PRId64 " columns, at most %d can be", s->path, columns, SNUG_MAX_COLUMNS);
    CHECK(!config->ignore, SNUG_EUNSUPPORTED,
          "%s: columns of arrays have no names to be ignored (data.ignore); save them without",
          s->path);
    CHECK(!config->target || forecast, SNUG_EUNSUPPORTED,
          "%s: what is to be predicted of arrays lies in an array of its own, called y or labels",
          s->path);
    t->path = s->path;
    s->base.table = t;
    if (spec)
        TRY(snug_columns_from_spec(t, config, spec, (int)columns, NULL));
    else
        TRY(snug_columns_start(t, config, (int)columns, NULL));
    for (int i = 0; i < t->n_columns && spec; i++)
        CHECK(t->column[i].kind == COLUMN_NUMBER, SNUG_ESHAPE,
              "%s: column '%.60s' of the model's data is no number, which arrays cannot hold",
              s->path, t->column[i].name);
    TRY(look_at_table(s));
    if (!spec) TRY(forecast ? snug_columns_decide(t, config, &changed) : snug_columns_numbers(t));
    TRY(snug_columns_check(t, config));
    s->base.resident_bytes += (size_t)columns * sizeof *t->column;
    return SNUG_OK;
}

/* ---- truths ---------------------------------------------------------------------------------- */

/* Where a label stands in the list, or would. */
static int label_place(const numpy_source *s, double v)
{
    int low = 0, high = s->base.n_labels;
    while (low < high) {
        int middle = (low + high) / 2;
        if (s->label[middle] < v)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static snug_status add_label(numpy_source *s, const snug_array *a, int64_t row, double v)
{
    int n = s->base.n_labels, at = label_place(s, v);
    if (at < n && s->label[at] == v) return SNUG_OK;
    CHECK(v == floor(v) && fabs(v) <= 0x1p53, SNUG_EFORMAT,
          "%s: sample %" PRId64 " is of class %g; classes are whole numbers (data.task: value?)",
          a->name, row, v);
    CHECK(n < SNUG_MAX_CLASSES, SNUG_EUNSUPPORTED,
          "%s: more than %d classes; are they values (data.task: value)?", a->name,
          SNUG_MAX_CLASSES);
    if ((n & (n - 1)) == 0) {
        double *label = snug_realloc(TAG_DATA, s->label, (n ? 2 * (size_t)n : 1) * sizeof *label);
        if (!label) return snug_error_status();
        s->label = label;
    }
    memmove(s->label + at + 1, s->label + at, (size_t)(n - at) * sizeof *s->label);
    s->label[at] = v;
    s->base.n_labels++;
    return SNUG_OK;
}

static snug_status collect_labels(numpy_source *s, double *block)
{
    for (int p = 0; p < N_RAW_PARTS; p++) {
        const snug_array *a = &s->y[p];
        for (int64_t i = 0, n; a->file && i < a->dim[0]; i += n) {
            n = a->dim[0] - i < BLOCK ? a->dim[0] - i : BLOCK;
            TRY(snug_array_doubles(a, i, n, block));
            for (int64_t k = 0; k < n; k++) TRY(add_label(s, a, i + k, block[k]));
        }
    }
    return SNUG_OK;
}

/* Labels of n records: their places in the list. */
static snug_status numpy_labels(snug_source *b, snug_raw_part part, int64_t first, int64_t n,
                                int32_t *out)
{
    const numpy_source *s = (numpy_source *)b;
    double block[64];
    for (int64_t i = 0, here; i < n; i += here) {
        here = n - i < 64 ? n - i : 64;
        TRY(snug_array_doubles(&s->y[part], first + i, here, block));
        for (int64_t k = 0; k < here; k++) out[i + k] = label_place(s, block[k]);
    }
    return SNUG_OK;
}

static snug_status numpy_values(snug_source *b, snug_raw_part part, int64_t first, int64_t n,
                                float *out)
{
    const snug_array *a = &((numpy_source *)b)->y[part];
    double block[64];
    int64_t total = n * a->each;
    for (int64_t i = 0, here; i < total; i += here) {
        here = total - i < 64 ? total - i : 64;
        TRY(snug_array_doubles(a, first * a->each + i, here, block));
        for (int64_t k = 0; k < here; k++) out[i + k] = (float)block[k];
    }
    return SNUG_OK;
}

static snug_status start_labels(numpy_source *s)
{
    snug_source *b = &s->base;
    double *block = snug_alloc_array(TAG_DATA, BLOCK, sizeof *block);
    if (!block) return snug_error_status();
    snug_status status = collect_labels(s, block);
    snug_free(block);
    TRY(status);
    const char **names = snug_bump_alloc(s->bump, ((size_t)b->n_labels + 1) * sizeof *names);
    if (!names) return snug_error_status();
    for (int i = 0; i < b->n_labels; i++) {
        names[i] = snug_bump_printf(s->bump, "%.0f", s->label[i]);
        if (!names[i]) return snug_error_status();
    }
    b->label_names = names;
    b->labels = numpy_labels;
    return SNUG_OK;
}

static snug_status start_values(numpy_source *s, bool labels)
{
    snug_source *b = &s->base;
    int64_t n = s->y[RAW_MAIN].each;
    CHECK(n <= SNUG_MAX_TARGETS, SNUG_EUNSUPPORTED,
          "%s: %" PRId64 " numbers a sample; at most %d can be", s->y[RAW_MAIN].name, n,
          SNUG_MAX_TARGETS);
    const char **names = snug_bump_alloc(s->bump, ((size_t)n + 1) * sizeof *names);
    if (!names) return snug_error_status();
    for (int64_t i = 0; i < n; i++) {
        const char *what = labels ? "label" : "value";
        names[i] = n == 1 ? what : snug_bump_printf(s->bump, "%s %" PRId64, what, i);
        if (!names[i]) return snug_error_status();
    }
    b->n_values = (int)n;
    b->value_names = names;
    b->values = numpy_values;
    return SNUG_OK;
}

/* Each part that has samples must have truths, as many and as wide. */
static snug_status check_truths(const numpy_source *s)
{
    const snug_array *main = &s->y[RAW_MAIN];
    for (int p = 0; p < N_RAW_PARTS; p++) {
        const snug_array *x = &s->x[p], *y = &s->y[p];
        if (!x->file) continue;
        CHECK(y->file, SNUG_EFORMAT, "%s: no truths go with %s", s->path, x->name);
        CHECK(y->dim[0] == x->dim[0], SNUG_EFORMAT,
              "%s: %" PRId64 " truths for %" PRId64 " samples", y->name, y->dim[0], x->dim[0]);
        CHECK(y->n_dims <= 2 && y->each == main->each, SNUG_ESHAPE,
              "%s: truths are [N], or [N, M] with the same M in all parts", y->name);
    }
    return SNUG_OK;
}

static snug_status start_truths(numpy_source *s, const snug_data_config *config,
                                const snug_spec *spec)
{
    const snug_array *y = &s->y[RAW_MAIN];
    const char *task = config->task ? config->task : "";
    if (!y->file || config->no_target || strcmp(task, "forecast") == 0) return SNUG_OK;
    TRY(check_truths(s));
    bool whole = y->type != 'f', one = y->each == 1;
    snug_target_kind kind = !whole ? SNUG_TARGET_VALUE
                            : one  ? SNUG_TARGET_CLASS
                                   : SNUG_TARGET_LABELS;
    if (!strcmp(task, "class")) kind = SNUG_TARGET_CLASS;
    if (!strcmp(task, "value")) kind = SNUG_TARGET_VALUE;
    if (!strcmp(task, "labels")) kind = SNUG_TARGET_LABELS;
    if (spec && spec->target != SNUG_TARGET_SELF) kind = spec->target;
    CHECK(kind != SNUG_TARGET_CLASS || one, SNUG_ESHAPE,
          "%s: %" PRId64 " numbers a sample do not tell one class; save the class's number "
          "(numpy.argmax), or set data.task to labels",
          y->name, y->each);
    s->base.target = kind;
    return kind == SNUG_TARGET_CLASS ? start_labels(s)
                                     : start_values(s, kind == SNUG_TARGET_LABELS);
}

/* ---- the source ------------------------------------------------------------------------------ */

static void numpy_close(snug_source *b)
{
    numpy_source *s = (numpy_source *)b;
    for (int p = 0; p < N_RAW_PARTS; p++) {
        snug_array_close(&s->x[p]);
        snug_array_close(&s->y[p]);
    }
    if (b->table) snug_table_free(&s->table); /* and the arena that names share with it */
    if (!b->table) snug_bump_destroy(s->bump);
    snug_free(s->label);
    snug_free(s);
}

static snug_status open_all(numpy_source *s, const snug_data_config *config, const snug_spec *spec)
{
    s->table.bump = s->bump = snug_bump_create(TAG_DATA);
    if (!s->bump) return snug_error_status();
    TRY(open_arrays(s, config, config->path));
    if (!s->x[RAW_MAIN].file && s->x[RAW_TEST].file) {
        /* A test part alone: the main labels are those of samples that are not there. */
        snug_array_close(&s->y[RAW_MAIN]);
        s->x[RAW_MAIN] = s->x[RAW_TEST];
        s->y[RAW_MAIN] = s->y[RAW_TEST];
        s->x[RAW_TEST].file = s->y[RAW_TEST].file = NULL;
    }
    if (config->test_path) TRY(open_test(s, config));
    s->path = config->path;
    CHECK(s->x[RAW_MAIN].file, SNUG_EFORMAT,
          "%s: no array is called x, train_images, data or the like", s->path);
    TRY(start_samples(s, config, spec));
    if (s->base.kind == SNUG_DATA_TABLE) TRY(start_table(s, config, spec));
    TRY(start_truths(s, config, spec));
    s->base.resident_bytes += sizeof *s + (size_t)s->base.n_labels * 32;
    return SNUG_OK;
}

static snug_status numpy_open(const snug_data_config *config, const snug_spec *spec,
                              snug_source **out)
{
    numpy_source *s = snug_alloc(TAG_DATA, sizeof *s);
    if (!s) return snug_error_status();
    s->base = (snug_source){.read = numpy_read, .close = numpy_close};
    return snug_source_give(&s->base, open_all(s, config, spec), out);
}

/* ---- looking --------------------------------------------------------------------------------- */

static snug_status looks_folder(const char *path, int *sure)
{
    char **names = NULL;
    int n = 0;
    TRY(snug_list_dir(path, &names, &n));
    for (int i = 0; i < n; i++) {
        bool samples = npy_name(names[i]) && snug_array_name_read(names[i]).role == ROLE_SAMPLES;
        if (samples || npz_name(names[i])) *sure = 70;
    }
    snug_free(names);
    return SNUG_OK;
}

static snug_status numpy_looks(const char *path, int *sure)
{
    snug_file *f = NULL;
    unsigned char b[6] = {0};
    *sure = 0;
    if (!snug_path_exists(path)) return SNUG_OK;
    if (snug_path_is_dir(path)) return looks_folder(path, sure);
    if (npz_name(path) || npy_name(path)) *sure = 80;
    if (*sure) return SNUG_OK;
    TRY(snug_file_open(path, &f));
    snug_status status = SNUG_OK;
    if (snug_file_size(f) > sizeof b) status = snug_file_read_at(f, 0, b, sizeof b);
    snug_file_close(f);
    *sure = memcmp(b, "\x93NUMPY", 6) == 0 ? 80 : 0;
    return status;
}

const snug_format snug_format_numpy = {
    .name = "numpy",
    .doc = "NumPy arrays called x and y, train_images and train_labels or the like: an .npz file, "
           "an .npy file with others beside it, or a folder of either",
    .looks = numpy_looks,
    .open = numpy_open,
};
