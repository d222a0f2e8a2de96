/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors: there and back, headers that lie, damaged bytes, refused system calls, and the
 * format's own library when it is there. */
#include "support/check.h"
#include "support/faults.h"

#include "base/file.h"
#include "formats/safetensors.h"

#include <stdlib.h>

static char folder[64], file[96];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/snug-safetensors-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(file, sizeof file, "%s/model.safetensors", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char **names;
    int n;
    if (snug_list_dir(folder, &names, &n) != SNUG_OK) return -1;
    for (int i = 0; i < n; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (snug_remove_file(path) != SNUG_OK) return -1;
    }
    snug_free(names);
    return remove(folder);
}

static int entries_of_folder(void)
{
    char **names;
    int n;
    ok(snug_list_dir(folder, &names, &n));
    snug_free(names);
    return n;
}

/* ---- there and back ---- */

enum { N_KINDS = SNUG_N_DTYPES };
static _Alignas(16) unsigned char bytes[N_KINDS][48];
static char names[N_KINDS][32];

/* One tensor of each element type, of shape [2, 3], with every byte another. */
static int make_tensors(snug_named_tensor *t)
{
    int n = 0;
    for (int i = 0; i < N_KINDS; i++) {
        if (!snug_dtype_get((snug_dtype)i)->safetensors) continue;
        snprintf(names[n], sizeof names[n], "kind.%s", snug_dtype_get((snug_dtype)i)->name);
        for (int k = 0; k < 48; k++)
            bytes[n][k] = (unsigned char)(i == SNUG_BOOL ? k & 1 : k * 5 + i);
        t[n].name = names[n];
        t[n].tensor.data = bytes[n];
        t[n].tensor.type.dtype = (snug_dtype)i;
        t[n].tensor.type.shape = snug_shape_make(2, (const int64_t[]){2, 3});
        n++;
    }
    return n;
}

static const snug_metadata meta[] = {{"format", "pt"}, {"snug.spec", "{\"a\": [1, \"\xc3\xa9\"]}"}};

static void writes_and_reads_every_type(void **state)
{
    (void)state;
    snug_named_tensor t[N_KINDS];
    int n = make_tensors(t);
    ok(snug_safetensors_write(file, n, t, 2, meta));
    snug_safetensors *s;
    ok(snug_safetensors_open(file, &s));
    assert_int_equal(snug_safetensors_count(s), n);
    assert_string_equal(snug_safetensors_meta(s, "snug.spec"), meta[1].value);
    assert_null(snug_safetensors_meta(s, "absent"));
    ok(snug_safetensors_verify(s));
    for (int i = 0; i < n; i++) {
        unsigned char back[48] = {0};
        size_t size = snug_type_bytes(&t[i].tensor.type);
        snug_type type = snug_safetensors_type(s, i);
        assert_string_equal(snug_safetensors_name(s, i), t[i].name);
        assert_int_equal(type.dtype, t[i].tensor.type.dtype);
        ok(snug_safetensors_read(s, t[i].name, &(snug_tensor){.data = back, .type = type}));
        assert_memory_equal(back, bytes[i], size);
    }
    snug_safetensors_close(s);
}

static void scalars_and_empty_files(void **state)
{
    (void)state;
    float x = 1.5f, back = 0;
    snug_type scalar = {.dtype = SNUG_F32};
    snug_type none = {.dtype = SNUG_F32, .shape = snug_shape_make(1, (const int64_t[]){0})};
    snug_named_tensor t[] = {{"none", {&x, none}}, {"x", {&x, scalar}}};
    snug_safetensors *s;
    ok(snug_safetensors_write(file, 2, t, 0, NULL));
    ok(snug_safetensors_open(file, &s));
    ok(snug_safetensors_read(s, "x", &(snug_tensor){&back, scalar}));
    ok(snug_safetensors_read(s, "none", &(snug_tensor){NULL, none}));
    assert_float_equal(back, x, 0);
    snug_safetensors_close(s);
    ok(snug_safetensors_write(file, 0, NULL, 0, NULL));
    ok(snug_safetensors_open(file, &s));
    assert_int_equal(snug_safetensors_count(s), 0);
    ok(snug_safetensors_verify(s));
    snug_safetensors_close(s);
}

static void refuses_what_cannot_be_written(void **state)
{
    (void)state;
    float x = 0;
    snug_type scalar = {.dtype = SNUG_F32};
    snug_named_tensor twice[] = {{"x", {&x, scalar}}, {"x", {&x, scalar}}};
    snug_named_tensor reserved = {"__metadata__", {&x, scalar}}, garbage = {"\xff", {&x, scalar}};
    snug_metadata bad = {"k", "\xff"};
    fails(snug_safetensors_write(file, 2, twice, 0, NULL), SNUG_EINVAL, "two tensors");
    fails(snug_safetensors_write(file, 1, &reserved, 0, NULL), SNUG_EINVAL, "__metadata__");
    fails(snug_safetensors_write(file, 1, &garbage, 0, NULL), SNUG_EINVAL, "UTF-8");
    fails(snug_safetensors_write(file, 1, twice, 1, &bad), SNUG_EINVAL, "UTF-8");
    fails(snug_safetensors_write("/nowhere/x", 1, twice, 0, NULL), SNUG_ENOENT, "/nowhere/x");
}

static void reads_by_name_and_type_only(void **state)
{
    (void)state;
    float x[6];
    snug_named_tensor t[N_KINDS];
    int n = make_tensors(t);
    snug_safetensors *s;
    ok(snug_safetensors_write(file, n, t, 0, NULL));
    ok(snug_safetensors_open(file, &s));
    snug_tensor into = {x, {.dtype = SNUG_F32, .shape = snug_shape_make(1, (const int64_t[]){6})}};
    fails(snug_safetensors_read(s, "kind.f32", &into), SNUG_ESHAPE, "f32 [2, 3], but f32 [6]");
    into.type.dtype = SNUG_I32;
    fails(snug_safetensors_read(s, "kind.f32", &into), SNUG_ESHAPE, "but i32");
    fails(snug_safetensors_read(s, "kind", &into), SNUG_ENOENT, "no tensor 'kind'");
    snug_safetensors_close(s);
}

/* ---- files that lie ---- */

static void put_file(uint64_t header_bytes, const char *header, const char *data, size_t data_bytes)
{
    FILE *f = fopen(file, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(&header_bytes, 1, 8, f), 8);
    assert_int_equal(fwrite(header, 1, strlen(header), f), strlen(header));
    assert_int_equal(fwrite(data, 1, data_bytes, f), data_bytes);
    assert_int_equal(fclose(f), 0);
}

#define TENSOR(dtype, shape, offsets)                                                              \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void refuses_lying_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header, *message;
        snug_status status;
    } cases[] = {
        {"", "not JSON", SNUG_EFORMAT},
        {"[]", "not JSON", SNUG_EFORMAT},
        {"{", "header: ", SNUG_EFORMAT},
        {"{} x", "header: ", SNUG_EFORMAT},
        {"{}", "8 bytes follow the last tensor", SNUG_EFORMAT},
        {"{\"a\":1}", "does not describe a tensor", SNUG_EFORMAT},
        {"{\"a\":{}}", "no dtype", SNUG_EFORMAT},
        {"{\"a\":" TENSOR("F4", "[2]", "[0,8]") "}", "type 'F4'", SNUG_EUNSUPPORTED},
        {"{\"a\":" TENSOR("F32", "2", "[0,8]") "}", "no shape", SNUG_EFORMAT},
        {"{\"a\":" TENSOR("F32", "[-2]", "[0,8]") "}", "whole numbers", SNUG_EFORMAT},
        {"{\"a\":" TENSOR("F32", "[2.0]", "[0,8]") "}", "whole numbers", SNUG_EFORMAT},
        {"{\"a\":" TENSOR("F32", "[1,1,1,1,1,1,2]", "[0,8]") "}", "7 axes", SNUG_EUNSUPPORTED},
        {"{\"a\":" TENSOR("F32", "[2]", "[0]") "}", "no data_offsets", SNUG_EFORMAT},
        {"{\"a\":" TENSOR("F32", "[2]", "[8,0]") "}", "bytes 8 to 0", SNUG_EFORMAT},
        {"{\"a\":" TENSOR("F32", "[2]", "[-8,0]") "}", "bytes -8 to 0", SNUG_EFORMAT},
        {"{\"a\":" TENSOR("F32", "[4]", "[0,16]") "}", "truncated", SNUG_EFORMAT},
        {"{\"a\":" TENSOR("F32", "[3]", "[0,8]") "}", "not what its shape says", SNUG_EFORMAT},
        {"{\"a\":" TENSOR("F32", "[4294967296,4294967296]", "[0,8]") "}", "its shape says",
         SNUG_EFORMAT},
        {"{\"a\":" TENSOR("F32", "[4611686018427387906]", "[0,8]") "}", "its shape says",
         SNUG_EFORMAT},
        {"{\"a\":" TENSOR("F32", "[99999999999999999999]", "[0,8]") "}", "header: ", SNUG_EFORMAT},
        {"{\"a\":" TENSOR("F32", "[1]", "[0,4]") "}", "4 bytes follow", SNUG_EFORMAT},
        {"{\"a\":" TENSOR("F32", "[1]", "[4,8]") "}", "overlap or leave a hole", SNUG_EFORMAT},
        {"{\"a\":" TENSOR("F32", "[2]", "[0,8]") ",\"b\":" TENSOR("F32", "[1]", "[4,8]") "}",
         "overlap or leave a hole", SNUG_EFORMAT},
        {"{\"a\":" TENSOR("F32", "[1]", "[0,4]") ",\"a\":" TENSOR("F32", "[1]", "[4,8]") "}",
         "duplicate", SNUG_EFORMAT},
        {"{\"__metadata__\":[],\"a\":" TENSOR("F32", "[2]", "[0,8]") "}", "not a map",
         SNUG_EFORMAT},
        {"{\"__metadata__\":{\"k\":1},\"a\":" TENSOR("F32", "[2]", "[0,8]") "}", "'k' is not text",
         SNUG_EFORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snug_safetensors *s;
        put_file(strlen(cases[i].header), cases[i].header, "01234567", 8);
        fails(snug_safetensors_open(file, &s), cases[i].status, cases[i].message);
    }
}

static void refuses_header_lengths_beyond_the_file(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {3, 100, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63};
    snug_safetensors *s;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        put_file(lengths[i], "{}", "", 0);
        fails(snug_safetensors_open(file, &s), SNUG_EFORMAT, "truncated or no safetensors");
    }
    ok(snug_file_write_text(file, "short"));
    fails(snug_safetensors_open(file, &s), SNUG_EFORMAT, "5 bytes are no safetensors file");
    fails(snug_safetensors_open("/nowhere", &s), SNUG_ENOENT, "/nowhere");
}

static void finds_damaged_bytes(void **state)
{
    (void)state;
    snug_named_tensor t[N_KINDS];
    int n = make_tensors(t);
    ok(snug_safetensors_write(file, n, t, 0, NULL));
    FILE *f = fopen(file, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, -1, SEEK_END), 0);
    int last = fgetc(f);
    assert_int_equal(fseek(f, -1, SEEK_END), 0);
    assert_int_equal(fputc(last ^ 1, f), last ^ 1);
    assert_int_equal(fclose(f), 0);
    snug_safetensors *s;
    ok(snug_safetensors_open(file, &s));
    fails(snug_safetensors_verify(s), SNUG_EFORMAT, "is damaged");
    snug_safetensors_close(s);
}

/* ---- refused calls ---- */

static snug_status write_all(void *arg)
{
    (void)arg;
    snug_named_tensor t[N_KINDS];
    int n = make_tensors(t);
    return snug_safetensors_write(file, n, t, 2, meta);
}

static snug_status read_all(void *arg)
{
    (void)arg;
    snug_safetensors *s;
    snug_status status = snug_safetensors_open(file, &s);
    if (status != SNUG_OK) return status;
    status = snug_safetensors_verify(s);
    for (int i = 0; status == SNUG_OK && i < snug_safetensors_count(s); i++) {
        unsigned char back[48];
        snug_tensor into = {back, snug_safetensors_type(s, i)};
        status = snug_safetensors_read(s, snug_safetensors_name(s, i), &into);
    }
    snug_safetensors_close(s);
    return status;
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    static const snug_fault kinds[] = {FAULT_ALLOC, FAULT_OPEN, FAULT_WRITE, FAULT_RENAME};
    float x = 7, back;
    snug_type scalar = {.dtype = SNUG_F32};
    snug_named_tensor old = {"old", {&x, scalar}};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int n = 1, failed = 1; failed; n++) {
            ok(snug_safetensors_write(file, 1, &old, 0, NULL));
            snug_fault_arm(kinds[k], n);
            failed = write_all(NULL) != SNUG_OK;
            snug_fault_arm(kinds[k], 0);
            snug_error_clear();
            assert_int_equal(entries_of_folder(), 1);
            if (!failed) break;
            snug_safetensors *s;
            ok(snug_safetensors_open(file, &s));
            ok(snug_safetensors_verify(s));
            ok(snug_safetensors_read(s, "old", &(snug_tensor){&back, scalar}));
            snug_safetensors_close(s);
        }
}

static void reading_survives_refused_calls(void **state)
{
    (void)state;
    size_t before = snug_tag_bytes(TAG_FILE);
    ok(write_all(NULL));
    assert_true(fail_each(FAULT_ALLOC, read_all, NULL) > 0);
    assert_true(fail_each(FAULT_READ, read_all, NULL) > 0);
    assert_true(fail_each(FAULT_OPEN, read_all, NULL) > 0);
    assert_int_equal(snug_tag_bytes(TAG_FILE), before);
}

/* ---- the format's own library ---- */

static const char script[] =
    "import sys, torch\n"
    "from safetensors.torch import load_file, save_file\n"
    "from safetensors import safe_open\n"
    "a, b = sys.argv[1:3]\n"
    "t = load_file(a)\n"
    "with safe_open(a, 'pt') as f: m = f.metadata()\n"
    "assert m['format'] == 'pt' and len(m['snug.sha256']) == 64, m\n"
    "assert all(tuple(v.shape) == (2, 3) for v in t.values())\n"
    "assert t['kind.f32'].dtype == torch.float32 and t['kind.bf16'].dtype == torch.bfloat16\n"
    "save_file(t, b, m)\n";

static void agrees_with_the_format_library(void **state)
{
    (void)state;
    const char *python = "build/peers/bin/python";
    if (!snug_path_exists(python)) {
        print_message("no %s: not compared with Python's safetensors\n", python);
        skip();
    }
    char other[128], program[128], command[512];
    snprintf(other, sizeof other, "%s/other.safetensors", folder);
    snprintf(program, sizeof program, "%s/there_and_back.py", folder);
    ok(snug_file_write_text(program, script));
    snprintf(command, sizeof command, "%s %s %s %s", python, program, file, other);
    ok(write_all(NULL));
    assert_int_equal(system(command), 0);
    snug_named_tensor t[N_KINDS];
    int n = make_tensors(t);
    snug_safetensors *s;
    ok(snug_safetensors_open(other, &s));
    assert_int_equal(snug_safetensors_count(s), n);
    for (int i = 0; i < n; i++) {
        unsigned char back[48];
        ok(snug_safetensors_read(s, t[i].name, &(snug_tensor){back, t[i].tensor.type}));
        assert_memory_equal(back, bytes[i], snug_type_bytes(&t[i].tensor.type));
    }
    assert_string_equal(snug_safetensors_meta(s, "snug.spec"), meta[1].value);
    snug_safetensors_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads_every_type),
        cmocka_unit_test(scalars_and_empty_files),
        cmocka_unit_test(refuses_what_cannot_be_written),
        cmocka_unit_test(reads_by_name_and_type_only),
        cmocka_unit_test(refuses_lying_headers),
        cmocka_unit_test(refuses_header_lengths_beyond_the_file),
        cmocka_unit_test(finds_damaged_bytes),
        cmocka_unit_test(a_failed_write_leaves_the_old_file),
        cmocka_unit_test(reading_survives_refused_calls),
        cmocka_unit_test(agrees_with_the_format_library),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
