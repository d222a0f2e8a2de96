/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes from words: an operator by its name, its attributes as text, "slope=0.1, alpha=2". What an
 * attribute may hold is told by the operator's rows, ranges are checked as for any node. */
#include "base/status.h"
#include "base/str.h"
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NAMES = 512, WORD_BYTES = 64 };

static snug_status unknown_op(const snug_graph *g, const char *name)
{
    const char *names[MAX_NAMES] = {NULL};
    const snug_op *op;
    int n = 0;
    for (; n < MAX_NAMES && (op = snug_context_op(g->ctx, n)); n++) names[n] = op->name;
    int near = snug_nearest(name, n, names);
    if (near >= 0)
        return FAIL(SNUG_EINVAL, "there is no operator '%.80s'; did you mean '%s'?", name,
                    names[near]);
    return FAIL(SNUG_EINVAL, "there is no operator '%.80s'; `snug help ops` lists them", name);
}

static snug_status unknown_attr(const snug_op *op, const char *name)
{
    const char *names[MAX_NAMES] = {NULL};
    char list[200] = "";
    int n = 0;
    for (const snug_attr *a = op->attrs; a && a->name && n < MAX_NAMES; a++) names[n++] = a->name;
    int near = snug_nearest(name, n, names);
    if (near >= 0)
        return FAIL(SNUG_EINVAL, "%s has no attribute '%s'; did you mean '%s'?", op->name, name,
                    names[near]);
    size_t used = 0;
    for (int i = 0; i < n && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, " %s", names[i]);
    return FAIL(SNUG_EINVAL, "%s has no attribute '%s': it has%s", op->name, name,
                n ? list : " none");
}

static int word_index(const char *const *words, const char *text)
{
    for (int i = 0; words[i]; i++)
        if (!strcmp(words[i], text)) return i;
    return -1;
}

/* A number, or a word where the attribute has words. */
static snug_status parse_value(const snug_op *op, const snug_attr *a, const char *text, double *out)
{
    static const char *const no_yes[] = {"false", "true", NULL};
    const char *const *words = a->kind == SNUG_ATTR_BOOL ? no_yes : a->names;
    int word = words ? word_index(words, text) : -1;
    if (word >= 0) {
        *out = word;
        return SNUG_OK;
    }
    int64_t whole = 0;
    snug_status s =
        a->kind == SNUG_ATTR_FLOAT ? snug_parse_double(text, out) : snug_parse_int(text, &whole);
    if (a->kind != SNUG_ATTR_FLOAT) *out = (double)whole;
    if (s == SNUG_OK) return SNUG_OK;
    snug_error_clear();
    return FAIL(SNUG_EINVAL, "%s: '%s' must be %s from %g to %g%s, not '%s'", op->name, a->name,
                a->kind == SNUG_ATTR_FLOAT ? "a number" : "a whole number", a->min, a->max,
                words ? " or its name" : "", text);
}

/* The next run of characters other than those of `stop`, without blanks around it; *at moves on to
 * the character that ended it. */
static snug_status next_word(const char **at, const char *stop, char out[WORD_BYTES])
{
    const char *begin = *at + strspn(*at, " \t\n");
    size_t n = strcspn(begin, stop);
    *at = begin + n;
    while (n > 0 && strchr(" \t\n", begin[n - 1])) n--;
    CHECK(n > 0 && n < WORD_BYTES, SNUG_EINVAL,
          "attributes are written \"name=value, name=value\", but here stands '%.40s'", begin);
    memcpy(out, begin, n);
    out[n] = '\0';
    return SNUG_OK;
}

static snug_status parse_pair(const snug_op *op, const char **at, void *attrs)
{
    char name[WORD_BYTES], value[WORD_BYTES];
    double x;
    TRY(next_word(at, "=,", name));
    CHECK(**at == '=', SNUG_EINVAL, "%s: '%s' has no value: write \"%s=value\"", op->name, name,
          name);
    ++*at;
    TRY(next_word(at, ",", value));
    const snug_attr *a = op->attrs;
    while (a && a->name && strcmp(a->name, name) != 0) a++;
    if (!a || !a->name) return unknown_attr(op, name);
    TRY(parse_value(op, a, value, &x));
    CHECK(x >= a->min && x <= a->max, SNUG_EINVAL, "%s: '%s' must be from %g to %g, not %s",
          op->name, name, a->min, a->max, value);
    snug_attr_set(attrs, a, x);
    return SNUG_OK;
}

static snug_status parse_attrs(const snug_op *op, const char *text, void *attrs)
{
    snug_attrs_default(op, attrs);
    text += strspn(text, " \t\n");
    while (*text) {
        TRY(parse_pair(op, &text, attrs));
        if (*text == ',') text++;
    }
    return SNUG_OK;
}

static snug_status apply_named(snug_graph *g, const char *name, const char *text, int n_in,
                               snug_value *const *in, snug_value **out)
{
    const snug_op *op = snug_graph_find_op(g, name);
    if (!op) return unknown_op(g, name);
    void *attrs = snug_bump_alloc(g->bump, op->attrs_bytes + 1);
    if (!attrs) return SNUG_ENOMEM;
    TRY(parse_attrs(op, text ? text : "", attrs));
    return snug_apply_all(g, op, NULL, attrs, n_in, in, out);
}

snug_status snug_apply_named_all(snug_graph *g, const char *op, const char *attrs, int n_in,
                                 snug_value *const *in, snug_value **out)
{
    if (!g || !op) return FAIL(SNUG_EINVAL, "no %s", g ? "operator" : "graph");
    if (g->failed) return g->error.status;
    snug_status s = apply_named(g, op, attrs, n_in, in, out);
    return s == SNUG_OK ? s : snug_graph_fail(g, s);
}

snug_value *snug_apply_named(snug_graph *g, const char *op, const char *attrs, int n_in,
                             snug_value *const *in)
{
    snug_value *out[SNUG_MAX_OUT] = {NULL};
    return snug_apply_named_all(g, op, attrs, n_in, in, out) == SNUG_OK ? out[0] : NULL;
}
