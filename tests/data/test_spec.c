/* SPDX-License-Identifier: Apache-2.0 */
/* The spec: written, read, applied to other data, and refused when it is hostile. */
#include "data/encode.h"
#include "data/files.h"
#include "data/spec.h"
#include <float.h>
#include <math.h>

static const char train[] = "size,colour,id,kind\n1,red,7,a\n3,,8,b\n,blue,9,a\n5,red,1,b\n";

static char *learned(void)
{
    const snug_data_config config = {.path = write_text("train.csv", train), .ignore = "id"};
    snug_dataset *d = open_config(&config);
    char *spec = strdup(snug_dataset_spec(d));
    snug_dataset_close(d);
    return spec;
}

static void reading_gives_what_was_written(void **state)
{
    (void)state;
    char *spec = learned(), *again = NULL;
    snug_bump *bump = snug_bump_create(TAG_TEST);
    snug_spec s;
    ok(snug_spec_read(spec, bump, &s));
    assert_int_equal(s.n_columns, 4);
    assert_int_equal(s.column[2].kind, COLUMN_IGNORED);
    ok(snug_spec_write(&s, &again));
    assert_string_equal(spec, again);
    snug_free(again);
    snug_bump_destroy(bump);
    free(spec);
}

/* The features of a row of other data, seen through the spec of the training set. */
static void expect(const snug_data_config *config, int64_t row, const char *features)
{
    snug_dataset *d = open_config(config);
    float x[8];
    char text[128] = "";
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, row, x, NULL));
    for (int64_t i = 0; i < snug_dataset_info(d)->sample.dim[0]; i++)
        sprintf(text + strlen(text), "%.3g ", (double)x[i]);
    assert_string_equal(text, features);
    snug_dataset_close(d);
}

static void other_data_are_seen_the_same_way(void **state)
{
    (void)state;
    char *spec = learned();
    snug_data_config c = {.spec = spec, .path = path_of("train.csv")};
    expect(&c, 0, "-1.22 0 1 0 ");
    c.path = write_text("other.csv", "kind,extra,colour,size\nb,1,green,3\na,2,blue,1\n");
    expect(&c, 0, "0 0 0 0 "); /* green was never seen */
    expect(&c, 1, "-1.22 1 0 0 ");
    c.path = write_text("plain.csv", "3,blue,0,a\n");
    expect(&c, 0, "0 1 0 0 ");
    c.no_target = true;
    c.path = write_text("predict.csv", "3,blue,0\n");
    expect(&c, 0, "0 1 0 0 ");
    c.path = write_text("predict2.csv", "size,colour\n3,blue\n");
    expect(&c, 0, "0 1 0 0 ");
    snug_dataset *d = open_config(&c);
    assert_int_equal(snug_dataset_info(d)->target, SNUG_TARGET_NONE);
    assert_int_equal(snug_dataset_info(d)->n_classes, 2);
    snug_dataset_close(d);
    free(spec);
}

static void other_data_must_fit(void **state)
{
    (void)state;
    char *spec = learned();
    snug_data_config c = {.spec = spec};
    c.path = write_text("o.csv", "size,color,id,kind\n1,red,1,a\n");
    refuses_config(&c, SNUG_ESHAPE,
                   "no column 'colour', which the model needs; the nearest is 'color'");
    c.path = write_text("o.csv", "1,red,1\n");
    refuses_config(&c, SNUG_ESHAPE, "rows of 3 fields; the model's data had 4");
    c.path = write_text("o.csv", "1,red,1,c\n");
    refuses_config(&c, SNUG_EINVAL, "is of class 'c', which is not one of the 2 known (a, b)");
    c.path = write_text("o.csv", "1,red,1,a\nx,red,1,a\n");
    refuses_config(&c, SNUG_EFORMAT, "line 2, column 'size': 'x' is not a number");
    c.path = write_text("o.csv", "size,colour\n1,red\n");
    refuses_config(&c, SNUG_ESHAPE, "no column 'kind', which the model has as its target");
    c.path = "glyphs:n=10";
    refuses_config(&c, SNUG_ESHAPE, "trained on a table, these data are images");
    const snug_data_config none = {.path = path_of("train.csv"), .no_target = true};
    refuses_config(&none, SNUG_EINVAL, "need a model's spec");
    free(spec);
}

#define IMAGE(rest)      "{\"snug_data\":1,\"kind\":\"image\"," rest "}"
#define SPEC(kind, rest) "{\"snug_data\":1,\"kind\":\"" kind "\"," rest "}"
#define TABLE(rest)      "{\"snug_data\":1,\"kind\":\"table\",\"named\":true," rest "}"

static void hostile_specs_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } cases[] = {
        {"", "not JSON"},
        {"[1]", "not one"},
        {"{\"snug_data\":2}", "another version"},
        {IMAGE("\"target\":\"none\""), "\"sample\" must be a list of 3"},
        {IMAGE("\"target\":\"none\",\"sample\":[1,2]"), "list of 3"},
        {IMAGE("\"target\":\"none\",\"sample\":[0,1,1]"), "length of 0"},
        {IMAGE("\"target\":\"none\",\"sample\":[4294967296,4294967296,1]"), "length of 4294967296"},
        {IMAGE("\"target\":\"none\",\"sample\":[2,2,65]"), "channels"},
        {IMAGE("\"target\":\"none\",\"sample\":[2,2,1],\"mean\":[1]"), "list of 1 numbers"},
        {IMAGE("\"target\":\"none\",\"sample\":[2,2,1],\"mean\":[1],\"std\":[0]"), "cannot be"},
        {IMAGE("\"target\":\"tokens\",\"sample\":[2,2,1]"), "tokens of no text"},
        {IMAGE("\"target\":\"value\",\"sample\":[2,2,1],\"target_names\":[\"a\",\"b\"],"
               "\"target_mean\":[0],\"target_std\":[1]"),
         "list of 2 numbers"},
        {SPEC("series", "\"target\":\"none\",\"sample\":[2,65537]"), "channels"},
        {SPEC("series", "\"target\":\"none\",\"sample\":[9,1],\"columns\":[]"), "\"horizon\""},
        {SPEC("series", "\"target\":\"value\",\"target_names\":[\"a\"],\"target_mean\":[0],"
                        "\"target_std\":[1],\"sample\":[9,1],\"named\":true,\"horizon\":2,"
                        "\"columns\":[{\"name\":\"a\",\"kind\":\"number\",\"mean\":0,\"std\":1,"
                        "\"ahead\":true}]"),
         "2 target columns"},
        {SPEC("text", "\"target\":\"tokens\",\"sample\":[9],\"unit\":\"word\""), "not known"},
        {SPEC("text", "\"target\":\"class\",\"classes\":[\"a\"],\"sample\":[9],\"unit\":\"byte\","
                      "\"tokens\":[1]"),
         "and the target"},
        {SPEC("text", "\"target\":\"tokens\",\"sample\":[9],\"unit\":\"byte\",\"tokens\":[256]"),
         "ascending bytes"},
        {SPEC("text",
              "\"target\":\"tokens\",\"sample\":[9],\"unit\":\"character\",\"tokens\":[9,9]"),
         "ascending characters"},
        {IMAGE("\"target\":\"none\",\"sample\":[2,2,1],\"mean\":[\"x\"],\"std\":[1]"),
         "not a number"},
        {IMAGE("\"target\":\"class\",\"sample\":[2,2,1],\"classes\":[]"), "no classes"},
        {IMAGE("\"target\":\"class\",\"sample\":[2,2,1],\"classes\":[\"a\",\"a\"]"), "twice"},
        {IMAGE("\"target\":\"class\",\"sample\":[2,2,1],\"classes\":[1]"), "not a text"},
        {IMAGE("\"target\":\"what\",\"sample\":[2,2,1]"), "\"what\", which is not known"},
        {TABLE("\"target\":\"none\",\"sample\":[1],\"columns\":[]"), "list of 1 to"},
        {TABLE("\"target\":\"none\",\"sample\":[2],\"columns\":[{\"name\":\"a\",\"kind\":"
               "\"number\",\"mean\":0,\"std\":1}]"),
         "make 1 features"},
        {TABLE("\"target\":\"none\",\"sample\":[1],\"columns\":[{\"name\":\"a\",\"kind\":"
               "\"number\",\"mean\":0,\"std\":1},{\"name\":\"b\",\"kind\":\"target\"}]"),
         "1 target columns"},
        {TABLE("\"target\":\"none\",\"sample\":[1],\"columns\":[{\"kind\":\"number\"}]"),
         "no name"},
    };
    snug_bump *bump = snug_bump_create(TAG_TEST);
    snug_spec s;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        fails(snug_spec_read(cases[i].json, bump, &s), SNUG_EFORMAT, cases[i].words);
    snug_bump_destroy(bump);
}

static void image_specs_fit_by_shape(void **state)
{
    (void)state;
    snug_data_config c = {.path = "glyphs:n=10"};
    snug_dataset *d = open_config(&c);
    char *spec = strdup(snug_dataset_spec(d));
    snug_dataset_close(d);
    c.spec = spec;
    d = open_config(&c);
    assert_string_equal(snug_dataset_spec(d), spec);
    snug_dataset_close(d);
    char *dim = strstr(spec, "[28,");
    dim[2] = '9';
    refuses_config(&c, SNUG_ESHAPE, "images of [28, 28, 1]; the model was trained on [29, 28, 1]");
    free(spec);
}

static void text_becomes_tokens_and_back(void **state)
{
    (void)state;
    static const char json[] = SPEC("text", "\"target\":\"tokens\",\"sample\":[8],\"unit\":"
                                            "\"character\",\"tokens\":[32,97,228,8364,128512]");
    static const char words[] = "a \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
    snug_bump *bump = snug_bump_create(TAG_TEST);
    snug_spec s;
    int32_t token[16];
    int64_t n = 0;
    char back[64];
    size_t at = 0;
    ok(snug_spec_read(json, bump, &s));
    ok(snug_spec_tokens(&s, words, strlen(words), token, &n));
    assert_int_equal(n, 5);
    assert_int_equal(token[0], 1);
    assert_int_equal(token[4], 4);
    for (int64_t i = 0; i < n; i++) at += (size_t)snug_spec_token_text(&s, token[i], back + at);
    back[at] = '\0';
    assert_string_equal(back, words);
    assert_string_equal(s.classes[2], "\xc3\xa4");
    fails(snug_spec_tokens(&s, "ab", 2, token, &n), SNUG_EINVAL, "'b' (U+0062, character 1");
    fails(snug_spec_tokens(&s, "a\x80", 2, token, &n), SNUG_EFORMAT, "no UTF-8");
    snug_bump_destroy(bump);
}

/* Pixels are computed or looked up; either gives the quotient's very float, in any number; the
 * largest where that is past it. */
static void check_pixels(int64_t channels, double std_0)
{
    enum { PIXELS = 353 };
    const double mean[] = {127.3, 0, 64.125, 1e-3, 200}, std[] = {std_0, 255, 3, 1e-3, 71.7};
    snug_bump *bump = snug_bump_create(TAG_TEST);
    double m[5], d[5];
    memcpy(m, mean, sizeof m);
    memcpy(d, std, sizeof d);
    const snug_shape shape = {.n_dims = 3, .dim = {PIXELS, 1, channels}};
    const snug_spec spec = {.kind = SNUG_DATA_IMAGE, .sample = shape, .mean = m, .std = d};
    const snug_source source = {.dtype = SNUG_U8, .shape = shape};
    snug_encoder e;
    ok(snug_encoder_make(&spec, &source, NULL, bump, &e));
    uint8_t byte[PIXELS * 5];
    float x[PIXELS * 5 + 1];
    for (int i = 0; i < PIXELS * 5; i++) byte[i] = (uint8_t)(i * 37);
    x[PIXELS * channels] = -7;
    e.encode(&e, byte, PIXELS, x);
    for (int64_t i = 0; i < PIXELS * channels; i++) {
        const double quotient = (byte[i] - mean[i % channels]) / std[i % channels];
        const float want = (float)fmin(fmax(quotient, -FLT_MAX), FLT_MAX);
        assert_memory_equal(&x[i], &want, sizeof want);
    }
    assert_true(x[PIXELS * channels] == -7);
    snug_bump_destroy(bump);
}

static void bytes_become_quotients(void **state)
{
    (void)state;
    for (int64_t channels = 1; channels <= 5; channels++) check_pixels(channels, 58.4);
    check_pixels(1, 1e-40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_gives_what_was_written),
        cmocka_unit_test(other_data_are_seen_the_same_way),
        cmocka_unit_test(other_data_must_fit),
        cmocka_unit_test(text_becomes_tokens_and_back),
        cmocka_unit_test(bytes_become_quotients),
        cmocka_unit_test(hostile_specs_are_refused),
        cmocka_unit_test(image_specs_fit_by_shape),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
