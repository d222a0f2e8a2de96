/* SPDX-License-Identifier: Apache-2.0 */
/* Images drawn with characters, several side by side. A character is about twice as tall as wide,
 * so one stands for two rows of pixels. */
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

static snug_status show_images(const cli *c, snug_dataset *d, int64_t n, float *x)
{
    const snug_data_info *info = snug_dataset_info(d);
    picture p = layout(&info->sample);
    int64_t across = c->columns / (p.columns + 2), elements = snug_shape_elements(&info->sample);
    if (across < 1) across = 1;
    if (across > 16) across = 16;
    for (int64_t first = 0; first < n; first += across) {
        int64_t here = n - first < across ? n - first : across;
        const char *names[16];
        for (int64_t i = 0; i < here; i++) {
            int32_t y = 0;
            SNUG_TRY(snug_dataset_get(d, SNUG_PART_TRAIN, first + i, x + i * elements, &y));
            bool named = info->target == SNUG_TARGET_CLASS && y >= 0 && y < info->n_classes;
            names[i] = named ? info->class_names[y] : "";
        }
        cli_say(c, "\n");
        draw_strip(c, &p, x, here, names);
    }
    return SNUG_OK;
}

static snug_status show_rows(const cli *c, snug_dataset *d, int64_t n, float *x)
{
    const snug_data_info *info = snug_dataset_info(d);
    int64_t features = snug_shape_elements(&info->sample);
    for (int64_t i = 0; i < n; i++) {
        union {
            int32_t i;
            float f;
        } y = {0};
        SNUG_TRY(snug_dataset_get(d, SNUG_PART_TRAIN, i, x, &y));
        cli_say(c, "  %5" PRId64 "  ", i);
        for (int64_t k = 0; k < features && 9 + 8 * (k + 3) < c->columns; k++)
            cli_say(c, "%8.3g", (double)x[k]);
        if (info->target == SNUG_TARGET_CLASS) cli_say(c, "  -> %s", info->class_names[y.i]);
        if (info->target == SNUG_TARGET_VALUE) cli_say(c, "  -> %g", (double)y.f);
        cli_say(c, "\n");
    }
    return SNUG_OK;
}

snug_status cli_show_samples(const cli *c, snug_dataset *d, int64_t n)
{
    const snug_data_info *info = snug_dataset_info(d);
    if (n > info->n[SNUG_PART_TRAIN]) n = info->n[SNUG_PART_TRAIN];
    size_t bytes = (size_t)snug_shape_elements(&info->sample) * sizeof(float);
    float *x = calloc(16, bytes);
    SNUG_CHECK(x, SNUG_ENOMEM, "out of memory for %" PRId64 " samples", n);
    snug_status status =
        info->kind == SNUG_DATA_IMAGE ? show_images(c, d, n, x) : show_rows(c, d, n, x);
    free(x);
    return status;
}
