/* SPDX-License-Identifier: Apache-2.0 */
/* Noise of any image or series shape, or text of any vocabulary, for benchmarks: nothing can be
 * learned from it, and it costs about as much to make as an image of that size costs to read.
 * Knobs, as in "noise:h=32,w=32,c=3": h, w, c   height, width, channels (28, 28, 1) classes   (10),
 * drawn evenly steps     (0) not 0: series of so many steps, of c channels, instead of images
 *   tokens    (0) not 0: text of so many different characters instead of images
 *   n         training samples, or characters (4096); there is no test part
 *   seed      (1)
 */
#include "base/knobs.h"
#include "base/rng.h"
#include "data/format.h"

#include <stdio.h>
#include <string.h>

/* Characters are code points from 1 on, below those that stand for no character. */
enum { MAX_TOKENS = 0xD800 - 1 };
enum {
    KNOB_H,
    KNOB_W,
    KNOB_C,
    KNOB_CLASSES,
    KNOB_STEPS,
    KNOB_TOKENS,
    KNOB_N,
    KNOB_SEED,
    N_KNOBS,
    MAX_CLASSES = 1000
};

static const snug_knob knobs[N_KNOBS] = {
    {"h", 28, 1, 4096, true, "height"},
    {"w", 28, 1, 4096, true, "width"},
    {"c", 1, 1, 4096, true, "channels; of images 4 at most"},
    {"classes", 10, 2, MAX_CLASSES, true, "classes, drawn evenly"},
    {"steps", 0, 0, 1 << 20, true, "not 0: series of so many steps"},
    {"tokens", 0, 0, MAX_TOKENS, true, "not 0: text of so many different characters"},
    {"n", 4096, 1, 1e8, true, "training samples, or characters"},
    {"seed", 1, 0, 0x1p53, true, "of all that is random"},
};

typedef struct noise_source {
    snug_source base;
    uint64_t seed;
    uint32_t tokens;
    const char *name[MAX_CLASSES];
    char text[MAX_CLASSES][12];
} noise_source;

/* A sample's stream: words of LANES xorshift generators (Marsaglia 2003) by turns, keyed by the
 * sample's number. Cheap enough that making a sample does not count beside training on it. */
enum { LANES = 16 };

typedef struct stream {
    uint32_t lane[LANES];
} stream;

static stream open_stream(const noise_source *g, int64_t sample)
{
    stream s;
    for (int i = 0; i < LANES; i += 4)
        snug_rng(g->seed, RNG_GLYPHS, (uint64_t)sample, (uint64_t)i, s.lane + i);
    for (int i = 0; i < LANES; i++) s.lane[i] |= 1; /* 0 would stay 0 */
    return s;
}

static void next_words(stream *s)
{
    for (int i = 0; i < LANES; i++) {
        uint32_t x = s->lane[i];
        x ^= x << 13;
        x ^= x >> 17;
        s->lane[i] = x ^ x << 5;
    }
}

static snug_status noise_read(snug_source *s, snug_raw_part part, int64_t first, int64_t n,
                              void *out)
{
    const noise_source *g = (const noise_source *)s;
    (void)part;
    for (int64_t i = 0; i < n; i++) {
        unsigned char *sample = (unsigned char *)out + (size_t)i * s->record_bytes;
        stream words = open_stream(g, first + i);
        for (size_t at = 0; at < s->record_bytes; at += sizeof words.lane) {
            size_t left = s->record_bytes - at;
            next_words(&words);
            memcpy(sample + at, words.lane, left < sizeof words.lane ? left : sizeof words.lane);
        }
    }
    return SNUG_OK;
}

/* Series: floats from 0 to 1, of 16 bits each. */
static snug_status noise_steps(snug_source *s, snug_raw_part part, int64_t first, int64_t n,
                               void *out)
{
    enum { TOGETHER = 2 * LANES };
    const noise_source *g = (const noise_source *)s;
    const size_t each = s->record_bytes / sizeof(float);
    (void)part;
    for (int64_t i = 0; i < n; i++) {
        float *sample = (float *)out + (size_t)i * each, made[TOGETHER];
        stream words = open_stream(g, first + i);
        for (size_t at = 0; at < each; at += TOGETHER) {
            next_words(&words);
            for (int j = 0; j < LANES; j++) {
                made[j] = (float)(int32_t)(words.lane[j] >> 16) * 0x1p-16f;
                made[j + LANES] = (float)(int32_t)(words.lane[j] & 0xffff) * 0x1p-16f;
            }
            memcpy(sample + at, made, (each - at < TOGETHER ? each - at : TOGETHER) * sizeof *made);
        }
    }
    return SNUG_OK;
}

/* Every character once, then any. */
static snug_status noise_characters(snug_source *s, snug_raw_part part, int64_t first, int64_t n,
                                    void *out)
{
    const noise_source *g = (const noise_source *)s;
    int32_t *c = out;
    (void)part;
    for (int64_t i = first; i < first + n; i++) {
        uint32_t u[4];
        snug_rng(g->seed, RNG_GLYPHS, (uint64_t)i, 0, u);
        *c++ = 1 + (int32_t)(i < g->tokens ? i : u[0] % g->tokens);
    }
    return SNUG_OK;
}

static snug_status noise_labels(snug_source *s, snug_raw_part part, int64_t first, int64_t n,
                                int32_t *out)
{
    (void)part;
    for (int64_t i = 0; i < n; i++) out[i] = (int32_t)((first + i) % s->n_labels);
    return SNUG_OK;
}

static void noise_close(snug_source *s)
{
    snug_free(s);
}

static void make_text(noise_source *g, const double *v)
{
    double n = v[KNOB_N] < v[KNOB_TOKENS] ? v[KNOB_TOKENS] : v[KNOB_N];
    g->base = (snug_source){.kind = SNUG_DATA_TEXT,
                            .n = {(int64_t)n, 0},
                            .record_bytes = sizeof(int32_t),
                            .resident_bytes = sizeof *g,
                            .dtype = SNUG_I32,
                            .target = SNUG_TARGET_TOKENS,
                            .read = noise_characters,
                            .close = noise_close};
}

/* Images [h, w, c] of bytes, or series [steps, c] of floats. */
static void make_samples(noise_source *g, const double *v, bool no_target)
{
    bool series = v[KNOB_STEPS] > 0;
    int64_t dim[] = {(int64_t)v[KNOB_H], (int64_t)v[KNOB_W], (int64_t)v[KNOB_C]};
    if (series) dim[0] = (int64_t)v[KNOB_STEPS], dim[1] = dim[2], dim[2] = sizeof(float);
    g->base = (snug_source){.kind = series ? SNUG_DATA_SERIES : SNUG_DATA_IMAGE,
                            .n = {(int64_t)v[KNOB_N], 0},
                            .record_bytes = (size_t)(dim[0] * dim[1] * dim[2]),
                            .resident_bytes = sizeof *g,
                            .shape = snug_shape_make(series ? 2 : 3, dim),
                            .dtype = series ? SNUG_F32 : SNUG_U8,
                            .target = no_target ? SNUG_TARGET_NONE : SNUG_TARGET_CLASS,
                            .n_labels = no_target ? 0 : (int)v[KNOB_CLASSES],
                            .label_names = g->name,
                            .all_labels = true,
                            .read = series ? noise_steps : noise_read,
                            .labels = noise_labels,
                            .close = noise_close};
    for (int i = 0; i < (int)v[KNOB_CLASSES]; i++) {
        snprintf(g->text[i], sizeof g->text[i], "%d", i);
        g->name[i] = g->text[i];
    }
}

static snug_status noise_open(const snug_data_config *config, const snug_spec *spec,
                              snug_source **out)
{
    double v[N_KNOBS];
    (void)spec;
    TRY(snug_knobs_read(config->path, N_KNOBS, knobs, v));
    CHECK(!config->test_path, SNUG_EINVAL, "noise has no test part; leave out '%s'",
          config->test_path);
    CHECK(v[KNOB_STEPS] > 0 || v[KNOB_TOKENS] > 0 || v[KNOB_C] <= 4, SNUG_EINVAL,
          "noise: an image has 1 to 4 channels, not c=%.0f", v[KNOB_C]);
    noise_source *g = snug_alloc(TAG_DATA, sizeof *g);
    if (!g) return snug_error_status();
    g->seed = (uint64_t)v[KNOB_SEED];
    g->tokens = (uint32_t)v[KNOB_TOKENS];
    if (g->tokens > 0)
        make_text(g, v);
    else
        make_samples(g, v, config->no_target);
    *out = &g->base;
    return SNUG_OK;
}

static snug_status noise_looks(const char *path, int *sure)
{
    *sure = snug_knobs_named(path, "noise") ? 100 : 0;
    return SNUG_OK;
}

const snug_format snug_format_noise = {
    .name = "noise",
    .doc = "noise, for benchmarks (noise:h=28,w=28,c=1,classes=10,n=4096)",
    .looks = noise_looks,
    .open = noise_open,
};
