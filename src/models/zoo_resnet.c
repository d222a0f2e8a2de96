/* SPDX-License-Identifier: Apache-2.0 */
/* Residual networks (He et al. 2016). */
#include "models/zoo.h"

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
