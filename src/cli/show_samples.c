/* SPDX-License-Identifier: Apache-2.0 */
/* Samples as people look at them: images drawn with characters, several side by side (a character
 * is about twice as tall as wide, so one stands for two rows of pixels); rows of numbers; series as
 * curves of one line a channel; text as it reads. */
#include "cli/cli.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WIDTH = 36 };

typedef struct picture {
    int64_t h, w, channels, rows, columns; /* of pixels; of characters */
} picture;

static picture layout(const snug_shape *s)
{
    picture p = {.h = s->dim[0], .w = s->dim[1], .channels = s->n_dims > 2 ? s->dim[2] : 1};
    p.columns = p.w < MAX_WIDTH ? p.w : MAX_WIDTH;
    p.rows = (p.h * p.columns + 2 * p.w - 1) / (2 * p.w);
    return p;
}

/* Mean over channels of the pixels under one character. */
static double grey(const picture *p, const float *x, int64_t row, int64_t column)
{
    int64_t y0 = row * p->h / p->rows, y1 = (row + 1) * p->h / p->rows;
    int64_t x0 = column * p->w / p->columns, x1 = (column + 1) * p->w / p->columns, n = 0;
    double sum = 0;
    for (int64_t y = y0; y < (y1 > y0 ? y1 : y0 + 1); y++)
        for (int64_t i = x0 * p->channels; i < (x1 > x0 ? x1 : x0 + 1) * p->channels; i++, n++)
            sum += (double)x[y * p->w * p->channels + i];
    return sum / (double)n;
}

static void draw_line(const picture *p, const float *x, int64_t row, char *out)
{
    static const char shades[] = " .:-=+*#%@";
    double low = (double)x[0], high = low;
    for (int64_t i = 0; i < p->h * p->w * p->channels; i++) {
        if ((double)x[i] < low) low = (double)x[i];
        if ((double)x[i] > high) high = (double)x[i];
    }
    for (int64_t column = 0; column < p->columns; column++) {
        double v = high > low ? (grey(p, x, row, column) - low) / (high - low) : 0;
        out[column] = shades[(int)(v * 9.0 + 0.5)];
    }
    out[p->columns] = '\0';
}

static void draw_strip(const cli *c, const picture *p, const float *x, int64_t n,
                       const char *const *names)
{
    int64_t elements = p->h * p->w * p->channels;
    char line[MAX_WIDTH + 1];
    for (int64_t i = 0; i < n; i++) {
        cli_say(c, "  ");
        cli_put_name(c->people, names[i], (int)p->columns, (int)p->columns);
    }
    cli_say(c, "\n");
    for (int64_t row = 0; row < p->rows; row++) {
        for (int64_t i = 0; i < n; i++) {
            draw_line(p, x + i * elements, row, line);
            cli_say(c, "  %s", line);
        }
        cli_say(c, "\n");
    }
}

/* Room for samples and their truths. */
typedef struct gallery {
    const cli *cli;
    snug_dataset *data;
    const snug_data_info *info;
    float *x; /* of 16 samples; tokens are as wide */
    void *y;  /* of one */
} gallery;

/* " -> cat", " -> 3.5 1", " -> b, d" */
static void put_truth(const gallery *g)
{
    const snug_data_info *info = g->info;
    int64_t n = snug_shape_elements(&info->truth.shape), shown = n < 8 ? n : 8;
    const float *value = g->y;
    int32_t class = *(const int32_t *)g->y;
    if (info->target == SNUG_TARGET_CLASS) cli_say(g->cli, "  -> %s", info->class_names[class]);
    if (info->target == SNUG_TARGET_VALUE) {
        cli_say(g->cli, "  ->");
        for (int64_t k = 0; k < shown; k++) cli_say(g->cli, " %g", (double)value[k]);
        if (shown < n) cli_say(g->cli, " ...");
    }
    if (info->target == SNUG_TARGET_LABELS) {
        const char *before = "  -> ";
        for (int64_t k = 0; k < n; k++) {
            if (value[k] == 0) continue;
            cli_say(g->cli, "%s%s", before, info->class_names[k]);
            before = ", ";
        }
    }
    cli_say(g->cli, "\n");
}

/* ---- images ---------------------------------------------------------------------------------- */

static snug_status show_images(const gallery *g, int64_t n)
{
    const cli *c = g->cli;
    const snug_data_info *info = g->info;
    picture p = layout(&info->sample);
    int64_t across = c->columns / (p.columns + 2), elements = snug_shape_elements(&info->sample);
    if (across < 1) across = 1;
    if (across > 16) across = 16;
    for (int64_t first = 0; first < n; first += across) {
        int64_t here = n - first < across ? n - first : across;
        const char *names[16];
        for (int64_t i = 0; i < here; i++) {
            float *x = g->x + i * elements;
            SNUG_TRY(snug_dataset_get(g->data, SNUG_PART_TRAIN, first + i, x, g->y));
            int32_t y = *(const int32_t *)g->y;
            names[i] = info->target == SNUG_TARGET_CLASS ? info->class_names[y] : "";
        }
        cli_say(c, "\n");
        draw_strip(c, &p, g->x, here, names);
    }
    return SNUG_OK;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static snug_status show_rows(const gallery *g, int64_t n)
{
    int64_t features = snug_shape_elements(&g->info->sample);
    for (int64_t i = 0; i < n; i++) {
        SNUG_TRY(snug_dataset_get(g->data, SNUG_PART_TRAIN, i, g->x, g->y));
        cli_say(g->cli, "  %5" PRId64 "  ", i);
        for (int64_t k = 0; k < features && 9 + 10 * (k + 2) < g->cli->columns; k++)
            cli_say(g->cli, " %9.3g", (double)g->x[k]);
        put_truth(g);
    }
    return SNUG_OK;
}

/* ---- series ---------------------------------------------------------------------------------- */

enum { MAX_CURVES = 8, MAX_CURVE = 120 };

/* One channel of a series of `steps` steps. */
typedef struct curve {
    const float *x; /* its first step */
    int64_t steps, stride;
    double low, high;
} curve;

static curve curve_of(const float *x, int64_t steps, int64_t channels, int64_t channel)
{
    curve k = {.x = x + channel, .steps = steps, .stride = channels};
    k.low = k.high = (double)k.x[0];
    for (int64_t t = 1; t < steps; t++) {
        double v = (double)k.x[t * channels];
        k.low = v < k.low ? v : k.low;
        k.high = v > k.high ? v : k.high;
    }
    return k;
}

/* One character a column: the mean of the steps that fall to it. */
static void draw_curve(const cli *c, const curve *k, int64_t columns)
{
    static const char *const blocks[] = {"\u2581", "\u2582", "\u2583", "\u2584",
                                         "\u2585", "\u2586", "\u2587", "\u2588"};
    static const char *const plain[] = {"_", ".", ",", "-", "~", "=", "+", "#"};
    for (int64_t i = 0; i < columns; i++) {
        int64_t from = i * k->steps / columns, to = (i + 1) * k->steps / columns;
        double sum = 0;
        for (int64_t t = from; t < to; t++) sum += (double)k->x[t * k->stride];
        double mean = sum / (double)(to - from);
        double share = k->high > k->low ? (mean - k->low) / (k->high - k->low) : 0.5;
        cli_say(c, "%s", (c->utf8 ? blocks : plain)[(int)(share * 7.0 + 0.5)]);
    }
}

static snug_status show_series(const gallery *g, int64_t n)
{
    const cli *c = g->cli;
    int64_t channels = g->info->sample.dim[1];
    for (int64_t i = 0; i < n; i++) {
        int32_t steps = 0;
        SNUG_TRY(snug_dataset_get(g->data, SNUG_PART_TRAIN, i, g->x, g->y));
        SNUG_TRY(snug_dataset_get_lengths(g->data, SNUG_PART_TRAIN, 1, &i, &steps));
        int64_t columns = c->columns - 4 < MAX_CURVE ? c->columns - 4 : MAX_CURVE;
        if (columns > steps) columns = steps;
        cli_say(c, "\n  %" PRId64 ", %" PRId32 " steps", i, steps);
        put_truth(g);
        for (int64_t k = 0; k < channels && k < MAX_CURVES; k++) {
            curve one = curve_of(g->x, steps, channels, k);
            cli_say(c, "  ");
            draw_curve(c, &one, columns > 0 ? columns : 1);
            cli_say(c, "\n");
        }
        if (channels > MAX_CURVES)
            cli_say(c, "  and %" PRId64 " more channels\n", channels - MAX_CURVES);
    }
    return SNUG_OK;
}

/* ---- text ------------------------------------------------------------------------------------ */

static snug_status show_text(const gallery *g, int64_t n)
{
    const snug_data_info *info = g->info;
    for (int64_t i = 0; i < n; i++) {
        SNUG_TRY(snug_dataset_get(g->data, SNUG_PART_TRAIN, i, g->x, g->y));
        const int32_t *token = (const int32_t *)(const void *)g->x;
        cli_say(g->cli, "\n  %" PRId64 "  ", i);
        for (int64_t k = 0; k < info->sample.dim[0]; k++) {
            const char *name = info->class_names[token[k]];
            bool line = strcmp(name, "\n") == 0, control = !line && (unsigned char)name[0] < 32;
            cli_say(g->cli, "%s", line ? "\n     " : control ? "?" : name);
        }
        cli_say(g->cli, "\n");
    }
    return SNUG_OK;
}

snug_status cli_show_samples(const cli *c, snug_dataset *d, int64_t n)
{
    static snug_status (*const show[SNUG_N_DATA_KINDS])(const gallery *g, int64_t n) = {
        [SNUG_DATA_IMAGE] = show_images,
        [SNUG_DATA_TABLE] = show_rows,
        [SNUG_DATA_SERIES] = show_series,
        [SNUG_DATA_TEXT] = show_text,
    };
    gallery g = {.cli = c, .data = d, .info = snug_dataset_info(d)};
    if (n > g.info->n[SNUG_PART_TRAIN]) n = g.info->n[SNUG_PART_TRAIN];
    g.x = calloc(16, (size_t)snug_shape_elements(&g.info->sample) * sizeof(float));
    g.y = calloc(1, snug_type_bytes(&g.info->truth) + sizeof(float));
    snug_status status = SNUG_OK;
    if (!g.x || !g.y)
        status = SNUG_FAIL(SNUG_ENOMEM, "out of memory for %" PRId64 " samples", n);
    else
        status = show[g.info->kind](&g, n);
    free(g.x);
    free(g.y);
    return status;
}
