/* SPDX-License-Identifier: Apache-2.0 */
/* CSV: how files are written, what columns are, and what is refused, with its line. */
#include "data/csv_read.h"
#include "data/files.h"
#include "data/table.h"

#include <math.h>

/* ---- rows ------------------------------------------------------------------------------------ */

static snug_csv *reader;
static snug_csv_row row;

static void expect_row(int64_t line, int n, const char *const *fields)
{
    ok(snug_csv_next(reader, &row));
    assert_int_equal(row.n, n);
    assert_int_equal(row.line, line);
    for (int i = 0; i < n; i++) assert_string_equal(row.field[i], fields[i]);
}

static void open_rows(const char *text)
{
    ok(snug_csv_open(write_text("rows.csv", text), ',', &reader));
}

#define ROW(line, ...)                                                                             \
    expect_row(line, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),                       \
               (const char *[]){__VA_ARGS__})

static void rows_follow_rfc_4180(void **state)
{
    (void)state;
    open_rows(
        "\xef\xbb\xbf"
        "a, b ,\"c, \"\"d\"\"\"\r\n\n\"two\nlines\",,x\r\n  \"q\"  , 1 ,\xc3\xa9\n\xe9,e\"f,\r"
        "last,1,2");
    ROW(1, "a", "b", "c, \"d\"");
    ROW(3, "two\nlines", "", "x");
    ROW(5, "q", "1", "\xc3\xa9");
    ROW(6, "\xc3\xa9", "e\"f", ""); /* Latin-1 became UTF-8 */
    ROW(7, "last", "1", "2");
    ok(snug_csv_next(reader, &row));
    assert_int_equal(row.n, 0);
    snug_csv_close(reader);
}

static void broken_rows_are_named(void **state)
{
    (void)state;
    open_rows("a,b\nc,\"d\n");
    ROW(1, "a", "b");
    fails(snug_csv_next(reader, &row), SNUG_EFORMAT, "line 2: the quote opened here");
    snug_csv_close(reader);
    open_rows("a,b\nc,\"d\" e\n");
    ROW(1, "a", "b");
    fails(snug_csv_next(reader, &row), SNUG_EFORMAT, "line 2: text after a closing quote");
    snug_csv_close(reader);
    ok(snug_csv_open(write_file("rows.csv", "a,\0b", 4), ',', &reader));
    fails(snug_csv_next(reader, &row), SNUG_EFORMAT, "zero byte");
    snug_csv_close(reader);
}

static void long_rows_are_bounded(void **state)
{
    (void)state;
    char *text = calloc(1, SNUG_MAX_ROW_BYTES + 16);
    memset(text, 'x', SNUG_MAX_ROW_BYTES + 8);
    open_rows(text);
    fails(snug_csv_next(reader, &row), SNUG_EFORMAT, "is a quote left open?");
    snug_csv_close(reader);
    free(text);
}

static void numbers_are_read_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } cases[] = {{"0", 0},
                 {"-12.5", -12.5},
                 {"+7", 7},
                 {".5", .5},
                 {"5.", 5},
                 {"1e3", 1e3},
                 {"0.1", 0.1},
                 {"123456789012345", 123456789012345},
                 {"1234567890123456789", 1234567890123456789.0},
                 {"0.1234567890123456789", 0.1234567890123456789},
                 {"3.14159265358979", 3.14159265358979},
                 {"1e-320", 1e-320},
                 {"1e999", INFINITY},
                 {"-inf", -INFINITY},
                 {"Infinity", INFINITY}};
    static const char *const texts[] = {"",    "-",   ".",     "e5",    "1e",  "1-2",  "0x10",
                                        "1 2", "1,5", "12:30", "1.2.3", "--1", "infix"};
    double v;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(snug_field_number(cases[i].text, &v));
        assert_true(v == cases[i].value);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(snug_field_number(texts[i], &v));
    assert_int_equal(snug_error_status(), SNUG_OK);
}

static void names_sort_naturally(void **state)
{
    (void)state;
    static const char *const order[] = {"-3", "2", "10", "10.5", "a", "a2", "a10", "a10b", "b"};
    for (int i = 0; i < 9; i++)
        for (int j = 0; j < 9; j++) {
            int c = snug_natural_compare(order[i], order[j]);
            assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
        }
}

/* ---- dialects -------------------------------------------------------------------------------- */

static void dialect(const char *text, char delimiter, bool header)
{
    snug_csv_dialect d;
    ok(snug_csv_sniff(write_text("dialect.csv", text), &d));
    assert_int_equal(d.delimiter, delimiter);
    assert_int_equal(d.header, header);
}

static void dialects_are_recognised(void **state)
{
    (void)state;
    dialect("x,y\n1,2\n3,4\n", ',', true);
    dialect("1,2\n3,4\n", ',', false);
    dialect("x;y\n1,5;2\n3,5;4\n", ';', true);
    dialect("1\tb\n2\tc\n", '\t', false);
    dialect("p,x,s\ne,x,t\np,y,s\n", ',', false); /* texts that come again: data */
    dialect("name,kind\nann,a\nbob,b\n", ',', true);
    dialect(",x\n1,2\n2,5\n", ',', true); /* a column of row numbers without a name */
    dialect("a\n1\n2\n", ',', true);
    dialect("\"x;1\",y\n1,2\n", ',', true);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static float x[32];
static int32_t y;

static void get(snug_dataset *d, snug_part part, int64_t i)
{
    ok(snug_dataset_get(d, part, i, x, &y));
}

static void columns_become_features(void **state)
{
    (void)state;
    snug_dataset *d = open_path(write_text("t.csv", "size,colour,kind\n"
                                                    "1, red, b10\n"
                                                    "3, ?, b9\n"
                                                    ", blue, b10\n"
                                                    "5, red, b9\n"));
    const snug_data_info *info = snug_dataset_info(d);
    assert_int_equal(info->kind, SNUG_DATA_TABLE);
    assert_int_equal(info->n[SNUG_PART_TRAIN], 4);
    assert_int_equal(info->sample.dim[0], 4); /* size, blue, red, missing */
    assert_int_equal(info->n_missing, 2);
    assert_int_equal(info->n_columns, 2);
    assert_string_equal(info->class_names[0], "b9");
    assert_string_equal(info->class_names[1], "b10");
    const float deviation = (float)sqrt(8.0 / 3);
    get(d, SNUG_PART_TRAIN, 0);
    assert_true(fabsf(x[0] + 2 / deviation) < 1e-6f && x[1] == 0 && x[2] == 1 && x[3] == 0);
    assert_int_equal(y, 1);
    get(d, SNUG_PART_TRAIN, 1);
    assert_true(x[0] == 0 && x[1] == 0 && x[2] == 0 && x[3] == 1 && y == 0);
    get(d, SNUG_PART_TRAIN, 2);
    assert_true(x[0] == 0 && x[1] == 1);
    assert_true(has_problem(d, "2 fields are missing"));
    snug_dataset_close(d);
}

static void a_late_text_makes_a_category(void **state)
{
    (void)state;
    char *text = calloc(1, 40000), *p = text;
    for (int i = 0; i < 3000; i++)
        p += sprintf(p, "%d,%s,%d\n", i % 7, i == 2500 ? "odd" : i % 2 ? "1" : "2", i % 2);
    snug_dataset *d = open_path(write_text("late.csv", text));
    assert_int_equal(snug_dataset_info(d)->sample.dim[0], 1 + 3); /* "1", "2", "odd" */
    assert_true(has_problem(d, "such as 'odd' (line 2501) among 2999 numbers"));
    get(d, SNUG_PART_TRAIN, 2500);
    assert_true(x[1] == 0 && x[2] == 0 && x[3] == 1);
    get(d, SNUG_PART_TRAIN, 2501);
    assert_true(x[1] == 1 && y == 1);
    snug_dataset_close(d);
    free(text);
}

static void rare_categories_share_a_feature(void **state)
{
    (void)state;
    char *text = calloc(1, 40000), *p = text;
    for (int i = 0; i < 1400; i++) p += sprintf(p, "t%d,%d\n", i % 300 < 250 ? i % 250 : i, i % 2);
    snug_dataset *d = open_path(write_text("rare.csv", text));
    assert_int_equal(snug_dataset_info(d)->sample.dim[0], 257);
    assert_true(has_problem(d, "the 256 most frequent are told apart"));
    snug_dataset_close(d);
    free(text);
}

static void targets_are_found_or_told(void **state)
{
    (void)state;
    const char *values = write_text("v.csv", "a,b\n1,0.5\n2,0.25\n3,8\n");
    snug_dataset *d = open_path(values);
    assert_int_equal(snug_dataset_info(d)->target, SNUG_TARGET_VALUE);
    float value;
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 2, x, &value));
    assert_true(value == 8);
    snug_dataset_close(d);
    snug_data_config config = {.path = values, .target = "a", .task = "class"};
    d = open_config(&config);
    assert_int_equal(snug_dataset_info(d)->n_classes, 3);
    snug_dataset_close(d);
    config = (snug_data_config){.path = values, .target = "0", .task = "value"};
    d = open_config(&config);
    assert_int_equal(snug_dataset_info(d)->target, SNUG_TARGET_VALUE);
    snug_dataset_close(d);
    config.target = "aa";
    refuses_config(&config, SNUG_EINVAL, "no column 'aa' to be the target; there are 2");
    config = (snug_data_config){.path = values, .ignore = "a,b"};
    refuses_config(&config, SNUG_EINVAL, "every column is ignored");
    config = (snug_data_config){.path = values, .ignore = "b", .target = "b"};
    refuses_config(&config, SNUG_EINVAL, "both ignored and the target");
    config = (snug_data_config){.path = values, .ignore = "a"};
    refuses_config(&config, SNUG_EINVAL, "no column is left to learn from");
    config = (snug_data_config){.path = values, .task = "guess"};
    refuses_config(&config, SNUG_EINVAL, "class, value, labels");
    d = open_path(write_text("n.csv", "Class,b\nu,0.5\nv,0.25\nu,8\n"));
    assert_int_equal(snug_dataset_info(d)->n_classes, 2);
    snug_dataset_close(d);
}

static void bad_tables_are_refused(void **state)
{
    (void)state;
    refuses(write_text("e.csv", ""), SNUG_EFORMAT, "empty");
    refuses(write_text("e.csv", "\n\n"), SNUG_EFORMAT, "empty");
    refuses(write_text("e.csv", "a,b\n1,2\n1,2,3\n"), SNUG_EFORMAT, "line 3: 3 fields");
    refuses(write_text("e.csv", "a,b\n1,2\n2\n"), SNUG_EFORMAT, "line 3: 1 fields");
    refuses(write_text("e.csv", "a,b\n1,x\n2,x\n"), SNUG_EINVAL, "of class 'x'");
    refuses(write_text("e.csv", "a,b\n1,x\ninf,z\n2,y\n"), SNUG_ENUMERIC, "line 3, column 'a'");
    refuses(write_text("e.csv", "a,b\n1,x\n2,z\n-1e999,y\n"), SNUG_ENUMERIC, "line 4, column 'a'");
    refuses(write_text("e.csv", "a,b\n1e308,x\n-1e308,z\n"), SNUG_EFORMAT, "data.ignore");
    refuses(write_text("e.csv", "a,b\n1,x\n2,\n3,y\n"), SNUG_EFORMAT,
            "line 3: no value in the target");
    refuses(write_file("e.csv", "a,b\n\0,2\n", 8), SNUG_EFORMAT, "zero byte");
    refuses(write_text("garbage", "\x01\x02\x03 nothing"), SNUG_EFORMAT, "no data set recognised");
    snug_data_config config = {
        .path = write_text("e.csv", "a,b\n1,2\nx,3\n"), .target = "a", .task = "value"};
    refuses_config(&config, SNUG_EINVAL, "line 3: the target 'a' is to be a value");
    config = (snug_data_config){.path = write_text("e.csv", "a,b\n1,2\n3,4\n"), .header = "maybe"};
    refuses_config(&config, SNUG_EINVAL, "yes or no");
    config = (snug_data_config){.path = write_text("e.csv", "a,b\n"), .header = "yes"};
    refuses_config(&config, SNUG_EFORMAT, "no rows below its header");
}

static void folders_are_paired(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"x-train.csv", "x-test.csv"},
                                           {"a.data", "a.test"},
                                           {"o.tra", "o.tes"},
                                           {"training.csv", "testing.csv"}};
    for (int i = 0; i < 4; i++) {
        char name[64], directory[32];
        snprintf(directory, sizeof directory, "pair%d", i);
        mkdir(path_of(directory), 0700);
        snprintf(name, sizeof name, "%s/%s", directory, pairs[i][0]);
        write_text(name, "v,k\n1,<=5\n2,>5\n4,<=5\n");
        snprintf(name, sizeof name, "%s/%s", directory, pairs[i][1]);
        write_text(name, "1,>5.\n2,<=5.\n"); /* no header; a full stop, as in adult.test */
        snug_dataset *d = open_path(path_of(directory));
        assert_int_equal(snug_dataset_info(d)->n[SNUG_PART_TRAIN], 3);
        assert_int_equal(snug_dataset_info(d)->n[SNUG_PART_TEST], 2);
        assert_int_equal(snug_dataset_info(d)->n_classes, 2);
        get(d, SNUG_PART_TEST, 0);
        assert_string_equal(snug_dataset_info(d)->class_names[y], ">5");
        snug_dataset_close(d);
    }
    mkdir(path_of("many"), 0700);
    write_text("many/a.csv", "1,2\n");
    write_text("many/b.csv", "1,2\n");
    refuses(path_of("many"), SNUG_EINVAL, "holds 2 tables (a.csv, b.csv)");
}

static void packed_tables_are_read(void **state)
{
    (void)state;
    const char *text = "1;a\n2;b\n3;a\n";
    snug_dataset *d = open_path(write_packed("g.csv.gz", text, strlen(text)));
    assert_int_equal(snug_dataset_info(d)->n[SNUG_PART_TRAIN], 3);
    snug_dataset_close(d);
}

static void ids_and_constants_are_reported(void **state)
{
    (void)state;
    char *text = calloc(1, 8000), *p = text;
    p += sprintf(p, "id,c,v,class\n");
    for (int i = 0; i < 100; i++) p += sprintf(p, "%d,1,%d,%d\n", 7 * i + 3, i % 40, i >= 97);
    snug_dataset *d = open_path(write_text("id.csv", text));
    assert_true(has_problem(d, "column 'id' holds a different whole number in every row"));
    assert_true(has_problem(d, "column 'c' is the same in every row"));
    assert_true(has_problem(d, "97 samples of '0', 3 of '1'"));
    assert_true(has_problem(d, "class '1' has only 3 samples"));
    snug_dataset_close(d);
    d = open_path(write_text("comma.csv", "a;b;c\n1,5;2;x\n2,5;3;y\n-2,75;3;y\n"));
    assert_true(has_problem(d, "column 'a' holds text, such as '1,5'"));
    snug_dataset_close(d);
    const snug_data_config config = {.path = path_of("id.csv"), .ignore = "id, c"};
    d = open_config(&config);
    assert_int_equal(snug_dataset_info(d)->sample.dim[0], 1);
    assert_true(has_problem(d, "training rows repeat another one"));
    snug_dataset_close(d);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_follow_rfc_4180),
        cmocka_unit_test(broken_rows_are_named),
        cmocka_unit_test(long_rows_are_bounded),
        cmocka_unit_test(numbers_are_read_exactly),
        cmocka_unit_test(names_sort_naturally),
        cmocka_unit_test(dialects_are_recognised),
        cmocka_unit_test(columns_become_features),
        cmocka_unit_test(a_late_text_makes_a_category),
        cmocka_unit_test(rare_categories_share_a_feature),
        cmocka_unit_test(targets_are_found_or_told),
        cmocka_unit_test(bad_tables_are_refused),
        cmocka_unit_test(folders_are_paired),
        cmocka_unit_test(packed_tables_are_read),
        cmocka_unit_test(ids_and_constants_are_reported),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
