/* SPDX-License-Identifier: Apache-2.0 */
/* Autoencoders: through a narrow code back to the sample itself (data.task: reconstruct). */
#include "models/zoo.h"

static void write_dense(snug_str *s, int units)
{
    snug_str_printf(s, "- linear: %d\n- batch_norm\n- relu\n", units);
}

static snug_status write_autoencoder(const double *knob, snug_str *s)
{
    (void)knob;
    for (int i = 0; i < 4; i++) write_dense(s, 128);
    write_dense(s, 8);
    for (int i = 0; i < 4; i++) write_dense(s, 128);
    snug_str_add(s, "- linear: outputs\n");
    return SNUG_OK;
}

/* The anomaly detector of MLPerf Tiny (mlcommons/tiny, benchmark/training/anomaly_detection): on
 * five frames of 128 frequencies, 267,928 parameters and 2,064 running statistics. */
const snug_zoo_model snug_zoo_autoencoder = {
    .info = {"autoencoder", "the anomaly detector of MLPerf Tiny, for rows of features: hidden "
                            "layers of 128 and a code of 8; 267,928 parameters on 640 features"},
    .write = write_autoencoder,
};

/* Masci et al. 2011, with strides instead of pooling, as it is done since Radford et al. 2016. */
const snug_zoo_model snug_zoo_conv_autoencoder = {
    .info = {"conv-autoencoder", "a convolutional autoencoder for images of a size that 4 divides: "
                                 "a code of 4 channels at a quarter of height and width"},
    .layers = "- conv2d: {filters: 16, kernel: 3, stride: 2}\n"
              "- relu\n"
              "- conv2d: {filters: 32, kernel: 3, stride: 2}\n"
              "- relu\n"
              "- conv2d: {filters: 4, kernel: 3}\n"
              "- conv_transpose2d: {filters: 32, kernel: 3, stride: 2}\n"
              "- relu\n"
              "- conv_transpose2d: {filters: 16, kernel: 3, stride: 2}\n"
              "- relu\n"
              "- conv2d: {filters: outputs, kernel: 3}\n",
};
