/* SPDX-License-Identifier: Apache-2.0 */
/* Residual networks (He et al. 2016). */
#include "models/zoo.h"

/* The block of two 3x3 convolutions; where it changes the size, its shortcut is a 1x1 convolution
 * with batch normalisation (option B of the paper). */
static void write_block(snug_str *s, int filters, int stride, bool project)
{
    snug_str_printf(
        s,
        "- residual:\n"
        "    body:\n"
        "      - conv2d: {filters: %d, kernel: 3, stride: %d, padding: 1, bias: false}\n"
        "      - batch_norm\n"
        "      - relu\n"
        "      - conv2d: {filters: %d, kernel: 3, bias: false}\n"
        "      - batch_norm\n",
        filters, stride, filters);
    if (project)
        snug_str_printf(s,
                        "    shortcut:\n"
                        "      - conv2d: {filters: %d, kernel: 1, stride: %d, padding: 0, bias: "
                        "false}\n"
                        "      - batch_norm\n",
                        filters, stride);
    snug_str_add(s, "- relu\n");
}

/* Stages of as many blocks each; every stage doubles the filters, all but the first halve the
 * image. */
static void write_stages(snug_str *s, int n_stages, int n_blocks, int filters)
{
    for (int i = 0; i < n_stages * n_blocks; i++) {
        bool first = i > 0 && i % n_blocks == 0;
        write_block(s, filters << i / n_blocks, first ? 2 : 1, first);
    }
    snug_str_add(s, "- global_avg_pool\n"
                    "- linear: outputs\n");
}

static snug_status write_resnet20(const double *knob, snug_str *s)
{
    (void)knob;
    snug_str_add(s, "- conv2d: {filters: 16, kernel: 3, bias: false}\n"
                    "- batch_norm\n"
                    "- relu\n");
    write_stages(s, 3, 3, 16);
    return SNUG_OK;
}

static snug_status write_resnet18(const double *knob, snug_str *s)
{
    (void)knob;
    snug_str_add(s, "- conv2d: {filters: 64, kernel: 3, bias: false}\n"
                    "- batch_norm\n"
                    "- relu\n");
    write_stages(s, 4, 2, 64);
    return SNUG_OK;
}

/* Zeros around the pooling: none of them wins, for a ReLU stands before it. */
static snug_status write_resnet18_imagenet(const double *knob, snug_str *s)
{
    (void)knob;
    snug_str_add(s, "- conv2d: {filters: 64, kernel: 7, stride: 2, padding: 3, bias: false}\n"
                    "- batch_norm\n"
                    "- relu\n"
                    "- zero_pad: 1\n"
                    "- max_pool: {kernel: 3, stride: 2}\n");
    write_stages(s, 4, 2, 64);
    return SNUG_OK;
}

/* The paper's network for CIFAR-10 (section 4.2), with option B: 272,474 parameters there; its
 * option A, which pads channels with zeros, has 2,752 less. */
const snug_zoo_model snug_zoo_resnet20 = {
    .info = {"resnet20", "ResNet-20 for small images: nine residual blocks of 16, 32 and 64 "
                         "filters; 272,474 parameters on colour images with 10 classes"},
    .write = write_resnet20,
};

/* The usual changes for small images: a 3x3 convolution without stride or pooling as the stem. */
const snug_zoo_model snug_zoo_resnet18 = {
    .info = {"resnet18", "ResNet-18 for small images: eight residual blocks of 64 to 512 filters; "
                         "11,173,962 parameters on colour images with 10 classes"},
    .write = write_resnet18,
};

const snug_zoo_model snug_zoo_resnet18_imagenet = {
    .info = {"resnet18-imagenet",
             "ResNet-18 for large images: a 7x7 convolution and pooling before "
             "the blocks; 11,689,512 parameters on colour images with 1000 "
             "classes"},
    .write = write_resnet18_imagenet,
};

/* The image classification model of MLPerf Tiny (mlcommons/tiny,
 * benchmark/training/image_classification, resnet_v1_eembc): biases in all convolutions, 1x1
 * shortcuts without normalisation. 78,666 values on 32x32 colour images with 10 classes, of which
 * 480 are running statistics. */
const snug_zoo_model snug_zoo_resnet8 = {
    .info = {"resnet8", "ResNet-8 of MLPerf Tiny: three residual blocks of 16, 32 and 64 filters"},
    .layers = "- conv2d: {filters: 16, kernel: 3}\n"
              "- batch_norm\n"
              "- relu\n"
              "- residual:\n"
              "    body:\n"
              "      - conv2d: {filters: 16, kernel: 3, stride: 1}\n"
              "      - batch_norm\n"
              "      - relu\n"
              "      - conv2d: {filters: 16, kernel: 3}\n"
              "      - batch_norm\n"
              "- relu\n"
              "- residual:\n"
              "    body:\n"
              "      - conv2d: {filters: 32, kernel: 3, stride: 2}\n"
              "      - batch_norm\n"
              "      - relu\n"
              "      - conv2d: {filters: 32, kernel: 3}\n"
              "      - batch_norm\n"
              "    shortcut:\n"
              "      - conv2d: {filters: 32, kernel: 1, stride: 2}\n"
              "- relu\n"
              "- residual:\n"
              "    body:\n"
              "      - conv2d: {filters: 64, kernel: 3, stride: 2}\n"
              "      - batch_norm\n"
              "      - relu\n"
              "      - conv2d: {filters: 64, kernel: 3}\n"
              "      - batch_norm\n"
              "    shortcut:\n"
              "      - conv2d: {filters: 64, kernel: 1, stride: 2}\n"
              "- relu\n"
              "- global_avg_pool\n"
              "- linear: outputs\n",
};
