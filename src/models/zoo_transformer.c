/* SPDX-License-Identifier: Apache-2.0 */
/* Transformers of text and images: stacks of pre-norm blocks, each one a residual of attention and
 * one of two linear layers. Tokens, positions and outputs follow the data. */
#include "models/zoo.h"

#include <math.h>

#define KNOB(name_, initial_, min_, max_, help_)                                                   \
    {                                                                                              \
        .name = name_, .initial = initial_, .min = min_, .max = max_, .whole = true, .help = help_ \
    }

static snug_status check_heads(const char *model, double width, double heads)
{
    CHECK(fmod(width, heads) == 0, SNUG_EINVAL,
          "%s: %.0f heads do not divide a width of %.0f; choose another heads or width", model,
          heads, width);
    return SNUG_OK;
}

/* ---- gpt --------------------------------------------------------------------------------------
 */

enum { LAYERS, HEADS, WIDTH, CONTEXT, BIAS };

#define GPT_KNOBS(layers, heads, width, context, bias)                                             \
    KNOB("layers", layers, 1, 1000, "blocks"),                                                     \
        KNOB("heads", heads, 1, 1024, "heads of attention"),                                       \
        KNOB("width", width, 1, 65536, "features of a position"),                                  \
        KNOB("context", context, 0, 1 << 20,                                                       \
             "positions there are vectors for; 0: as many as the data's windows have"),            \
        KNOB("bias", bias, 0, 1, "1: biases in linear layers and norms")

/* Weights start at N(0, 0.02); those that end a residual at less, by how many are added up
 * (Radford et al. 2019, section 2.3). */
static void write_gpt_block(const double *knob, snug_str *s)
{
    const char *bias = knob[BIAS] > 0 ? "true" : "false";
    double end = 0.02 / sqrt(2 * knob[LAYERS]);
    snug_str_printf(s,
                    "- residual:\n"
                    "    body:\n"
                    "      - layer_norm: {bias: %s}\n"
                    "      - self_attention: {heads: %.0f, causal: true, bias: %s, std: 0.02, "
                    "out_std: %.8g}\n"
                    "- residual:\n"
                    "    body:\n"
                    "      - layer_norm: {bias: %s}\n"
                    "      - linear: {units: %.0f, bias: %s, std: 0.02}\n"
                    "      - gelu\n"
                    "      - linear: {units: %.0f, bias: %s, std: %.8g}\n",
                    bias, knob[HEADS], bias, end, bias, 4 * knob[WIDTH], bias, knob[WIDTH], bias,
                    end);
}

static snug_status write_gpt(const double *knob, snug_str *s)
{
    TRY(check_heads("gpt", knob[WIDTH], knob[HEADS]));
    snug_str_printf(s, "- embedding: %.0f\n", knob[WIDTH]);
    if (knob[CONTEXT] > 0)
        snug_str_printf(s, "- positions: %.0f\n", knob[CONTEXT]);
    else
        snug_str_add(s, "- positions\n");
    for (int i = 0; i < knob[LAYERS]; i++) write_gpt_block(knob, s);
    snug_str_printf(s,
                    "- layer_norm: {bias: %s}\n"
                    "- tied_linear: embedding1\n",
                    knob[BIAS] > 0 ? "true" : "false");
    return SNUG_OK;
}

static const snug_knob gpt_knobs[] = {GPT_KNOBS(4, 4, 128, 0, 0)};
static const snug_knob gpt2_knobs[] = {GPT_KNOBS(12, 12, 768, 1024, 1)};

/* The layout of nanoGPT (karpathy/nanoGPT, model.py), without biases as its configurations for
 * small texts have it. */
const snug_zoo_model snug_zoo_gpt = {
    .info = {"gpt", "transformer of text: 4 blocks of 4 heads, 128 wide"},
    .n_knobs = sizeof gpt_knobs / sizeof *gpt_knobs,
    .knobs = gpt_knobs,
    .write = write_gpt,
};

const snug_zoo_model snug_zoo_gpt2 = {
    .info = {"gpt2", "GPT-2, small: 12 blocks of 12 heads, 768 wide; 124,439,808 parameters with "
                     "50,257 tokens"},
    .n_knobs = sizeof gpt2_knobs / sizeof *gpt2_knobs,
    .knobs = gpt2_knobs,
    .write = write_gpt,
};

/* ---- llama ------------------------------------------------------------------------------------
 */

enum { KV_HEADS = CONTEXT, HIDDEN };

static snug_status write_llama(const double *knob, snug_str *s)
{
    double kv_heads = knob[KV_HEADS] > 0 ? knob[KV_HEADS] : knob[HEADS];
    /* two thirds of four times the width, up to a multiple of 32 */
    double hidden = knob[HIDDEN] > 0 ? knob[HIDDEN] : 32 * ceil(knob[WIDTH] * 8 / 3 / 32);
    double end = 0.02 / sqrt(2 * knob[LAYERS]);
    TRY(check_heads("llama", knob[WIDTH], knob[HEADS]));
    CHECK(fmod(knob[HEADS], kv_heads) == 0, SNUG_EINVAL,
          "llama: %.0f heads cannot share %.0f heads of keys and values", knob[HEADS], kv_heads);
    CHECK(fmod(knob[WIDTH] / knob[HEADS], 2) == 0, SNUG_EINVAL,
          "llama: heads of %.0f features have no pairs to turn; choose another heads or width",
          knob[WIDTH] / knob[HEADS]);
    snug_str_printf(s, "- embedding: %.0f\n", knob[WIDTH]);
    for (int i = 0; i < knob[LAYERS]; i++)
        snug_str_printf(s,
                        "- residual:\n"
                        "    body:\n"
                        "      - rms_norm\n"
                        "      - self_attention: {heads: %.0f, kv_heads: %.0f, causal: true, "
                        "rotary: 10000, bias: false, std: 0.02, out_std: %.8g}\n"
                        "- residual:\n"
                        "    body:\n"
                        "      - rms_norm\n"
                        "      - swiglu: {units: %.0f, std: 0.02, out_std: %.8g}\n",
                        knob[HEADS], kv_heads, end, hidden, end);
    snug_str_add(s, "- rms_norm\n"
                    "- linear: {units: outputs, bias: false, std: 0.02}\n");
    return SNUG_OK;
}

static const snug_knob llama_knobs[] = {
    KNOB("layers", 4, 1, 1000, "blocks"), KNOB("heads", 4, 1, 1024, "heads of attention"),
    KNOB("width", 128, 1, 65536, "features of a position"),
    KNOB("kv_heads", 2, 0, 1024, "heads of keys and values; 0: as many as heads"),
    KNOB("hidden", 0, 0, 1 << 20, "features between the gated layers; 0: 8/3 of the width")};

/* The blocks of Llama (Touvron et al. 2023): root mean square norms, rotary positions, gated
 * layers; grouped keys as in its second version. */
const snug_zoo_model snug_zoo_llama = {
    .info = {"llama", "transformer of text with rotary positions, grouped keys and gated layers: 4 "
                      "blocks of 4 heads, 128 wide"},
    .n_knobs = sizeof llama_knobs / sizeof *llama_knobs,
    .knobs = llama_knobs,
    .write = write_llama,
};

/* ---- vision transformers ----------------------------------------------------------------------
 */

enum { PATCH, VIT_WIDTH, VIT_DEPTH, VIT_HEADS };

static snug_status write_vit(const double *knob, snug_str *s)
{
    TRY(check_heads("vit-tiny", knob[VIT_WIDTH], knob[VIT_HEADS]));
    snug_str_printf(s,
                    "- patches: {size: %.0f, width: %.0f}\n"
                    "- class_token\n"
                    "- positions\n",
                    knob[PATCH], knob[VIT_WIDTH]);
    for (int i = 0; i < knob[VIT_DEPTH]; i++)
        snug_str_printf(s,
                        "- residual:\n"
                        "    body:\n"
                        "      - layer_norm: {eps: 1e-6}\n"
                        "      - self_attention: {heads: %.0f, std: 0.02, out_std: 0.02}\n"
                        "- residual:\n"
                        "    body:\n"
                        "      - layer_norm: {eps: 1e-6}\n"
                        "      - linear: {units: %.0f, std: 0.02}\n"
                        "      - gelu\n"
                        "      - linear: {units: %.0f, std: 0.02}\n",
                        knob[VIT_HEADS], 4 * knob[VIT_WIDTH], knob[VIT_WIDTH]);
    snug_str_add(s, "- layer_norm: {eps: 1e-6}\n"
                    "- first_step\n"
                    "- linear: {units: outputs, std: 0.02}\n");
    return SNUG_OK;
}

static const snug_knob vit_knobs[] = {
    KNOB("patch", 16, 1, 1024, "height and width of a patch; 4 for images of 32x32"),
    KNOB("width", 192, 1, 65536, "features of a patch"), KNOB("depth", 12, 1, 1000, "blocks"),
    KNOB("heads", 3, 1, 1024, "heads of attention")};

/* Dosovitskiy et al. 2021 at the size of Touvron et al. 2021 (DeiT-Ti). */
const snug_zoo_model snug_zoo_vit_tiny = {
    .info = {"vit-tiny", "vision transformer of 12 blocks of 3 heads, 192 wide; 5,717,416 "
                         "parameters on 224x224 images with 1000 classes"},
    .n_knobs = sizeof vit_knobs / sizeof *vit_knobs,
    .knobs = vit_knobs,
    .write = write_vit,
};
