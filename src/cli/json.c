/* SPDX-License-Identifier: Apache-2.0 */
/* What scripts see. The keys are promises (docs/manual.md, tests/schema). Rates are 0 to 1, times
 * seconds, sizes bytes. */
#include "cli/cli.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *cli_number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

snug_status cli_json_print(json_t *object, bool one_line)
{
    size_t flags = JSON_REAL_PRECISION(12) | (one_line ? JSON_COMPACT : JSON_INDENT(2));
    bool made = object != NULL;
    bool written = made && json_dumpf(object, stdout, flags) == 0 && putchar('\n') != EOF;
    json_decref(object);
    SNUG_CHECK(made, SNUG_ENOMEM, "out of memory for the JSON of the result");
    SNUG_CHECK(written, SNUG_EIO, "cannot write JSON to standard output");
    return SNUG_OK;
}

json_t *cli_shape_json(const snug_shape *s)
{
    json_t *a = json_array();
    for (int i = 0; i < s->n_dims; i++) json_array_append_new(a, json_integer(s->dim[i]));
    return a;
}

/* JSON that the library made, printed as this command prints its own. */
static snug_status print_made(snug_status status, char *text)
{
    SNUG_TRY(status);
    json_t *j = json_loads(text, 0, NULL);
    free(text);
    return cli_json_print(j, false);
}

snug_status cli_print_plan_json(const snug_plan_report *p)
{
    char *text = NULL;
    snug_status status = snug_plan_json(p, &text);
    return print_made(status, text);
}

snug_status cli_print_result_json(const snug_train_result *r)
{
    char *text = NULL;
    snug_status status = snug_result_json(r, &text);
    return print_made(status, text);
}

json_t *cli_metrics_json(const snug_metrics *m)
{
    json_t *j = json_object();
    for (int i = 0; i < m->n; i++)
        json_object_set_new(j, m->metric[i].name, cli_number(m->metric[i].value));
    return j;
}

static json_t *confusion_json(const snug_metrics *m)
{
    json_t *rows = json_array();
    for (int64_t t = 0; t < m->n_classes; t++) {
        json_t *row = json_array();
        for (int64_t p = 0; p < m->n_classes; p++)
            json_array_append_new(row, json_integer(m->confusion[t * m->n_classes + p]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *by_class_json(const snug_metrics *m)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < m->n_classes; i++) {
        const snug_class_metrics *k = &m->by_class[i];
        json_array_append_new(list, json_pack("{ss so so so sI}", "class", m->class_names[i],
                                              "precision", cli_number(k->precision), "recall",
                                              cli_number(k->recall), "f1", cli_number(k->f1),
                                              "support", (json_int_t)k->support));
    }
    return list;
}

void cli_metrics_detail_json(const snug_metrics *m, json_t *into)
{
    if (!m->confusion) return;
    json_t *names = json_array();
    for (int64_t i = 0; i < m->n_classes; i++)
        json_array_append_new(names, json_string(m->class_names[i]));
    json_object_set_new(into, "classes", names);
    json_object_set_new(into, "confusion_matrix", confusion_json(m));
    if (m->by_class) json_object_set_new(into, "by_class", by_class_json(m));
}
