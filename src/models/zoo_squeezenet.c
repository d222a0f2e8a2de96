/* SPDX-License-Identifier: Apache-2.0 */
/* SqueezeNet 1.1 (Iandola et al. 2016): a fire module squeezes the channels by 1x1 convolutions and
 * expands them by 1x1 and 3x3 ones side by side. */
#include "models/zoo.h"

static void write_fire(snug_str *s, int squeeze, int expand)
{
    snug_str_printf(s, "- conv2d: {filters: %d, kernel: 1}\n- relu\n", squeeze);
    snug_str_printf(s,
                    "- concat:\n"
                    "    - conv2d: {filters: %d, kernel: 1}\n"
                    "    - conv2d: {filters: %d, kernel: 3}\n"
                    "- relu\n",
                    expand, expand);
}

static snug_status write_squeezenet(const double *knob, snug_str *s)
{
    (void)knob;
    snug_str_add(s, "- conv2d: {filters: 64, kernel: 3, stride: 2, padding: valid}\n"
                    "- relu\n"
                    "- max_pool: {kernel: 3, stride: 2}\n");
    write_fire(s, 16, 64);
    write_fire(s, 16, 64);
    snug_str_add(s, "- max_pool: {kernel: 3, stride: 2}\n");
    write_fire(s, 32, 128);
    write_fire(s, 32, 128);
    snug_str_add(s, "- max_pool: {kernel: 3, stride: 2}\n");
    write_fire(s, 48, 192);
    write_fire(s, 48, 192);
    write_fire(s, 64, 256);
    write_fire(s, 64, 256);
    snug_str_add(s, "- dropout: 0.5\n"
                    "- conv2d: {filters: outputs, kernel: 1}\n"
                    "- relu\n"
                    "- global_avg_pool\n");
    return SNUG_OK;
}

const snug_zoo_model snug_zoo_squeezenet = {
    .info = {"squeezenet", "SqueezeNet 1.1: eight fire modules; 1,235,496 parameters on colour "
                           "images with 1000 classes"},
    .write = write_squeezenet,
};
