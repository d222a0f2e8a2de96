/* SPDX-License-Identifier: Apache-2.0 */
/* What scripts see. The keys are promises (docs/manual.md, tests/schema). Rates are 0 to 1, times
 * seconds, sizes bytes. */
#include "cli/cli.h"
#include <math.h>
#include <stdlib.h>

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

/* Text that the library made. */
static snug_status print_made(snug_status status, char *text)
{
    SNUG_TRY(status);
    bool written = puts(text) != EOF;
    free(text);
    SNUG_CHECK(written, SNUG_EIO, "cannot write JSON to standard output");
    return SNUG_OK;
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

snug_status cli_metrics_json(const snug_metrics *m, json_t **out)
{
    char *text = NULL;
    SNUG_TRY(snug_metrics_json(m, &text));
    *out = json_loads(text, 0, NULL);
    free(text);
    SNUG_CHECK(*out, SNUG_ENOMEM, "out of memory for the JSON of the metrics");
    return SNUG_OK;
}
