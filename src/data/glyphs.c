/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded data set: digits and capital letters (strokes.h), 28 x 28 grey, 28 classes, drawn
 * with random slant, size, thickness, place, brightness and noise. It needs no file and no network.
 *
 * Sample i is a function of (seed, part, i) and the knobs alone, computed in integers: the same
 * bytes on every machine. Knobs, as in "glyphs:n=20000,seed=1,noise=0.2,shift=2":
 *   n      training samples (20000, at most MAX_SAMPLES); the test part has a fifth as many, other
 *          samples
 *   seed   (1)
 *   noise  largest change of a pixel, of full scale, 0 to 1 (0.2)
 *   shift  largest displacement in pixels, 0 to 6 (2)
 *   drift  0 to 1 (0): the distribution moves: towards the last training sample, characters slant
 *          up to 0.6 further and fade to half their brightness; the test part is where it ends
 *
 * Coordinates are in 1/16 pixel, factors in 1/4096. The samples are drawn once, into a scratch
 * file: reading them back costs a twentieth of drawing them.
 */
#include "base/file.h"
#include "base/knobs.h"
#include "base/rng.h"
#include "base/str.h"
#include "data/format.h"
#include "data/strokes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SIDE         28
#define PIXELS       (SIDE * SIDE)
#define ONE          4096
#define MAX_POINTS   24
#define MAX_RADIUS   28 /* of a stroke's ink with its soft edge, 1/16 pixel */
#define DRAW_AT_ONCE 64
#define MAX_SAMPLES  1000000 /* drawn in some ten seconds; 0.9 GiB of scratch with the test part */

typedef struct glyph_knobs {
    int64_t n;
    uint64_t seed;
    int32_t noise, shift, drift; /* of 256; pixels; of 4096 */
} glyph_knobs;

typedef struct glyph_source {
    snug_source base;
    glyph_knobs knobs;
    snug_file *scratch;
    const char *name[SNUG_N_GLYPHS];
} glyph_source;

typedef struct point {
    int32_t x, y;
} point;

/* Random words of one sample, four at a time. */
typedef struct dice {
    uint64_t seed, sample, block;
    uint32_t word[4];
    int left;
} dice;

static uint32_t roll(dice *d)
{
    if (d->left == 0) {
        snug_rng(d->seed, RNG_GLYPHS, d->sample, d->block++, d->word);
        d->left = 4;
    }
    return d->word[--d->left];
}

/* In [low, high], both included. */
static int32_t between(dice *d, int32_t low, int32_t high)
{
    uint64_t span = (uint64_t)(high - low) + 1;
    return low + (int32_t)((roll(d) * span) >> 32);
}

/* ---- drawing --------------------------------------------------------------------------------- */

typedef struct style {
    int32_t xx, xy, yx, yy; /* glyph units to 1/16 pixel, times ONE */
    int32_t x, y;           /* of the middle, 1/16 pixel */
    int32_t radius, ink;    /* 1/16 pixel; of 256 */
    int32_t jitter;         /* of a point, 1/16 glyph unit */
} style;

/* How far sample i has drifted, of ONE. */
static int32_t drift_at(const glyph_knobs *k, snug_raw_part part, int64_t i)
{
    if (part == RAW_TEST || k->n < 2) return k->drift;
    return (int32_t)(k->drift * i / (k->n - 1));
}

static style random_style(const glyph_knobs *k, int32_t drift, dice *d)
{
    /* rotation by the angle whose half has tangent t: up to 22 degrees, exact in rationals */
    int32_t t = between(d, -800, 800), t2 = t * t / ONE;
    int32_t cosine = (ONE - t2) * ONE / (ONE + t2), sine = 2 * t * ONE / (ONE + t2);
    int32_t shear = between(d, -1400, 1400) + drift * 6 / 10;
    int32_t wide = between(d, 7 * ONE, 13 * ONE), high = between(d, 8 * ONE, 13 * ONE);
    int32_t lean = -(int32_t)((int64_t)high * shear / ONE);
    style s = {.xx = (int32_t)((int64_t)wide * cosine / ONE),
               .yx = (int32_t)((int64_t)wide * sine / ONE)};
    s.xy = (int32_t)(((int64_t)lean * cosine - (int64_t)high * sine) / ONE);
    s.yy = (int32_t)(((int64_t)lean * sine + (int64_t)high * cosine) / ONE);
    int32_t shift = k->shift * 16;
    s.x = SIDE * 8 + between(d, -shift, shift);
    s.y = SIDE * 8 + between(d, -shift, shift);
    s.radius = between(d, 12, 22);
    s.ink = between(d, 150, 256) - drift * 80 / ONE;
    s.jitter = 20;
    return s;
}

/* A point of the pen (two letters) on the image. */
static point place(const style *s, const char *pen, dice *d)
{
    int32_t x = (pen[0] - 'a' - 8) * 16 + between(d, -s->jitter, s->jitter);
    int32_t y = (pen[1] - 'a' - 12) * 16 + between(d, -s->jitter, s->jitter);
    return (point){s->x + (x * s->xx + y * s->xy) / (16 * ONE),
                   s->y + (x * s->yx + y * s->yy) / (16 * ONE)};
}

static int32_t clamp(int32_t v, int32_t low, int32_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* floor(sqrt(v)), by Newton from above. */
static int64_t root(int64_t v)
{
    int64_t r = 1;
    while (r * r < v) r *= 2;
    for (int64_t next = (r + v / r) / 2; next < r; next = (r + v / r) / 2) r = next;
    return r;
}

/* Lower `near`, squared distances of pixels from ink in (1/16 pixel)^2, by the segment ab. */
static void draw_segment(point a, point b, int32_t reach, int32_t near[PIXELS])
{
    int32_t dx = b.x - a.x, dy = b.y - a.y, length2 = dx * dx + dy * dy;
    int32_t x0 = clamp(((a.x < b.x ? a.x : b.x) - reach) / 16, 0, SIDE - 1);
    int32_t x1 = clamp(((a.x < b.x ? b.x : a.x) + reach) / 16, 0, SIDE - 1);
    int32_t y0 = clamp(((a.y < b.y ? a.y : b.y) - reach) / 16, 0, SIDE - 1);
    int32_t y1 = clamp(((a.y < b.y ? b.y : a.y) + reach) / 16, 0, SIDE - 1);
    int32_t far = (int32_t)root((int64_t)reach * reach * length2);
    for (int32_t y = y0; y <= y1; y++) {
        int32_t px = x0 * 16 + 8 - a.x, py = y * 16 + 8 - a.y;
        int32_t along = px * dx + py * dy, cross = px * dy - py * dx;
        int32_t *p = near + y * SIDE + x0;
        for (int32_t x = x0; x <= x1; x++, p++, px += 16, along += 16 * dx, cross += 16 * dy) {
            if (cross > far || cross < -far) continue;
            int32_t d2;
            if (along <= 0)
                d2 = px * px + py * py;
            else if (along >= length2)
                d2 = (px - dx) * (px - dx) + (py - dy) * (py - dy);
            else
                d2 = (int32_t)((int64_t)cross * cross / length2);
            if (d2 < *p) *p = d2;
        }
    }
}

static void draw_strokes(const char *pen, const style *s, dice *d, int32_t near[PIXELS])
{
    int32_t reach = s->radius + 8;
    while (*pen) {
        point a = place(s, pen, d);
        for (pen += 2; *pen && *pen != ' '; pen += 2) {
            point b = place(s, pen, d);
            draw_segment(a, b, reach, near);
            a = b;
        }
        if (*pen == ' ') pen++;
    }
}

/* Ink at squared distance d2: full inside the radius, fading over one pixel at its edge. */
static void ink_table(const style *s, uint8_t ink[(MAX_RADIUS + 8) * (MAX_RADIUS + 8) + 1])
{
    int32_t reach = s->radius + 8, from = 0;
    for (int32_t d = 1; d <= reach; d++) { /* distances in [d - 1, d) */
        int32_t share = clamp(reach - d + 1, 0, 16);
        for (; from < d * d; from++) ink[from] = (uint8_t)clamp(share * s->ink / 16, 0, 255);
    }
    ink[from] = 0;
}

static int glyph_class(const glyph_knobs *k, snug_raw_part part, int64_t i)
{
    dice d = {.seed = k->seed, .sample = (uint64_t)i, .block = (uint64_t)part << 32};
    return between(&d, 0, SNUG_N_GLYPHS - 1);
}

static void draw_glyph(const glyph_knobs *k, snug_raw_part part, int64_t i, uint8_t out[PIXELS])
{
    dice d = {.seed = k->seed, .sample = (uint64_t)i, .block = (uint64_t)part << 32};
    const char *pen = snug_glyphs[between(&d, 0, SNUG_N_GLYPHS - 1)].pen;
    style s = random_style(k, drift_at(k, part, i), &d);
    int32_t near[PIXELS], reach = s.radius + 8;
    uint8_t ink[(MAX_RADIUS + 8) * (MAX_RADIUS + 8) + 1];
    ink_table(&s, ink);
    for (int p = 0; p < PIXELS; p++) near[p] = reach * reach;
    draw_strokes(pen, &s, &d, near);
    for (int p = 0; p < PIXELS; p += 4) {
        uint32_t dust = roll(&d);
        for (int j = 0; j < 4; j++, dust >>= 8) { /* two half bytes: a triangle in [-15, 15] */
            int32_t change = (int32_t)(dust & 15) + (int32_t)(dust >> 4 & 15) - 15;
            out[p + j] = (uint8_t)clamp(ink[near[p + j]] + change * k->noise / 15, 0, 255);
        }
    }
}

/* ---- knobs ----------------------------------------------------------------------------------- */

static const snug_knob knob_rows[] = {
    {"n", 20000, 1, MAX_SAMPLES, true, "training samples"},
    {"seed", 1, 0, 0x1p53, true, "of all that is random"},
    {"noise", 0.2, 0, 1, false, "largest change of a pixel, of full scale"},
    {"shift", 2, 0, 6, true, "pixels that a character may be off the centre"},
    {"drift", 0, 0, 1, false, "how far the distribution moves towards the last sample"}};

static snug_status read_knobs(const char *path, glyph_knobs *k)
{
    double v[5];
    TRY(snug_knobs_read(path, 5, knob_rows, v));
    *k = (glyph_knobs){.n = (int64_t)v[0],
                       .seed = (uint64_t)v[1],
                       .noise = (int32_t)(v[2] * 256 + 0.5),
                       .shift = (int32_t)v[3],
                       .drift = (int32_t)(v[4] * ONE + 0.5)};
    return SNUG_OK;
}

/* ---- the source ------------------------------------------------------------------------------ */

static snug_status source_read(snug_source *s, snug_raw_part part, int64_t first, int64_t n,
                               void *out)
{
    glyph_source *g = (glyph_source *)s;
    int64_t at = part == RAW_TEST ? g->base.n[RAW_MAIN] + first : first;
    return snug_file_read_at(g->scratch, (uint64_t)at * PIXELS, out, (size_t)n * PIXELS);
}

static snug_status source_labels(snug_source *s, snug_raw_part part, int64_t first, int64_t n,
                                 int32_t *out)
{
    const glyph_knobs *k = &((glyph_source *)s)->knobs;
    for (int64_t i = 0; i < n; i++) out[i] = glyph_class(k, part, first + i);
    return SNUG_OK;
}

static void source_close(snug_source *s)
{
    snug_file_close(((glyph_source *)s)->scratch);
    snug_free(s);
}

static snug_status draw_part(glyph_source *g, snug_raw_part part, uint8_t *block)
{
    for (int64_t i = 0; i < g->base.n[part];) {
        int64_t n = 0;
        for (; n < DRAW_AT_ONCE && i < g->base.n[part]; n++, i++)
            draw_glyph(&g->knobs, part, i, block + n * PIXELS);
        TRY(snug_scratch_append(g->scratch, block, (size_t)n * PIXELS));
    }
    return SNUG_OK;
}

static snug_status draw_all(glyph_source *g, const char *scratch_dir)
{
    TRY(snug_scratch_open(scratch_dir, &g->scratch));
    uint8_t *block = snug_alloc(TAG_DATA, DRAW_AT_ONCE * PIXELS);
    if (!block) return snug_error_status();
    snug_status status = draw_part(g, RAW_MAIN, block);
    if (status == SNUG_OK) status = draw_part(g, RAW_TEST, block);
    snug_free(block);
    return status;
}

static snug_status glyphs_open(const snug_data_config *config, const snug_spec *spec,
                               snug_source **out)
{
    (void)spec;
    glyph_knobs knobs;
    TRY(read_knobs(config->path, &knobs));
    CHECK(!config->test_path, SNUG_EINVAL, "glyphs has its own test part; leave out '%s'",
          config->test_path);
    glyph_source *g = snug_alloc(TAG_DATA, sizeof *g);
    if (!g) return snug_error_status();
    int64_t dim[] = {SIDE, SIDE, 1}, n_test = knobs.n >= 5 ? knobs.n / 5 : 1;
    g->knobs = knobs;
    g->base = (snug_source){.kind = SNUG_DATA_IMAGE,
                            .n = {knobs.n, n_test},
                            .record_bytes = PIXELS,
                            .resident_bytes = sizeof *g,
                            .scratch_bytes = (size_t)(knobs.n + n_test) * PIXELS,
                            .shape = snug_shape_make(3, dim),
                            .dtype = SNUG_U8,
                            .target = config->no_target ? SNUG_TARGET_NONE : SNUG_TARGET_CLASS,
                            .n_labels = config->no_target ? 0 : SNUG_N_GLYPHS,
                            .label_names = g->name,
                            .all_labels = true,
                            .read = source_read,
                            .labels = source_labels,
                            .close = source_close};
    for (int i = 0; i < SNUG_N_GLYPHS; i++) g->name[i] = snug_glyphs[i].name;
    return snug_source_give(&g->base, draw_all(g, config->scratch_dir), out);
}

static snug_status glyphs_looks(const char *path, int *sure)
{
    *sure = snug_knobs_named(path, "glyphs") ? 100 : 0;
    return SNUG_OK;
}

const snug_format snug_format_glyphs = {
    .name = "glyphs",
    .doc = "the embedded set of characters (glyphs:n=20000,seed=1,noise=0.2,shift=2,drift=0)",
    .looks = glyphs_looks,
    .open = glyphs_open,
};
