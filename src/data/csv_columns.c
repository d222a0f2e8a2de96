/* SPDX-License-Identifier: Apache-2.0 */
/* Deciding what the columns of a CSV file are. Decisions depend on what all rows hold, never on how
 * far the reader was when it decided: a belief that later rows upset is corrected by reading again.
 */
#include "data/csv_columns.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

/* ---- names and options ----------------------------------------------------------------------- */

static snug_status name_column(snug_table *t, int i, const snug_csv_row *header)
{
    snug_column *c = &t->column[i];
    bool named = header && i < header->n && *header->field[i];
    c->name = named ? snug_bump_strdup(t->bump, header->field[i])
                    : snug_bump_printf(t->bump, "column %d", i);
    c->field = i;
    return c->name ? SNUG_OK : snug_error_status();
}

static snug_status find_column(const snug_table *t, const char *what, const char *name, int *out)
{
    *out = snug_table_find(t, name);
    if (*out >= 0) return SNUG_OK;
    const char **names = snug_alloc_array(TAG_DATA, (size_t)t->n_columns, sizeof *names);
    if (!names) return snug_error_status();
    for (int i = 0; i < t->n_columns; i++) names[i] = t->column[i].name;
    int near = snug_nearest(name, t->n_columns, names);
    snug_status s =
        FAIL(SNUG_EINVAL, "%s: no column '%.60s' to be the %s%s%s%s; there are %d%s", t->path, name,
             what, near >= 0 ? "; did you mean '" : "", near >= 0 ? names[near] : "",
             near >= 0 ? "'" : "", t->n_columns, t->named ? "" : ", numbered from 0");
    snug_free(names);
    return s;
}

/* The next name of a list "a,b,3", into name; *there is false at its end. */
static snug_status next_name(const char **list, char name[256], bool *there)
{
    *there = false;
    while (*list && **list && !*there) {
        size_t n = strcspn(*list, ",");
        CHECK(n < 256, SNUG_EINVAL, "a list of columns: '%.60s...' is too long a name", *list);
        size_t blanks = strspn(*list, " ");
        blanks = blanks < n ? blanks : n;
        memcpy(name, *list + blanks, n - blanks);
        name[n - blanks] = '\0';
        *list += n + ((*list)[n] == ',');
        *there = name[0] != '\0';
    }
    return SNUG_OK;
}

static snug_status ignore_columns(snug_table *t, const char *list)
{
    char name[256];
    for (bool there;;) {
        int i = -1;
        TRY(next_name(&list, name, &there));
        if (!there) return SNUG_OK;
        TRY(find_column(t, "one to ignore", name, &i));
        t->column[i].kind = COLUMN_IGNORED;
    }
}

/* Targets are kept in the order of columns. */
static snug_status add_target(snug_table *t, int i)
{
    int at = t->n_targets;
    while (at > 0 && t->target[at - 1] >= i) at--;
    CHECK(at == t->n_targets || t->target[at] != i, SNUG_EINVAL,
          "%s: column '%s' is named twice as a target", t->path, t->column[i].name);
    CHECK(t->column[i].kind != COLUMN_IGNORED, SNUG_EINVAL,
          "%s: column '%s' is both ignored and the target", t->path, t->column[i].name);
    memmove(t->target + at + 1, t->target + at, (size_t)(t->n_targets - at) * sizeof *t->target);
    t->target[at] = i;
    t->n_targets++;
    return SNUG_OK;
}

/* A name may hold a comma itself: the whole list is tried as one first. */
static snug_status target_columns(snug_table *t, const char *list)
{
    char name[256];
    int whole = list ? snug_table_find(t, list) : -1;
    if (whole >= 0) return add_target(t, whole);
    for (bool there;;) {
        int i = -1;
        TRY(next_name(&list, name, &there));
        if (!there) return SNUG_OK;
        TRY(find_column(t, "target", name, &i));
        TRY(add_target(t, i));
    }
}

static snug_status make_columns(snug_table *t, int n)
{
    CHECK(n <= SNUG_MAX_COLUMNS, SNUG_EUNSUPPORTED, "%s: %d columns, at most %d can be", t->path, n,
          SNUG_MAX_COLUMNS);
    t->column = snug_bump_alloc(t->bump, (size_t)n * sizeof *t->column);
    t->target = snug_bump_alloc(t->bump, (size_t)n * sizeof *t->target);
    if (!t->column || !t->target) return snug_error_status();
    t->n_columns = n;
    snug_table_reset(t);
    return SNUG_OK;
}

snug_status snug_columns_start(snug_table *t, const snug_data_config *config, int n_fields,
                               const snug_csv_row *header)
{
    TRY(make_columns(t, n_fields));
    t->named = header != NULL;
    for (int i = 0; i < n_fields; i++) TRY(name_column(t, i, header));
    TRY(ignore_columns(t, config->ignore));
    return target_columns(t, config->target);
}

/* ---- from a spec ----------------------------------------------------------------------------- */

static int field_of_name(const snug_csv_row *header, const char *name)
{
    for (int i = 0; i < header->n; i++)
        if (strcmp(header->field[i], name) == 0) return i;
    return -1;
}

static bool may_lack(const snug_spec_column *c, const snug_data_config *config)
{
    return c->kind == COLUMN_IGNORED || (c->kind == COLUMN_TARGET && config->no_target);
}

static snug_status match_names(snug_table *t, const snug_data_config *config, const snug_spec *spec,
                               const snug_csv_row *header)
{
    for (int i = 0; i < spec->n_columns; i++) {
        const snug_spec_column *c = &spec->column[i];
        t->column[i].field = field_of_name(header, c->name);
        if (t->column[i].field >= 0 || may_lack(c, config)) continue;
        int near = snug_nearest(c->name, header->n, header->field);
        return FAIL(SNUG_ESHAPE, "%s: no column '%s', which the model %s%s%s%s", t->path, c->name,
                    c->kind == COLUMN_TARGET ? "has as its target" : "needs",
                    near >= 0 ? "; the nearest is '" : "", near >= 0 ? header->field[near] : "",
                    near >= 0 ? "'" : "");
    }
    return SNUG_OK;
}

static snug_status match_positions(snug_table *t, const snug_data_config *config,
                                   const snug_spec *spec, int n_fields)
{
    bool without_target = config->no_target && n_fields == spec->n_columns - 1;
    CHECK(n_fields == spec->n_columns || without_target, SNUG_ESHAPE,
          "%s: rows of %d fields; the model's data had %d%s", t->path, n_fields, spec->n_columns,
          n_fields == spec->n_columns - 1 ? ", the target among them" : "");
    for (int i = 0, field = 0; i < spec->n_columns; i++) {
        bool lacks = without_target && spec->column[i].kind == COLUMN_TARGET;
        t->column[i].field = lacks ? -1 : field++;
    }
    return SNUG_OK;
}

/* A column as the spec has it. */
static void copy_column(snug_table *t, const snug_data_config *config, const snug_spec *spec, int i)
{
    const snug_spec_column *from = &spec->column[i];
    snug_column *c = &t->column[i];
    bool target = from->kind == COLUMN_TARGET;
    /* reconstruction: its classes tell what is normal */
    bool texts = spec->target == SNUG_TARGET_CLASS || spec->target == SNUG_TARGET_SELF;
    c->name = from->name;
    c->kind = from->kind;
    c->ahead = from->ahead;
    c->text = from->kind == COLUMN_CATEGORY || (target && texts);
    if ((target || c->ahead) && !config->no_target) t->target[t->n_targets++] = i;
}

snug_status snug_columns_from_spec(snug_table *t, const snug_data_config *config,
                                   const snug_spec *spec, int n_fields, const snug_csv_row *header)
{
    TRY(make_columns(t, spec->n_columns));
    t->strict = true;
    t->named = spec->named;
    bool classes = spec->target == SNUG_TARGET_CLASS || spec->target == SNUG_TARGET_SELF;
    for (int i = 0; i < spec->n_columns; i++) copy_column(t, config, spec, i);
    t->target_kind = t->n_targets == 0 || spec->horizon ? SNUG_TARGET_NONE
                     : classes                          ? SNUG_TARGET_CLASS
                                                        : spec->target;
    if (header && spec->named)
        TRY(match_names(t, config, spec, header));
    else
        TRY(match_positions(t, config, spec, n_fields));
    for (int i = 0; i < spec->n_columns; i++)
        if (t->column[i].kind == COLUMN_TARGET && config->no_target) t->column[i].field = -1;
    return snug_table_place(t);
}

/* ---- from what was seen ---------------------------------------------------------------------- */

static bool same_word(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if (((unsigned char)*a | 32) != ((unsigned char)*b | 32)) return false;
    return *a == *b;
}

static int target_by_name(const snug_table *t)
{
    static const char *const names[] = {"target", "class", "label", "y"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        for (int i = 0; i < t->n_columns; i++)
            if (t->column[i].kind != COLUMN_IGNORED && same_word(t->column[i].name, names[k]))
                return i;
    return -1;
}

static bool few_numbers(const snug_column *c)
{
    return c->n_texts == 0 && c->integers && c->n_few <= SNUG_FEW;
}

/* Last when that could be a class; else the one column of few texts; else last again. */
static int guess_target(const snug_table *t, bool *guessed)
{
    int last = -1, texts = 0, text = -1;
    for (int i = 0; i < t->n_columns; i++) {
        const snug_column *c = &t->column[i];
        if (c->kind == COLUMN_IGNORED) continue;
        last = i;
        if (c->n_texts == 0) continue;
        texts++;
        if (c->dict.n <= SNUG_FEW) text = i;
    }
    *guessed = false;
    if (last < 0 || t->column[last].n_texts > 0 || few_numbers(&t->column[last])) return last;
    *guessed = true;
    return texts == 1 && text >= 0 ? text : last;
}

static bool is_task(const snug_data_config *config, const char *name)
{
    return config->task && strcmp(config->task, name) == 0;
}

static bool is_target(const snug_table *t, int column)
{
    for (int k = 0; k < t->n_targets; k++)
        if (t->target[k] == column) return true;
    return false;
}

static snug_status check_numbers(const snug_table *t, const char *what)
{
    for (int k = 0; k < t->n_targets; k++) {
        const snug_column *c = &t->column[t->target[k]];
        CHECK(c->n_texts == 0, SNUG_EINVAL,
              "%s, line %" PRId64 ": the target '%s' is to be %s, but here it is '%.40s'", t->path,
              c->text_line, c->name, what, c->first_text);
    }
    return SNUG_OK;
}

/* Several columns that hold nothing but 0 and 1. */
static bool look_like_labels(const snug_table *t)
{
    for (int k = 0; k < t->n_targets; k++) {
        const snug_column *c = &t->column[t->target[k]];
        if (c->n_texts > 0 || c->n_few > 2) return false;
        for (int i = 0; i < c->n_few; i++)
            if (c->few[i] != 0 && c->few[i] != 1) return false;
    }
    return t->n_targets > 1;
}

/* The one target that was asked for, told by its name, or guessed. */
static snug_status find_target(snug_table *t, const snug_data_config *config)
{
    bool guessed = false;
    int target = config->target ? t->target[0] : t->named ? target_by_name(t) : -1;
    if (target < 0) target = guess_target(t, &guessed);
    CHECK(target >= 0, SNUG_EINVAL, "%s: every column is ignored", t->path);
    t->target[0] = target;
    t->n_targets = 1;
    t->target_guessed = guessed && !config->task;
    return SNUG_OK;
}

static snug_status decide_target(snug_table *t, const snug_data_config *config)
{
    bool labels = is_task(config, "labels"), classes = is_task(config, "class"), value = true;
    if (!config->target || t->n_targets == 1) {
        TRY(find_target(t, config));
        const snug_column *c = &t->column[t->target[0]];
        value = config->task ? !classes && !config->normal : c->n_texts == 0 && !few_numbers(c);
    }
    if (!config->task) labels = look_like_labels(t);
    CHECK(!(classes || config->normal) || t->n_targets == 1, SNUG_EINVAL,
          "%s: one column tells the class, not %d (data.target)", t->path, t->n_targets);
    if (value) TRY(check_numbers(t, labels ? "0 or 1" : "a value"));
    t->target_kind = labels ? SNUG_TARGET_LABELS : value ? SNUG_TARGET_VALUE : SNUG_TARGET_CLASS;
    return SNUG_OK;
}

/* Every number is seen, and those asked for (all of them when none was) are forecast; texts, dates
 * among them, are left out. */
static snug_status decide_forecast(snug_table *t, const snug_data_config *config, bool *changed)
{
    t->target_kind = SNUG_TARGET_NONE;
    if (config->target) TRY(check_numbers(t, "forecast"));
    if (!config->target) t->n_targets = 0;
    for (int i = 0; i < t->n_columns; i++) {
        snug_column *c = &t->column[i];
        if (c->kind != COLUMN_IGNORED && c->n_texts > 0) {
            c->kind = COLUMN_IGNORED;
            c->left_out = *changed = true;
        }
        if (c->kind == COLUMN_IGNORED) continue;
        if (!config->target) t->target[t->n_targets++] = i;
        c->ahead = is_target(t, i);
    }
    CHECK(t->n_targets > 0, SNUG_EINVAL, "%s: no column of numbers to forecast", t->path);
    return SNUG_OK;
}

/* Samples are to be made again from all columns but the target. */
static void drop_targets(snug_table *t)
{
    for (int k = 0; k < t->n_targets; k++) t->column[t->target[k]].kind = COLUMN_IGNORED;
    t->n_targets = 0;
    t->target_kind = SNUG_TARGET_NONE;
}

snug_status snug_columns_numbers(snug_table *t)
{
    for (int i = 0; i < t->n_columns; i++) t->column[i].kind = COLUMN_NUMBER;
    drop_targets(t);
    return snug_table_place(t);
}

snug_status snug_columns_decide(snug_table *t, const snug_data_config *config, bool *changed)
{
    *changed = false;
    if (t->strict) return SNUG_OK;
    bool forecast = is_task(config, "forecast");
    if (forecast)
        TRY(decide_forecast(t, config, changed));
    else if (is_task(config, "reconstruct") && !config->normal)
        drop_targets(t);
    else
        TRY(decide_target(t, config));
    for (int i = 0; i < t->n_columns; i++) {
        snug_column *c = &t->column[i];
        if (c->kind == COLUMN_IGNORED) continue;
        bool target = !forecast && is_target(t, i);
        bool text = c->n_texts > 0 || (target && t->target_kind == SNUG_TARGET_CLASS);
        *changed |= text != c->text;
        c->text = text;
        c->kind = target ? COLUMN_TARGET : text ? COLUMN_CATEGORY : COLUMN_NUMBER;
    }
    return snug_table_place(t);
}

static snug_status check_target(const snug_table *t, const snug_column *c)
{
    CHECK(c->n_missing == 0, SNUG_EFORMAT,
          "%s, line %" PRId64 ": no value in the target column '%s' (%" PRId64
          " such rows); take them out, or name another target",
          t->path, c->missing_line, c->name, c->n_missing);
    CHECK(t->target_kind != SNUG_TARGET_CLASS || !c->dict.full, SNUG_EINVAL,
          "%s: the target '%s' has more than %d different texts; is it a class?", t->path, c->name,
          SNUG_MAX_TEXTS);
    return SNUG_OK;
}

snug_status snug_columns_check(const snug_table *t, const snug_data_config *config)
{
    for (int i = 0; i < t->n_columns; i++) {
        const snug_column *c = &t->column[i];
        if (c->kind == COLUMN_IGNORED) continue;
        CHECK(c->text || !c->infinite_line, SNUG_ENUMERIC,
              "%s, line %" PRId64
              ", column '%s': an infinite number, or one too large for a double",
              t->path, c->infinite_line, c->name);
    }
    for (int k = 0; k < t->n_targets && !config->no_target; k++)
        TRY(check_target(t, &t->column[t->target[k]]));
    return SNUG_OK;
}
