/* SPDX-License-Identifier: Apache-2.0 */
/* docs/ops.md is what the operators say of themselves. This test fails when it is stale;
 *     build/test_op_docs --write
 * writes it anew. */
#include "support/check.h"

#include "base/file.h"
#include "base/str.h"
#include "ops/ops.h"

#define DOCS "docs/ops.md"

static const struct flag_text {
    uint32_t flag;
    const char *text;
} flag_texts[] = {
    {SNUG_OP_VIEW, "The result is the input's bytes under another shape."},
    {SNUG_OP_RANDOM, "Draws random numbers, keyed by seed, step and node."},
    {SNUG_OP_UPDATE, "Overwrites parameters and states."},
    {SNUG_OP_BATCH_STATS, "Mixes the samples of a micro-batch: cutting a step changes the result."},
    {SNUG_OP_BACKWARD, "Made by gradient rules."},
    {SNUG_OP_ACROSS, "Its results are kept over all micro-batches of a step."},
};

static void number(snug_str *s, const snug_attr *a, double v)
{
    int64_t i = (int64_t)v;
    if (a->kind == SNUG_ATTR_FLOAT)
        snug_str_printf(s, "%g", v);
    else if (a->names)
        snug_str_add(s, a->names[i]);
    else if (i >= 1 << 20 && (i & (i - 1)) == 0)
        snug_str_printf(s, "2^%d", __builtin_ctzll((unsigned long long)i));
    else
        snug_str_printf(s, "%lld", (long long)i);
}

static void attributes(snug_str *s, const snug_op *op)
{
    if (!op->attrs) return;
    snug_str_add(s, "\n| attribute | default | from | to | |\n| --- | --- | --- | --- | --- |\n");
    for (const snug_attr *a = op->attrs; a->name; a++) {
        snug_str_printf(s, "| `%s` | ", a->name);
        number(s, a, a->initial);
        snug_str_add(s, " | ");
        number(s, a, a->min);
        snug_str_add(s, " | ");
        number(s, a, a->max);
        snug_str_printf(s, " | %s |\n", a->help);
    }
}

static void remarks(snug_str *s, const snug_op *op)
{
    const char *before = "\n";
    for (size_t i = 0; i < sizeof flag_texts / sizeof flag_texts[0]; i++) {
        if (!(op->flags & flag_texts[i].flag)) continue;
        snug_str_printf(s, "%s%s", before, flag_texts[i].text);
        before = " ";
    }
    for (int o = 0; o < op->n_out; o++) {
        if (!op->inplace[o] || op->flags & SNUG_OP_VIEW) continue;
        snug_str_printf(s, "%sOutput %d may take the place of input %d.", before, o,
                        op->inplace[o] - 1);
        before = " ";
    }
    if (*before == ' ') snug_str_add(s, "\n");
}

static void make_docs(snug_str *s)
{
    int n;
    const snug_op *const *ops = snug_builtin_ops(&n);
    snug_str_add(s,
                 "# Operators\n\n"
                 "What Snug's graphs are made of, in the operators' own words; inputs and outputs "
                 "count from 0,\n`?` marks an input that may be left out. This page is made by "
                 "`build/test_op_docs --write`.\n");
    for (int i = 0; i < n; i++) {
        snug_str_printf(s, "\n## %s\n\n```text\n%s\n```\n", ops[i]->name, ops[i]->doc);
        attributes(s, ops[i]);
        remarks(s, ops[i]);
    }
}

static void docs_are_fresh(void **state)
{
    (void)state;
    snug_str want = {0};
    char *have = NULL;
    size_t bytes;
    make_docs(&want);
    ok(snug_str_check(&want));
    ok(snug_file_slurp(DOCS, 1 << 20, &have, &bytes));
    if (strcmp(have, want.text) != 0)
        fail_msg(DOCS " is stale: run build/test_op_docs --write and commit it");
    snug_free(have);
    snug_str_free(&want);
}

static int write_docs(void)
{
    snug_str text = {0};
    make_docs(&text);
    if (snug_str_check(&text) == SNUG_OK && snug_file_write_text(DOCS, text.text) == SNUG_OK)
        return 0;
    fprintf(stderr, "%s\n", snug_error_message());
    return 1;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--write") == 0) return write_docs();
    const struct CMUnitTest tests[] = {cmocka_unit_test(docs_are_fresh)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
