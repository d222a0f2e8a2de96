/* SPDX-License-Identifier: Apache-2.0 */
/* YAML trees: what is read, what is refused and with which message, texts there and back. */
#include "support/check.h"
#include "support/faults.h"

#include "base/tree.h"
#include <string.h>

static snug_status parse(const char *text, size_t bytes, snug_bump **bump, snug_tree **out)
{
    *bump = snug_bump_create(TAG_TEST);
    assert_non_null(*bump);
    snug_status s = snug_tree_parse("t.yaml", text, bytes, *bump, out);
    if (s != SNUG_OK) snug_bump_destroy(*bump);
    return s;
}

static void reads_nested_maps_and_lists(void **state)
{
    (void)state;
    const char *text = "# comment\na: 1\nb:\n  c: [x, 'y z', ~]\n  d: {e: \"null\"}\n";
    snug_bump *bump;
    snug_tree *root;
    ok(parse(text, strlen(text), &bump, &root));
    assert_int_equal(root->kind, TREE_MAP);
    assert_int_equal(root->n_children, 2);
    assert_string_equal(snug_tree_get(root, "a")->text, "1");
    const snug_tree *b = snug_tree_get(root, "b"), *c = snug_tree_get(b, "c");
    assert_int_equal(c->kind, TREE_LIST);
    assert_int_equal(c->line, 4);
    assert_int_equal(c->n_children, 3);
    assert_string_equal(c->child->next->text, "y z");
    assert_string_equal(c->child->next->next->text, "");
    assert_string_equal(snug_tree_get(snug_tree_get(b, "d"), "e")->text, "null");
    assert_null(snug_tree_get(root, "absent"));
    snug_bump_destroy(bump);
}

static void refuses_bad_documents(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "t.yaml: is empty"},
        {"# only a comment\n", "t.yaml: is empty"},
        {"a: 1\na: 2\n", "t.yaml:2: key 'a' was already given in line 1"},
        {"a: &x 1\nb: *x\n", "t.yaml:1: anchors such as '&x'"},
        {"a: *x\n", "t.yaml:1: aliases such as '*x'"},
        {"a: !!int 1\n", "t.yaml:1: tags such as"},
        {"a: 1\n---\nb: 2\n", "t.yaml:2: a second document"},
        {"a: [1, 2\nb: 3\n", "t.yaml:"},
        {"a: 'open\n", "t.yaml:"},
        {"\ta: 1\n", "t.yaml:1:"},
        {"? [a]\n: 1\n", "t.yaml:1: a key must be a plain word"},
        {"a: \"x\\0y\"\n", "t.yaml:1: text with a NUL"},
        {"a: 1\nb: \xff\xfe\n", "t.yaml:2:"},
        {"a: \x01\n", "t.yaml:1:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snug_bump *bump;
        snug_tree *root;
        fails(parse(cases[i].text, strlen(cases[i].text), &bump, &root), SNUG_EFORMAT,
              cases[i].message);
    }
}

static void bounds_depth_and_size(void **state)
{
    (void)state;
    snug_str s = {0};
    snug_bump *bump;
    snug_tree *root;
    for (int i = 0; i < 5000; i++) snug_str_add(&s, "[");
    fails(parse(s.text, s.length, &bump, &root), SNUG_EFORMAT, "nested deeper than 32");
    snug_str_free(&s);
    snug_str_add(&s, "[1");
    for (int i = 0; i < SNUG_TREE_NODES; i++) snug_str_add(&s, ",1");
    snug_str_add(&s, "]");
    fails(parse(s.text, s.length, &bump, &root), SNUG_EFORMAT, "more than 100000 values");
    snug_str_free(&s);
    for (int i = 0; i <= SNUG_TREE_KEYS; i++) snug_str_printf(&s, "k%d: 1\n", i);
    fails(parse(s.text, s.length, &bump, &root), SNUG_EFORMAT, "at most 1024 keys");
    snug_str_free(&s);
}

static void writes_texts_that_are_read_back(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "plain",
        "/a/b-c_d.csv",
        "",
        "null",
        "~",
        "true",
        "yes",
        "1",
        "1e3",
        ".5",
        "-x",
        "- x",
        "a: b",
        "#no",
        "a #b",
        "[x]",
        "{x}",
        "it's",
        "\"q\"",
        "back\\slash",
        "tab\there",
        "line\nbreak",
        "\r\n",
        " lead",
        "trail ",
        "\x7f",
        "caf\xc3\xa9",
        "\xe2\x80\xa8",
        "\xf0\x9f\x90\x8d",
        "a,b",
        "\xc2\x85x",
        "\xef\xbb\xbfz",
        "%x",
        "@x",
        "a\x01z",
        "&a",
        "*a",
        "!t",
        "|",
        ">",
        "?",
        "key:",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        snug_str s = {0};
        snug_bump *bump;
        snug_tree *root;
        snug_str_add(&s, "- ");
        snug_tree_write_text(&s, texts[i]);
        snug_str_add(&s, "\n- {k: ");
        snug_tree_write_text(&s, texts[i]);
        snug_str_add(&s, "}\n");
        ok(parse(s.text, s.length, &bump, &root));
        assert_string_equal(root->child->text, texts[i]);
        assert_string_equal(root->child->next->child->text, texts[i]);
        snug_bump_destroy(bump);
        snug_str_free(&s);
    }
}

static void knows_utf8(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80"};
    assert_true(snug_text_is_utf8(""));
    assert_true(snug_text_is_utf8("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8d"));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(snug_text_is_utf8(bad[i]));
}

static void writes_numbers_that_are_read_back(void **state)
{
    (void)state;
    static const struct {
        double x;
        const char *text;
    } cases[] = {
        {0, "0"},
        {1, "1"},
        {-3, "-3"},
        {0.1, "0.1"},
        {10, "10"},
        {150, "150"},
        {1e-8, "1.0e-08"},
        {1.5e-9, "1.5e-09"},
        {1e20, "1.0e+20"},
        {1e14, "100000000000000"},
        {0.30000000000000004, "0.30000000000000004"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char buf[SNUG_DOUBLE_TEXT];
        double back = 0;
        assert_string_equal(snug_format_double(cases[i].x, buf, sizeof buf), cases[i].text);
        ok(snug_parse_double(buf, &back));
        assert_true(back == cases[i].x);
    }
}

static snug_status parse_small(void *arg)
{
    (void)arg;
    snug_bump *bump = snug_bump_create(TAG_TEST);
    if (!bump) return snug_error_status();
    const char *text = "a: [1, 2, {b: c}]\n";
    snug_tree *root;
    snug_status s = snug_tree_parse("t.yaml", text, strlen(text), bump, &root);
    snug_bump_destroy(bump);
    return s;
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    assert_true(fail_each(FAULT_ALLOC, parse_small, NULL) > 0);
    assert_int_equal(snug_tag_bytes(TAG_TEST), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_nested_maps_and_lists),
        cmocka_unit_test(refuses_bad_documents),
        cmocka_unit_test(bounds_depth_and_size),
        cmocka_unit_test(writes_texts_that_are_read_back),
        cmocka_unit_test(knows_utf8),
        cmocka_unit_test(writes_numbers_that_are_read_back),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
