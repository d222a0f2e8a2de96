/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of depthwise separable convolutions. */
#include "models/zoo.h"

static void write_point(snug_str *s, int filters, bool bias)
{
    snug_str_printf(s, "- conv2d: {filters: %d, kernel: 1, bias: %s}\n- batch_norm\n- relu\n",
                    filters, bias ? "true" : "false");
}

/* Each channel by itself, then every pixel by itself. */
static void write_separable(snug_str *s, int filters, int stride, bool bias)
{
    snug_str_printf(s, "- depthwise_conv2d: {kernel: 3, stride: %d, bias: %s}\n", stride,
                    bias ? "true" : "false");
    snug_str_add(s, "- batch_norm\n- relu\n");
    write_point(s, filters, bias);
}

/* ---- MobileNetV1 ------------------------------------------------------------------------------
 */

/* Howard et al. 2017, table 1: filters at width 1, and the stride of the convolution before. */
static const struct {
    int filters, stride;
} mobilenetv1[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                   {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};

static int scaled(int filters, double width)
{
    int n = (int)(filters * width);
    return n > 0 ? n : 1;
}

static snug_status write_mobilenetv1(const double *knob, snug_str *s)
{
    double width = knob[0];
    bool bias = knob[1] > 0;
    snug_str_printf(s,
                    "- conv2d: {filters: %d, kernel: 3, stride: 2, bias: %s}\n"
                    "- batch_norm\n"
                    "- relu\n",
                    scaled(32, width), bias ? "true" : "false");
    for (size_t i = 0; i < sizeof mobilenetv1 / sizeof *mobilenetv1; i++)
        write_separable(s, scaled(mobilenetv1[i].filters, width), mobilenetv1[i].stride, bias);
    snug_str_add(s, "- global_avg_pool\n"
                    "- linear: outputs\n");
    return SNUG_OK;
}

static const snug_knob mobilenetv1_knobs[] = {
    {"width", 1, 0.03125, 4, false, "multiplies the filters of every layer"},
    {"bias", 0, 0, 1, true, "1: biases before batch normalisation too"}};

/* 4,231,976 parameters at width 1 on 224x224 colour images with 1000 classes. Width 0.25
 * with biases is the person detector of MLPerf Tiny (96x96 colour images, 2 classes): 221,794
 * values, of which 5,472 are running statistics. */
const snug_zoo_model snug_zoo_mobilenetv1 = {
    .info = {"mobilenetv1", "MobileNetV1: thirteen depthwise separable convolutions; 4,231,976 "
                            "parameters on colour images with 1000 classes"},
    .n_knobs = 2,
    .knobs = mobilenetv1_knobs,
    .write = write_mobilenetv1,
};

/* ---- MobileNetV2 ------------------------------------------------------------------------------
 */

/* Sandler et al. 2018, table 2: how much wider the inside is, filters, blocks, stride of the
 * first. */
static const struct {
    int expand, filters, blocks, stride;
} mobilenetv2[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                   {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};

/* A multiple of eight, the nearest that is not a tenth less than n. */
static int by_eight(double n)
{
    int m = (int)(n + 4) / 8 * 8;
    if (m < 8) m = 8;
    return m < 0.9 * n ? m + 8 : m;
}

/* An inverted residual block: wider, each channel by itself, narrower without activation. */
static void write_inverted(snug_str *s, int in, int expand, int out, int stride)
{
    bool around = stride == 1 && in == out;
    const char *indent = around ? "      " : "";
    if (around) snug_str_add(s, "- residual:\n    body:\n");
    if (expand > 1)
        snug_str_printf(
            s, "%s- conv2d: {filters: %d, kernel: 1, bias: false}\n%s- batch_norm\n%s- relu6\n",
            indent, in * expand, indent, indent);
    snug_str_printf(s,
                    "%s- depthwise_conv2d: {kernel: 3, stride: %d, padding: 1, bias: false}\n"
                    "%s- batch_norm\n"
                    "%s- relu6\n"
                    "%s- conv2d: {filters: %d, kernel: 1, bias: false}\n"
                    "%s- batch_norm\n",
                    indent, stride, indent, indent, indent, out, indent);
}

static snug_status write_mobilenetv2(const double *knob, snug_str *s)
{
    double width = knob[0];
    int in = by_eight(32 * width), last = by_eight(1280 * (width > 1 ? width : 1));
    snug_str_printf(s,
                    "- conv2d: {filters: %d, kernel: 3, stride: 2, padding: 1, bias: false}\n- "
                    "batch_norm\n- relu6\n",
                    in);
    for (size_t i = 0; i < sizeof mobilenetv2 / sizeof *mobilenetv2; i++)
        for (int b = 0; b < mobilenetv2[i].blocks; b++) {
            int out = by_eight(mobilenetv2[i].filters * width);
            write_inverted(s, in, mobilenetv2[i].expand, out, b ? 1 : mobilenetv2[i].stride);
            in = out;
        }
    snug_str_printf(s, "- conv2d: {filters: %d, kernel: 1, bias: false}\n", last);
    snug_str_add(s, "- batch_norm\n"
                    "- relu6\n"
                    "- global_avg_pool\n"
                    "- dropout: 0.2\n"
                    "- linear: outputs\n");
    return SNUG_OK;
}

static const snug_knob mobilenetv2_knobs[] = {
    {"width", 1, 0.05, 4, false, "multiplies the filters of every layer, to multiples of 8"}};

const snug_zoo_model snug_zoo_mobilenetv2 = {
    .info = {"mobilenetv2", "MobileNetV2: seventeen inverted residual blocks; 3,504,872 parameters "
                            "on colour images with 1000 classes"},
    .n_knobs = 1,
    .knobs = mobilenetv2_knobs,
    .write = write_mobilenetv2,
};

/* ---- DS-CNN -----------------------------------------------------------------------------------
 */

static snug_status write_dscnn(const double *knob, snug_str *s)
{
    (void)knob;
    snug_str_add(s, "- conv2d: {filters: 64, kernel: [10, 4], stride: 2}\n"
                    "- batch_norm\n"
                    "- relu\n"
                    "- dropout: 0.2\n");
    for (int i = 0; i < 4; i++) write_separable(s, 64, 1, true);
    snug_str_add(s, "- dropout: 0.4\n"
                    "- global_avg_pool\n"
                    "- linear: outputs\n");
    return SNUG_OK;
}

/* The keyword spotter of MLPerf Tiny (mlcommons/tiny, benchmark/training/keyword_spotting, after
 * Zhang et al. 2017): biases in all convolutions. 24,908 values on [49, 10, 1] with 12 classes, of
 * which 1,152 are running statistics. */
const snug_zoo_model snug_zoo_dscnn = {
    .info = {"dscnn", "DS-CNN of MLPerf Tiny: four depthwise separable convolutions of 64 filters, "
                      "for spectrograms such as [49, 10, 1]"},
    .write = write_dscnn,
};
