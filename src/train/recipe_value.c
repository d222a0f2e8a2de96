/* SPDX-License-Identifier: Apache-2.0 */
/* One value of a recipe, by its row: from text, to text, and what it may be. */
#include "train/recipe_row.h"

#include <math.h>
#include <string.h>

/* ---- to text ----------------------------------------------------------------------------------
 */

/* The largest unit of which n is a whole number. */
static void size_text(int64_t n, snug_str *out)
{
    static const char units[] = "KMGT";
    int unit = 0;
    while (n && unit < 4 && n % 1024 == 0) n /= 1024, unit++;
    snug_str_printf(out, "%" PRId64, n);
    if (unit) snug_str_addn(out, &units[unit - 1], 1);
}

static void time_text(double seconds, snug_str *out)
{
    char number[SNUG_DOUBLE_TEXT];
    double unit = 1;
    const char *name = "s";
    if (seconds > 0 && fmod(seconds, 3600) == 0)
        unit = 3600, name = "h";
    else if (seconds > 0 && fmod(seconds, 60) == 0)
        unit = 60, name = "m";
    snug_str_add(out, snug_format_double(seconds / unit, number, sizeof number));
    if (seconds > 0) snug_str_add(out, name);
}

static void model_text(const snug_recipe *r, snug_str *out)
{
    if (!r->model.name) return;
    if (strcmp(r->model.name, "layers") != 0)
        snug_str_add(out, r->model.name);
    else
        snug_layers_write(r->model.layers, 0, out);
}

void snug_recipe_row_text(const snug_recipe *r, int row, snug_str *out)
{
    const snug_recipe_row *w = snug_recipe_row_get(row);
    const void *field = (const char *)r + w->offset;
    char number[SNUG_DOUBLE_TEXT];
    const char *text;
    switch (w->info.kind) {
    case SNUG_OPTION_INT:
        snug_str_printf(out, "%" PRId64, *(const int64_t *)field);
        return;
    case SNUG_OPTION_FLOAT:
        snug_str_add(out, snug_format_double(*(const double *)field, number, sizeof number));
        return;
    case SNUG_OPTION_BOOL:
        snug_str_add(out, *(const bool *)field ? "true" : "false");
        return;
    case SNUG_OPTION_TEXT:
        text = *(char *const *)field;
        snug_str_add(out, text ? text : "");
        return;
    case SNUG_OPTION_ENUM:
        snug_str_add(out, w->info.names[*(const int64_t *)field]);
        return;
    case SNUG_OPTION_SIZE:
        size_text(*(const int64_t *)field, out);
        return;
    case SNUG_OPTION_TIME:
        time_text(*(const double *)field, out);
        return;
    case SNUG_OPTION_MODEL:
        model_text(r, out);
        return;
    }
}

/* ---- what a value may be ----------------------------------------------------------------------
 */

static void range_text(const snug_option_info *o, const char *what, snug_str *out)
{
    char a[SNUG_DOUBLE_TEXT], b[SNUG_DOUBLE_TEXT];
    snug_str_printf(out, "%s from %s to %s", what, snug_format_double(o->min, a, sizeof a),
                    snug_format_double(o->max, b, sizeof b));
}

static void names_text(const snug_option_info *o, snug_str *out)
{
    for (int i = 0; o->names[i]; i++)
        snug_str_printf(out, "%s%s", i == 0 ? "" : o->names[i + 1] ? ", " : " or ", o->names[i]);
}

void snug_recipe_row_domain(const snug_recipe_row *row, snug_str *out)
{
    const snug_option_info *o = &row->info;
    switch (o->kind) {
    case SNUG_OPTION_INT:
        snug_str_printf(out, "a whole number from %.0f to %.0f", o->min, o->max);
        return;
    case SNUG_OPTION_FLOAT:
        range_text(o, "a number", out);
        return;
    case SNUG_OPTION_BOOL:
        snug_str_add(out, "true or false");
        return;
    case SNUG_OPTION_TEXT:
        if (o->names)
            names_text(o, out);
        else
            snug_str_add(out, "text");
        return;
    case SNUG_OPTION_ENUM:
        names_text(o, out);
        return;
    case SNUG_OPTION_SIZE:
        snug_str_add(out, "a size such as 64M, up to ");
        size_text((int64_t)o->max, out);
        return;
    case SNUG_OPTION_TIME:
        snug_str_add(out, "a time such as 90s or 20m, up to ");
        time_text(o->max, out);
        return;
    case SNUG_OPTION_MODEL:
        snug_str_add(out, "a model's name or a list of layers");
        return;
    }
}

/* ---- from text --------------------------------------------------------------------------------
 */

typedef struct setting {
    snug_recipe *recipe;
    const snug_recipe_row *row;
    const char *where, *text;
} setting;

/* "recipe.yaml:7: train.epochs must be a whole number from 1 to 1000000, not 'ten'" */
static snug_status refuse(const setting *v)
{
    snug_str domain = {0};
    snug_recipe_row_domain(v->row, &domain);
    snug_status s = FAIL(SNUG_EINVAL, "%s%s must be %s, not '%.80s'", v->where, v->row->info.key,
                         domain.text ? domain.text : "valid", v->text);
    snug_str_free(&domain);
    return s;
}

/* A parser's own message knows neither key nor range: replace it. */
static snug_status parsed(const setting *v, snug_status status, double value)
{
    if (status == SNUG_OK && value >= v->row->info.min && value <= v->row->info.max) return SNUG_OK;
    if (status != SNUG_OK) snug_error_clear();
    return refuse(v);
}

static snug_status set_whole(const setting *v, int64_t *field)
{
    int64_t n = 0;
    snug_status s = v->row->info.kind == SNUG_OPTION_SIZE ? snug_parse_size(v->text, &n)
                                                          : snug_parse_int(v->text, &n);
    TRY(parsed(v, s, (double)n));
    *field = n;
    return SNUG_OK;
}

static snug_status set_real(const setting *v, double *field)
{
    double x = 0;
    snug_status s = v->row->info.kind == SNUG_OPTION_TIME ? snug_parse_time(v->text, &x)
                                                          : snug_parse_double(v->text, &x);
    TRY(parsed(v, s, x));
    *field = x;
    return SNUG_OK;
}

static snug_status set_bool(const setting *v, bool *field)
{
    bool yes = !strcmp(v->text, "true") || !strcmp(v->text, "yes");
    if (!yes && strcmp(v->text, "false") != 0 && strcmp(v->text, "no") != 0) return refuse(v);
    *field = yes;
    return SNUG_OK;
}

static int index_of(const char *const *names, const char *text)
{
    for (int i = 0; names[i]; i++)
        if (!strcmp(names[i], text)) return i;
    return -1;
}

static snug_status set_enum(const setting *v, int64_t *field)
{
    const char *const *names = v->row->info.names;
    int i = index_of(names, v->text), n = 0;
    while (names[n]) n++;
    int near = i < 0 ? snug_nearest(v->text, n, names) : -1;
    if (near >= 0)
        return FAIL(SNUG_EINVAL, "%s%s: unknown name '%.80s'; did you mean '%s'?", v->where,
                    v->row->info.key, v->text, names[near]);
    if (i < 0) return refuse(v);
    *field = i;
    return SNUG_OK;
}

static snug_status set_text(const setting *v, char **field)
{
    char *copy = NULL;
    if (*v->text) {
        CHECK(snug_text_is_utf8(v->text), SNUG_EINVAL, "%s%s is not UTF-8 text", v->where,
              v->row->info.key);
        if (v->row->info.names && index_of(v->row->info.names, v->text) < 0) return refuse(v);
        copy = snug_strdup(TAG_RECIPE, v->text);
        if (!copy) return SNUG_ENOMEM;
    }
    snug_free(*field);
    *field = copy;
    return SNUG_OK;
}

/* A message of the layers' or the zoo's, with the place in the recipe in front. */
static snug_status located(const setting *v, snug_status status)
{
    snug_error_copy e;
    if (!*v->where) return status;
    snug_error_take(&e);
    return FAIL(status, "%s%s", v->where, e.message);
}

static snug_status make_model(const setting *v, char **name, snug_layer_list **layers)
{
    bool list = *v->text == '[' || *v->text == '-';
    snug_status s =
        list ? snug_layers_parse("model", v->text, layers) : snug_layers_from_zoo(v->text, layers);
    if (s != SNUG_OK) return located(v, s);
    *name = snug_strdup(TAG_RECIPE, list ? "layers" : v->text);
    if (*name) return SNUG_OK;
    snug_layers_free(*layers);
    return SNUG_ENOMEM;
}

static snug_status set_model(const setting *v)
{
    char *name = NULL;
    snug_layer_list *layers = NULL;
    if (*v->text) TRY(make_model(v, &name, &layers));
    snug_free(v->recipe->model.name);
    snug_layers_free(v->recipe->model.layers);
    v->recipe->model.name = name;
    v->recipe->model.layers = layers;
    return SNUG_OK;
}

static snug_status set_field(const setting *v)
{
    void *field = (char *)v->recipe + v->row->offset;
    switch (v->row->info.kind) {
    case SNUG_OPTION_INT:
    case SNUG_OPTION_SIZE:
        return set_whole(v, field);
    case SNUG_OPTION_FLOAT:
    case SNUG_OPTION_TIME:
        return set_real(v, field);
    case SNUG_OPTION_BOOL:
        return set_bool(v, field);
    case SNUG_OPTION_TEXT:
        return set_text(v, field);
    case SNUG_OPTION_ENUM:
        return set_enum(v, field);
    case SNUG_OPTION_MODEL:
        return set_model(v);
    }
    return SNUG_OK;
}

snug_status snug_recipe_row_set(snug_recipe *r, int row, const char *where, const char *text)
{
    setting v = {.recipe = r, .row = snug_recipe_row_get(row), .where = where, .text = text};
    TRY(set_field(&v));
    r->given[row / 64] |= (uint64_t)1 << row % 64;
    return SNUG_OK;
}

snug_status snug_recipe_take_layers(snug_recipe *r, snug_layer_list *layers)
{
    char *name = snug_strdup(TAG_RECIPE, "layers");
    if (!name) {
        snug_layers_free(layers);
        return SNUG_ENOMEM;
    }
    snug_free(r->model.name);
    snug_layers_free(r->model.layers);
    r->model.name = name;
    r->model.layers = layers;
    int row = snug_recipe_row_find("model");
    r->given[row / 64] |= (uint64_t)1 << row % 64;
    return SNUG_OK;
}
