/* SPDX-License-Identifier: Apache-2.0 */
/* snug runs: what was trained here before. */
#include "cli/cli.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_COMPARED = 4, MAX_EPOCHS_SHOWN = 200 };

typedef struct runs_options {
    const char *runs;
} runs_options;

static const cli_option options[] = {
    {"runs", "DIR", CLI_TEXT, offsetof(runs_options, runs), 0, 0, "folder of the runs [runs]"},
    {0},
};

static json_t *run_json(const snug_run_info *r)
{
    return json_pack("{ss ss ss* ss* ss so so sI sI sI so so ss* sI ss*}", "name", r->name, "path",
                     r->path, "model", r->model, "data", r->data, "state", r->state, "started",
                     cli_number(r->started), "seconds", cli_number(r->seconds), "epochs",
                     (json_int_t)r->epochs, "steps", (json_int_t)r->steps, "parameters",
                     (json_int_t)r->parameters, "loss", cli_number(r->loss), "accuracy",
                     cli_number(r->accuracy), "part", r->accuracy_part, "peak_bytes",
                     (json_int_t)r->peak_bytes, "weights_sha256", r->weights_sha256);
}

static const char *day(double started)
{
    static char text[24];
    time_t t = (time_t)started;
    const struct tm *local = localtime(&t);
    if (!local || strftime(text, sizeof text, "%Y-%m-%d %H:%M", local) == 0) return "?";
    return text;
}

static const char *percent(double v)
{
    static char text[16];
    if (!isfinite(v)) return "-";
    snprintf(text, sizeof text, "%.2f %%", 100 * v);
    return text;
}

static const char *number(double v)
{
    static char text[16];
    if (!isfinite(v)) return "-";
    snprintf(text, sizeof text, fabs(v) < 1000 ? "%.4f" : "%.4g", v);
    return text;
}

/* Names are whole, for they are what other commands take: of the rest there is what fits beside. */
static void list_text(const cli *c, const snug_run_list *runs)
{
    enum { RESULTS = 26, STAR = 3, STARTED = 17, MODEL = 15 };
    const int n = snug_runs_count(runs);
    int name = 3;
    for (int i = 0; i < n; i++) {
        const int columns = cli_name_columns(snug_runs_get(runs, i)->name);
        name = columns > name ? columns : name;
    }
    const int room = c->columns - name - RESULTS - STAR;
    const bool started = room >= STARTED, model = room >= STARTED + MODEL;
    cli_say(c, "%s%-*s%s%s %6s %9s %8s%s\n", cli_paint(c, STYLE_BOLD), name, "run",
            started ? " started         " : "", model ? " model         " : "", "epochs", "loss",
            "accuracy", cli_paint(c, STYLE_PLAIN));
    for (int i = 0; i < n; i++) {
        const snug_run_info *r = snug_runs_get(runs, i);
        cli_put_name(stdout, r->name, name, name);
        if (started) printf(" %-16s", day(r->started));
        if (model) putchar(' ');
        if (model) cli_put_name(stdout, r->model ? r->model : "?", MODEL - 1, MODEL - 1);
        printf(" %6" PRId64 " %9s %8s%s\n", r->epochs, number(r->loss), percent(r->accuracy),
               strcmp(r->state, "finished") == 0 ? "" : "  *");
    }
}

static snug_status list(cli *c, const snug_run_list *runs)
{
    int n = snug_runs_count(runs);
    if (c->json) {
        json_t *a = json_array();
        for (int i = 0; i < n; i++) json_array_append_new(a, run_json(snug_runs_get(runs, i)));
        return cli_json_print(json_pack("{so si}", "runs", a, "unreadable", snug_runs_broken(runs)),
                              false);
    }
    if (n == 0) cli_say(c, "no runs here yet; 'snug train glyphs' makes one\n");
    if (n > 0) list_text(c, runs);
    if (snug_runs_broken(runs) > 0)
        cli_say(c, "%d folders there hold a run that cannot be read\n", snug_runs_broken(runs));
    return SNUG_OK;
}

/* Where runs are looked for: the folder of runs, and those folders of runs that were named. */
typedef struct run_places {
    snug_run_list *runs;
    snug_run_list *named[MAX_COMPARED];
    int n_named;
} run_places;

/* A run that was named by its folder, wherever that lies; *out is NULL when there is none. */
static snug_status find_by_path(run_places *places, const char *path, const snug_run_info **out)
{
    char *recipe = cli_file_in(path, "recipe.yaml");
    size_t n = strlen(path);
    if (!recipe) return SNUG_OK;
    while (n > 1 && path[n - 1] == '/') n--;
    size_t from = n;
    while (from > 0 && path[from - 1] != '/') from--;
    snprintf(recipe, n + 2, "%.*s", (int)from, from ? path : "");
    snug_run_list **list = &places->named[places->n_named];
    snug_status status = snug_runs_open(from ? recipe : ".", list);
    free(recipe);
    SNUG_TRY(status);
    places->n_named++;
    for (int i = 0; i < snug_runs_count(*list); i++) {
        const snug_run_info *r = snug_runs_get(*list, i);
        if (strlen(r->name) == n - from && strncmp(r->name, path + from, n - from) == 0) *out = r;
    }
    return SNUG_OK;
}

static snug_status find(run_places *places, const char *name, const snug_run_info **out)
{
    const snug_run_list *runs = places->runs;
    int n = snug_runs_count(runs);
    const char **names = calloc((size_t)n + 1, sizeof *names);
    SNUG_CHECK(names, SNUG_ENOMEM, "out of memory");
    *out = NULL;
    for (int i = 0; i < n; i++) {
        const snug_run_info *r = snug_runs_get(runs, i);
        names[i] = r->name;
        if (strcmp(r->name, name) == 0 || strcmp(r->path, name) == 0) *out = r;
    }
    if (!*out) {
        snug_status status = find_by_path(places, name, out);
        if (status != SNUG_OK) free(names);
        SNUG_TRY(status);
    }
    int near = *out ? -1 : snug_nearest(name, n, names);
    const char *offer = near >= 0 ? names[near] : NULL;
    free(names);
    SNUG_CHECK(*out || !offer, SNUG_ENOENT, "there is no run '%s'; did you mean '%s'?", name,
               offer);
    SNUG_CHECK(*out, SNUG_ENOENT, "there is no run '%s'; 'snug runs' lists them", name);
    return SNUG_OK;
}

/* ---- show ---- */

typedef struct epoch_row {
    int64_t epoch;
    double value[4];
} epoch_row;

typedef struct history {
    epoch_row row[MAX_EPOCHS_SHOWN];
    int n;
} history;

static const char *const shown_events[4] = {"train.loss", "train.accuracy", "validation.loss",
                                            "validation.accuracy"};

static void collect(void *arg, const char *name, int64_t step, int64_t epoch, double value)
{
    history *h = arg;
    (void)step;
    for (int k = 0; k < 4; k++) {
        if (strcmp(name, shown_events[k]) != 0) continue;
        epoch_row *last = h->n > 0 ? &h->row[h->n - 1] : NULL;
        if (!last || last->epoch != epoch) {
            if (h->n == MAX_EPOCHS_SHOWN) return;
            last = &h->row[h->n++];
            *last = (epoch_row){epoch, {(double)NAN, (double)NAN, (double)NAN, (double)NAN}};
        }
        last->value[k] = value;
    }
}

static json_t *history_json(const history *h)
{
    json_t *list = json_array();
    for (int i = 0; i < h->n; i++) {
        json_t *row = json_pack("{sI}", "epoch", (json_int_t)h->row[i].epoch);
        for (int k = 0; k < 4; k++)
            if (isfinite(h->row[i].value[k]))
                json_object_set_new(row, shown_events[k], json_real(h->row[i].value[k]));
        json_array_append_new(list, row);
    }
    return list;
}

static void show_text(const cli *c, const snug_run_info *r, const history *h)
{
    FILE *f = c->people;
    fprintf(f, "%s%s%s  %s\n", cli_paint(c, STYLE_BOLD), r->name, cli_paint(c, STYLE_PLAIN),
            r->path);
    fprintf(f, "  state       %s\n", r->state);
    fprintf(f, "  started     %s, trained for %s\n", day(r->started), cli_time(r->seconds));
    fprintf(f, "  model       %s, %s parameters\n", r->model ? r->model : "?",
            cli_count(r->parameters));
    fprintf(f, "  data        %s\n", r->data ? r->data : "?");
    fprintf(f, "  trained     %" PRId64 " epochs, %s steps\n", r->epochs, cli_count(r->steps));
    fprintf(f, "  %-10s  loss %s, accuracy %s\n", r->accuracy_part ? r->accuracy_part : "result",
            number(r->loss), percent(r->accuracy));
    fprintf(f, "  peak        %s\n", cli_size((double)r->peak_bytes));
    if (r->weights_sha256 && r->weights_sha256[0])
        fprintf(f, "  weights     %s\n", r->weights_sha256);
    if (h->n == 0) return;
    fprintf(f, "\n%6s %12s %12s %12s %12s\n", "epoch", "loss", "accuracy", "val. loss",
            "val. acc.");
    for (int i = 0; i < h->n; i++) {
        const epoch_row *e = &h->row[i];
        fprintf(f, "%6" PRId64 " %12s", e->epoch, number(e->value[0]));
        fprintf(f, " %12s", percent(e->value[1]));
        fprintf(f, " %12s", number(e->value[2]));
        fprintf(f, " %12s\n", percent(e->value[3]));
    }
}

static snug_status show(cli *c, run_places *runs)
{
    SNUG_CHECK(c->n_args == 2, SNUG_EINVAL, "which run? usage: snug runs show RUN");
    const snug_run_info *r = NULL;
    SNUG_TRY(find(runs, c->args[1], &r));
    history *h = calloc(1, sizeof *h);
    SNUG_CHECK(h, SNUG_ENOMEM, "out of memory");
    snug_status status = snug_run_events(r->path, NULL, collect, h);
    if (status == SNUG_OK && c->json) {
        json_t *j = run_json(r);
        if (j) json_object_set_new(j, "history", history_json(h));
        status = cli_json_print(j, false);
    } else if (status == SNUG_OK) {
        show_text(c, r, h);
    }
    free(h);
    return status;
}

/* ---- compare ---- */

typedef struct comparison {
    int n;
    const snug_run_info *run[MAX_COMPARED];
    snug_recipe *recipe[MAX_COMPARED];
} comparison;

/* The recipe's value in every run; false when they are all alike. */
static bool differs(const comparison *k, const char *key, char value[MAX_COMPARED][64])
{
    bool differ = false;
    for (int i = 0; i < k->n; i++) {
        const char *text = snug_recipe_get(k->recipe[i], key);
        snprintf(value[i], sizeof value[i], "%s", text ? text : "");
        for (char *p = value[i]; *p; p++)
            if (*p == '\n') *p = ' ';
        if (strcmp(value[i], value[0]) != 0) differ = true;
    }
    return differ;
}

static void compare_text(const cli *c, const comparison *k)
{
    int width = (c->columns - 22) / k->n - 1;
    printf("%-22s", "");
    for (int i = 0; i < k->n; i++) cli_put_name(stdout, k->run[i]->name, -width - 1, width);
    printf("\n%-22s", "loss");
    for (int i = 0; i < k->n; i++) printf(" %*s", width, number(k->run[i]->loss));
    printf("\n%-22s", "accuracy");
    for (int i = 0; i < k->n; i++) printf(" %*s", width, percent(k->run[i]->accuracy));
    printf("\n%-22s", "seconds");
    for (int i = 0; i < k->n; i++) printf(" %*s", width, cli_time(k->run[i]->seconds));
    printf("\n%-22s", "peak");
    for (int i = 0; i < k->n; i++) printf(" %*s", width, cli_size((double)k->run[i]->peak_bytes));
    printf("\n%-22s", "weights");
    for (int i = 0; i < k->n; i++) printf(" %*.8s", width, k->run[i]->weights_sha256);
    putchar('\n');
    const snug_option_info *o;
    for (int i = 0; (o = snug_recipe_option(i)); i++) {
        char value[MAX_COMPARED][64];
        if (!differs(k, o->key, value)) continue;
        printf("%-22s", o->key);
        for (int j = 0; j < k->n; j++) printf(" %*.*s", width, width, value[j]);
        putchar('\n');
    }
}

static snug_status compare_json(const comparison *k)
{
    json_t *runs = json_array(), *different = json_object();
    for (int i = 0; i < k->n; i++) json_array_append_new(runs, run_json(k->run[i]));
    const snug_option_info *o;
    for (int i = 0; (o = snug_recipe_option(i)); i++) {
        char value[MAX_COMPARED][64];
        if (!differs(k, o->key, value)) continue;
        json_t *values = json_array();
        for (int j = 0; j < k->n; j++) json_array_append_new(values, json_string(value[j]));
        json_object_set_new(different, o->key, values);
    }
    return cli_json_print(json_pack("{so so}", "runs", runs, "differences", different), false);
}

static snug_status load_compared(cli *c, run_places *runs, comparison *k)
{
    for (int i = 1; i < c->n_args; i++) {
        SNUG_TRY(find(runs, c->args[i], &k->run[k->n]));
        char *recipe = cli_file_in(k->run[k->n]->path, "recipe.yaml");
        SNUG_CHECK(recipe, SNUG_ENOENT, "run '%s' has no recipe.yaml", c->args[i]);
        snug_status status = snug_recipe_load(recipe, &k->recipe[k->n]);
        free(recipe);
        SNUG_TRY(status);
        k->n++;
    }
    return SNUG_OK;
}

static snug_status compare(cli *c, run_places *runs)
{
    SNUG_CHECK(c->n_args >= 3 && c->n_args <= MAX_COMPARED + 1, SNUG_EINVAL,
               "'compare' wants 2 to %d runs; usage: snug runs compare RUN RUN...", MAX_COMPARED);
    comparison k = {0};
    snug_status status = load_compared(c, runs, &k);
    if (status == SNUG_OK && c->json)
        status = compare_json(&k);
    else if (status == SNUG_OK)
        compare_text(c, &k);
    for (int i = 0; i < k.n; i++) snug_recipe_destroy(k.recipe[i]);
    return status;
}

static snug_status dispatch(cli *c, run_places *runs)
{
    static const char *const names[] = {"show", "compare"};
    if (c->n_args == 0) return list(c, runs->runs);
    if (strcmp(c->args[0], "show") == 0) return show(c, runs);
    if (strcmp(c->args[0], "compare") == 0) return compare(c, runs);
    int near = snug_nearest(c->args[0], 2, names);
    return SNUG_FAIL(SNUG_EINVAL, "'runs' knows 'show' and 'compare', not '%s'%s%s%s", c->args[0],
                     near < 0 ? "" : "; did you mean '", near < 0 ? "" : names[near],
                     near < 0 ? "" : "'?");
}

static snug_status run(cli *c)
{
    const runs_options *o = c->values;
    run_places places = {0};
    SNUG_TRY(snug_runs_open(o->runs, &places.runs));
    snug_status status = dispatch(c, &places);
    snug_runs_close(places.runs);
    for (int i = 0; i < places.n_named; i++) snug_runs_close(places.named[i]);
    return status;
}

const cli_command cli_command_runs = {
    .name = "runs",
    .doc = "what was trained here before",
    .usage = "[--runs DIR]\nshow RUN\ncompare RUN RUN...",
    .details = "RUN is a name from the list or a run's folder. A star marks runs that were "
               "interrupted, killed or are still going on. 'compare' shows the results side by "
               "side and every key of the recipes that differs.\n",
    .options = options,
    .values_bytes = sizeof(runs_options),
    .max_args = MAX_COMPARED + 1,
    .run = run,
};
