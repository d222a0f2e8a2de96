/* SPDX-License-Identifier: Apache-2.0 */
/* VGG networks, configuration A (Simonyan and Zisserman 2015): 3x3 convolutions, a pooling whenever
 * the filters double, and two hidden layers of 4096. The features go to these as they come, 7x7 of
 * them from images of 224x224: the published count there, and no more weights than data on small
 * images. */
#include "models/zoo.h"

static const int vgg11[] = {64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0}; /* 0: pooling */

static void write_vgg(snug_str *s, bool batch_norm)
{
    for (size_t i = 0; i < sizeof vgg11 / sizeof *vgg11; i++) {
        if (!vgg11[i]) {
            snug_str_add(s, "- max_pool: 2\n");
            continue;
        }
        snug_str_printf(s, "- conv2d: {filters: %d, kernel: 3}\n", vgg11[i]);
        snug_str_add(s, batch_norm ? "- batch_norm\n- relu\n" : "- relu\n");
    }
    snug_str_add(s, "- flatten\n");
    for (int i = 0; i < 2; i++) snug_str_add(s, "- linear: 4096\n- relu\n- dropout: 0.5\n");
    snug_str_add(s, "- linear: outputs\n");
}

static snug_status write_plain(const double *knob, snug_str *s)
{
    (void)knob;
    write_vgg(s, false);
    return SNUG_OK;
}

static snug_status write_normalised(const double *knob, snug_str *s)
{
    (void)knob;
    write_vgg(s, true);
    return SNUG_OK;
}

const snug_zoo_model snug_zoo_vgg11 = {
    .info = {"vgg11", "VGG with eight convolutions and three linear layers; 132,863,336 parameters "
                      "on 224x224 images with 1000 classes"},
    .write = write_plain,
};

const snug_zoo_model snug_zoo_vgg11_bn = {
    .info = {"vgg11-bn", "VGG-11 with batch normalisation behind each convolution"},
    .write = write_normalised,
};
