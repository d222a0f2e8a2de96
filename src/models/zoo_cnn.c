/* SPDX-License-Identifier: Apache-2.0 */
/* Plain convolutional networks. */
#include "models/zoo.h"

/* The shapes of LeNet-5 (LeCun et al. 1998), with ReLU and max pooling as it is trained today. */
const snug_zoo_model snug_zoo_lenet = {
    .info = {"lenet", "LeNet-5: two 5x5 convolutions and three linear layers; 61,706 parameters on "
                      "28x28 grey images"},
    .layers = "- conv2d: {filters: 6, kernel: 5, padding: same}\n"
              "- relu\n"
              "- max_pool: 2\n"
              "- conv2d: {filters: 16, kernel: 5, padding: valid}\n"
              "- relu\n"
              "- max_pool: 2\n"
              "- flatten\n"
              "- linear: 120\n"
              "- relu\n"
              "- linear: 84\n"
              "- relu\n"
              "- linear: outputs\n",
};

/* Caffe's LeNet, which papers on pruning call LeNet-5 (Han et al. 2015): the only ReLU is behind
 * the hidden layer. 430,500 weights and 580 biases. */
const snug_zoo_model snug_zoo_lenet5_caffe = {
    .info = {"lenet5-caffe",
             "LeNet-5 as pruning papers use it: convolutions of 20 and 50 filters, a "
             "hidden layer of 500; 431,080 parameters on 28x28 grey images"},
    .layers = "- conv2d: {filters: 20, kernel: 5, padding: valid}\n"
              "- max_pool: 2\n"
              "- conv2d: {filters: 50, kernel: 5, padding: valid}\n"
              "- max_pool: 2\n"
              "- flatten\n"
              "- linear: 500\n"
              "- relu\n"
              "- linear: outputs\n",
};

const snug_zoo_model snug_zoo_cnn = {
    .info = {"cnn", "two 3x3 convolutions with batch normalisation and pooling"},
    .layers = "- conv2d: {filters: 32, kernel: 3, bias: false}\n"
              "- batch_norm\n"
              "- relu\n"
              "- max_pool: 2\n"
              "- conv2d: {filters: 64, kernel: 3, bias: false}\n"
              "- batch_norm\n"
              "- relu\n"
              "- max_pool: 2\n"
              "- flatten\n"
              "- dropout: 0.3\n"
              "- linear: outputs\n",
};
