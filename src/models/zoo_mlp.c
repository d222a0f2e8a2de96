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

/* The large network of Hinton, Vinyals and Dean 2015 ("Distilling the knowledge in a neural
 * network", section 3), with its dropout. */
const snug_zoo_model snug_zoo_mlp_1200 = {
    .info = {"mlp-1200", "two hidden layers of 1200 with dropout: the teacher of the distillation "
                         "paper"},
    .layers = "- flatten\n"
              "- dropout: 0.2\n"
              "- linear: 1200\n"
              "- relu\n"
              "- dropout: 0.5\n"
              "- linear: 1200\n"
              "- relu\n"
              "- dropout: 0.5\n"
              "- linear: outputs\n",
};

const snug_zoo_model snug_zoo_lenet_300_100 = {
    .info = {"lenet-300-100", "two hidden layers of 300 and 100 (LeCun et al. 1998), as pruning "
                              "papers use it; 266,610 parameters on 28x28 grey images"},
    .layers = "- flatten\n"
              "- linear: 300\n"
              "- relu\n"
              "- linear: 100\n"
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
