/* SPDX-License-Identifier: Apache-2.0 */
/* Multi-layer perceptrons. They start with flatten, so that images and rows of a table both fit. */
#include "models/zoo.h"

const snug_zoo_model snug_zoo_linear = {
    .info = {"linear", "one linear layer: the baseline for anything else"},
    .layers = "- flatten\n"
              "- linear: outputs\n",
};

const snug_zoo_model snug_zoo_mlp = {
    .info = {"mlp", "two hidden layers of 512"},
    .layers = "- flatten\n"
              "- linear: 512\n"
              "- relu\n"
              "- linear: 512\n"
              "- relu\n"
              "- linear: outputs\n",
};

const snug_zoo_model snug_zoo_mlp_small = {
    .info = {"mlp-256-128-64", "three hidden layers of 256, 128 and 64"},
    .layers = "- flatten\n"
              "- linear: 256\n"
              "- relu\n"
              "- linear: 128\n"
              "- relu\n"
              "- linear: 64\n"
              "- relu\n"
              "- linear: outputs\n",
};
