/* SPDX-License-Identifier: Apache-2.0 */
/* The plan and the data as tables. */
#include "cli/cli.h"
#include <inttypes.h>
#include <string.h>

typedef struct owner_row {
    const char *name, *what;
    size_t offset;
} owner_row;

static const owner_row owners[] = {
    {"parameters", "weights", offsetof(snug_plan_owners, parameters)},
    {"gradients", "one for each weight", offsetof(snug_plan_owners, gradients)},
    {"optimizer", "its moments", offsetof(snug_plan_owners, optimizer)},
    {"activations", "kept for the way back", offsetof(snug_plan_owners, activations)},
    {"scratch", "of kernels", offsetof(snug_plan_owners, scratch)},
    {"data", "loader and readers", offsetof(snug_plan_owners, data)},
    {"communication", "between workers", offsetof(snug_plan_owners, communication)},
    {"code", "program, libraries, stacks", offsetof(snug_plan_owners, code)},
};

enum { N_OWNERS = sizeof owners / sizeof owners[0], BAR = 24 };

static size_t owner_bytes(const snug_plan_report *p, int i)
{
    size_t bytes;
    memcpy(&bytes, (const char *)&p->by_owner + owners[i].offset, sizeof bytes);
    return bytes;
}

/* One line: what, how much, what that is; the last only where there is room for it. */
static void show_line(const cli *c, const char *name, const char *value, const char *note)
{
    bool roomy = c->columns >= 76;
    cli_say(c, "  %-13s %8s%s%s\n", name, value, roomy ? "  " : "", roomy ? note : "");
}

static void show_owners(const cli *c, const snug_plan_report *p)
{
    char bar[4 * BAR + 1];
    bool roomy = c->columns >= 76;
    int width = c->columns >= 60 ? BAR : 10;
    for (int i = 0; i < N_OWNERS; i++) {
        size_t bytes = owner_bytes(p, i);
        if (bytes == 0) continue;
        double share = p->peak_bytes ? (double)bytes / (double)p->peak_bytes : 0;
        cli_say(c, "  %-13s %8s  %s%s%s%s%s\n", owners[i].name, cli_size((double)bytes),
                cli_paint(c, STYLE_GOOD), cli_bar(c, share, width, bar), cli_paint(c, STYLE_PLAIN),
                roomy ? "  " : "", roomy ? owners[i].what : "");
    }
    cli_say(c, "%s", cli_paint(c, STYLE_BOLD));
    show_line(c, "peak", cli_size((double)p->peak_bytes), "largest resident size of the process");
    cli_say(c, "%s", cli_paint(c, STYLE_PLAIN));
}

static void show_choices(const cli *c, const snug_plan_report *p)
{
    for (int i = 0; i < p->n_choices; i++) {
        const snug_plan_choice *k = &p->choices[i];
        cli_say(c, "  %s%s%s", cli_paint(c, STYLE_BOLD), k->name, cli_paint(c, STYLE_PLAIN));
        if (k->bytes_saved != 0) cli_say(c, ", saves %s", cli_size((double)k->bytes_saved));
        if (k->seconds_added != 0) cli_say(c, ", adds %s a step", cli_time(k->seconds_added));
        cli_say(c, ", %s\n", k->same_bits ? "same bits" : "changes the bits");
        if (k->why && !c->quiet) {
            fprintf(c->people, "      ");
            cli_print_wrapped(c->people, k->why, 6, c->columns);
        }
    }
}

static void show_work(const cli *c, const snug_plan_report *p)
{
    char note[96];
    snprintf(note, sizeof note, "estimated; %.3g GFLOP, %d thread%s, %s", p->flops_per_step * 1e-9,
             p->threads, p->threads == 1 ? "" : "s", p->tier ? p->tier : "?");
    show_line(c, "step", cli_time(p->step_seconds), note);
    snprintf(note, sizeof note, "%s steps of %s samples", cli_count(p->steps), cli_count(p->batch));
    show_line(c, "all", cli_time(p->step_seconds * (double)p->steps), note);
}

static void show_details(const cli *c, const snug_plan_report *p)
{
    char note[96];
    show_line(c, "arena", cli_size((double)p->arena_bytes), "every tensor, one block");
    show_line(c, "fixed", cli_size((double)p->fixed_bytes), "everything else");
    show_line(c, "smallest", cli_size((double)p->smallest_budget_bytes),
              "budget this recipe could be planned into");
    snprintf(note, sizeof note, "%s of the batch, %" PRId64 " micro-batch%s",
             p->leaves == 1 ? "leaf" : "leaves", p->micro_batches,
             p->micro_batches == 1 ? "" : "es");
    show_line(c, "numbers", cli_count(p->leaves), note);
    snprintf(note, sizeof note, "nodes, %" PRId64 " on reference kernels", p->n_fallbacks);
    show_line(c, "graph", cli_count(p->n_nodes), note);
}

void cli_show_plan(const cli *c, const snug_plan_report *p, bool full)
{
    cli_say(c, "%splan%s  %s, %s parameters\n", cli_paint(c, STYLE_BOLD), cli_paint(c, STYLE_PLAIN),
            p->model ? p->model : "model", cli_count(p->parameters));
    show_owners(c, p);
    show_work(c, p);
    if (full) show_details(c, p);
    show_choices(c, p);
}

static const char *const kinds[] = {"images", "table", "series", "text"};

/* ", 9 classes" */
static void show_target(const cli *c, const snug_data_info *d)
{
    static const char *const counted[SNUG_N_TARGETS] = {[SNUG_TARGET_CLASS] = "classes",
                                                        [SNUG_TARGET_LABELS] = "labels",
                                                        [SNUG_TARGET_TOKENS] =
                                                            "different characters"};
    int64_t values = snug_shape_elements(&d->outputs);
    if (counted[d->target]) cli_say(c, ", %" PRId64 " %s", d->n_classes, counted[d->target]);
    if (d->target == SNUG_TARGET_VALUE && values == 1) cli_say(c, ", a value to predict");
    if (d->target == SNUG_TARGET_VALUE && values > 1)
        cli_say(c, ", %" PRId64 " values to predict", values);
    if (d->target == SNUG_TARGET_SELF) cli_say(c, ", to be reconstructed");
}

void cli_show_data(const cli *c, const snug_data_info *d)
{
    char shape[SNUG_SHAPE_TEXT];
    cli_say(c, "%sdata%s  %s (%s), samples %s%s", cli_paint(c, STYLE_BOLD),
            cli_paint(c, STYLE_PLAIN), kinds[d->kind], d->format, d->ragged ? "up to " : "",
            snug_shape_text(&d->sample, shape, sizeof shape));
    show_target(c, d);
    cli_say(c, "\n  train %s, validation %s, test %s\n", cli_count(d->n[SNUG_PART_TRAIN]),
            cli_count(d->n[SNUG_PART_VALIDATION]), cli_count(d->n[SNUG_PART_TEST]));
    for (int i = 0; i < d->n_problems && !c->quiet; i++) {
        fprintf(c->people, "  %s!%s ", cli_paint(c, STYLE_WARN), cli_paint(c, STYLE_PLAIN));
        cli_print_wrapped(c->people, d->problems[i], 4, c->columns);
    }
}
