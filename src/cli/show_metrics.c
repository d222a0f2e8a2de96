/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics as a table, those of every class, and the confusion matrix as a drawing: counts for few
 * classes, for many tenths of the row and the pairs most often mistaken. */
#include "cli/cli.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL = 12, MAX_LABEL = 16, RECALL = 9, MAX_DRAWN = 16, MAX_PAIRS = 10, MAX_LISTED = 100 };

static void show_value(const cli *c, const snug_metrics *m, const snug_metric *like)
{
    const double v = snug_metrics_get(m, like->name);
    if (!isfinite(v))
        cli_say(c, "%12s", "-");
    else if (like->share)
        cli_say(c, "%10.2f %%", 100 * v);
    else if (v != 0 && (fabs(v) < 1e-3 || fabs(v) >= 1e6))
        cli_say(c, "%12.4g", v);
    else
        cli_say(c, "%12.4f", v);
}

static int widest_name(const snug_metrics *m)
{
    int most = 0;
    for (int k = 0; k < m->n; k++)
        if ((int)strlen(m->metric[k].name) > most) most = (int)strlen(m->metric[k].name);
    return most > LABEL - 4 ? most + 4 : LABEL;
}

void cli_show_metrics(const cli *c, int n, const char *const *part, const snug_metrics *const *m)
{
    if (n == 0) return;
    const snug_metrics *widest = m[0];
    for (int i = 1; i < n; i++)
        if (m[i]->n > widest->n) widest = m[i];
    const int label = widest_name(widest);
    cli_say(c, "%s%-*s", cli_paint(c, STYLE_BOLD), label, "");
    for (int i = 0; i < n; i++) cli_say(c, "%12s", part[i]);
    cli_say(c, "%s\n", cli_paint(c, STYLE_PLAIN));
    for (int k = 0; k < widest->n; k++) {
        cli_say(c, "  %-*s", label - 2, widest->metric[k].name);
        for (int i = 0; i < n; i++) show_value(c, m[i], &widest->metric[k]);
        cli_say(c, "\n");
    }
    cli_say(c, "  %-*s", label - 2, "samples");
    for (int i = 0; i < n; i++) cli_say(c, "%12s", cli_count(m[i]->samples));
    cli_say(c, "\n");
}

/* ---- class by class ---- */

static const char *class_name(const snug_metrics *m, int64_t i)
{
    return m->class_names ? m->class_names[i] : cli_count(i);
}

static int longest_class(const snug_metrics *m)
{
    int longest = 5;
    for (int64_t i = 0; i < m->n_classes; i++) {
        const int length = cli_name_columns(class_name(m, i));
        if (length > longest) longest = length;
    }
    return longest < MAX_LABEL ? longest : MAX_LABEL;
}

static void show_area(const cli *c, double v)
{
    if (isfinite(v))
        cli_say(c, "%8.4f", v);
    else
        cli_say(c, "%8s", "-");
}

void cli_show_by_class(const cli *c, const snug_metrics *m)
{
    if (!m->by_class || c->quiet || m->n_classes > MAX_LISTED) return;
    const int label = longest_class(m);
    const bool areas = c->columns >= label + 2 + 3 * 9 + 2 * 8 + 8;
    cli_say(c, "\n%s  %-*s%9s%9s%9s", cli_paint(c, STYLE_BOLD), label, "class", "precis.", "recall",
            "f1");
    if (areas) cli_say(c, "%8s%8s", "auc", "auc_pr");
    cli_say(c, "%8s%s\n", "samples", cli_paint(c, STYLE_PLAIN));
    for (int64_t i = 0; i < m->n_classes; i++) {
        const snug_class_metrics *k = &m->by_class[i];
        cli_say(c, "  ");
        cli_put_name(c->people, class_name(m, i), label, label);
        cli_say(c, "%7.1f %%%7.1f %%%7.1f %%", 100 * k->precision, 100 * k->recall, 100 * k->f1);
        if (areas) {
            show_area(c, k->auc);
            show_area(c, k->auc_pr);
        }
        cli_say(c, "%8s\n", cli_count(k->support));
    }
}

/* ---- the confusion matrix ---- */

static int digits(int64_t v)
{
    int n = 1;
    while (v >= 10) v /= 10, n++;
    return n;
}

static int64_t row_sum(const snug_metrics *m, int64_t row)
{
    int64_t sum = 0;
    for (int64_t p = 0; p < m->n_classes; p++) sum += m->confusion[row * m->n_classes + p];
    return sum;
}

/* A grey behind the count, by its share of the row; nothing without colour. */
static void shade(const cli *c, double share)
{
    if (c->colour && share > 0)
        fprintf(c->people, "\033[48;5;%dm%s", 235 + (int)(share * 15),
                share > 0.6 ? "\033[38;5;16m" : "\033[38;5;255m");
}

/* How a matrix is set: columns of a class's name and of a count. */
typedef struct matrix_layout {
    int label, cell;
    bool percent;
} matrix_layout;

/* Names as wide as there is room for; percent when counts have no room. */
static matrix_layout lay_out(const cli *c, const snug_metrics *m)
{
    int64_t k = m->n_classes, largest = 0;
    int longest = 1;
    for (int64_t i = 0; i < k * k; i++)
        if (m->confusion[i] > largest) largest = m->confusion[i];
    for (int64_t i = 0; i < k; i++) {
        int length = cli_name_columns(m->class_names[i]);
        if (length > longest) longest = length;
    }
    matrix_layout l = {.label = (longest < MAX_LABEL ? longest : MAX_LABEL) + 3};
    int room = (c->columns - l.label - RECALL) / (int)k, wide = longest + 2;
    l.percent = digits(largest) + 1 > room;
    l.cell = l.percent ? 4 : digits(largest) + 1;
    if (wide > room) wide = room;
    if (wide > l.cell) l.cell = wide;
    return l;
}

static void draw_row(const cli *c, const snug_metrics *m, int64_t row, matrix_layout l)
{
    int64_t sum = row_sum(m, row);
    cli_say(c, "  ");
    cli_put_name(c->people, m->class_names[row], l.label - 2, l.label - 3);
    for (int64_t p = 0; p < m->n_classes; p++) {
        int64_t count = m->confusion[row * m->n_classes + p];
        double share = sum ? (double)count / (double)sum : 0;
        shade(c, share);
        if (count == 0)
            cli_say(c, "%*s", l.cell, ".");
        else if (l.percent)
            cli_say(c, "%*.0f", l.cell, 100 * share);
        else
            cli_say(c, "%*" PRId64, l.cell, count);
        cli_say(c, "%s", cli_paint(c, STYLE_PLAIN));
    }
    if (m->by_class && c->columns >= l.label + l.cell * (int)m->n_classes + RECALL)
        cli_say(c, "  %5.1f %%", 100 * m->by_class[row].recall);
    cli_say(c, "\n");
}

static void draw_matrix(const cli *c, const snug_metrics *m, matrix_layout l)
{
    cli_say(c, "\n%sconfusion matrix%s, %s; rows are true, columns predicted\n",
            cli_paint(c, STYLE_BOLD), cli_paint(c, STYLE_PLAIN), l.percent ? "percent" : "counts");
    cli_say(c, "%-*s", l.label, "");
    for (int64_t p = 0; p < m->n_classes; p++)
        cli_put_name(c->people, m->class_names[p], -l.cell, l.cell - 1);
    cli_say(c, "\n");
    for (int64_t t = 0; t < m->n_classes; t++) draw_row(c, m, t, l);
}

/* One character for a share of a row: nothing, a dot, tenths, or nearly all. */
static char share_mark(double share)
{
    if (share == 0) return ' ';
    if (share >= 0.95) return '@';
    return share < 0.05 ? '.' : (char)('0' + (int)(share * 10 + 0.5));
}

/* Two columns a class, for more classes than counts have room for. */
static void draw_marks(const cli *c, const snug_metrics *m, int label)
{
    int64_t k = m->n_classes;
    cli_say(c,
            "\n%sconfusion matrix%s, tenths of the row: @ nearly all, . a few;\n"
            "rows are true, columns predicted\n%-*s",
            cli_paint(c, STYLE_BOLD), cli_paint(c, STYLE_PLAIN), label, "");
    for (int64_t p = 0; p < k; p++) cli_put_name(c->people, m->class_names[p], -2, 1);
    cli_say(c, "\n");
    for (int64_t t = 0; t < k; t++) {
        int64_t sum = row_sum(m, t);
        cli_say(c, "  ");
        cli_put_name(c->people, m->class_names[t], label - 2, label - 3);
        for (int64_t p = 0; p < k; p++) {
            double share = sum ? (double)m->confusion[t * k + p] / (double)sum : 0;
            cli_say(c, " ");
            shade(c, share);
            cli_say(c, "%c%s", share_mark(share), cli_paint(c, STYLE_PLAIN));
        }
        if (m->by_class && c->columns >= label + 2 * (int)k + 9)
            cli_say(c, "  %5.1f %%", 100 * m->by_class[t].recall);
        cli_say(c, "\n");
    }
}

typedef struct pair {
    int64_t count, truth, predicted;
} pair;

/* Keeps the largest MAX_PAIRS, largest first; of equals the earlier. */
static int insert_pair(pair *best, int n, pair p)
{
    int at = n;
    while (at > 0 && best[at - 1].count < p.count) at--;
    if (at == MAX_PAIRS) return n;
    int last = n < MAX_PAIRS ? n : MAX_PAIRS - 1;
    memmove(&best[at + 1], &best[at], (size_t)(last - at) * sizeof *best);
    best[at] = p;
    return last + 1;
}

static void draw_pairs(const cli *c, const snug_metrics *m)
{
    pair best[MAX_PAIRS];
    int n = 0, most = (c->columns - 23) / 2; /* of a name */
    for (int64_t t = 0; t < m->n_classes; t++)
        for (int64_t p = 0; p < m->n_classes; p++) {
            int64_t count = m->confusion[t * m->n_classes + p];
            if (t != p && count > 0) n = insert_pair(best, n, (pair){count, t, p});
        }
    if (n == 0) return;
    cli_say(c, "\n%smost often mistaken%s\n", cli_paint(c, STYLE_BOLD), cli_paint(c, STYLE_PLAIN));
    for (int i = 0; i < n; i++) {
        cli_say(c, "  %8" PRId64 "  ", best[i].count);
        cli_put_name(c->people, m->class_names[best[i].truth], 0, most);
        cli_say(c, " taken for ");
        cli_put_name(c->people, m->class_names[best[i].predicted], 0, most);
        cli_say(c, "\n");
    }
}

void cli_show_confusion(const cli *c, const snug_metrics *m)
{
    if (!m->confusion || m->n_classes < 2 || c->quiet) return;
    const matrix_layout l = lay_out(c, m);
    if (m->n_classes <= MAX_DRAWN && l.label + l.cell * m->n_classes <= c->columns) {
        draw_matrix(c, m, l);
        return;
    }
    if (l.label + 2 * m->n_classes <= c->columns) draw_marks(c, m, l.label);
    draw_pairs(c, m);
}
