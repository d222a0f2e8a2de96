/* SPDX-License-Identifier: Apache-2.0 */
/* Models of series [N, steps, channels], which may have lengths of their own. */
#include "models/zoo.h"

/* ---- recurrent ---------------------------------------------------------------------------------
 */

static const snug_knob recurrent_knobs[] = {
    {"units", 128, 1, 65536, true, "numbers that a state has"},
    {"layers", 1, 1, 64, true, "layers, each on the states of the one below"},
    {"bidirectional", 0, 0, 1, true, "1: walk back too"},
    {"dropout", 0, 0, 0.95, false, "share of values set to 0 between layers and behind the last"}};

static snug_status write_recurrent(const char *kind, const double *knob, snug_str *s)
{
    snug_str_printf(s, "- %s: {units: %d, layers: %d, bidirectional: %s, sequence: false", kind,
                    (int)knob[0], (int)knob[1], knob[2] > 0 ? "true" : "false");
    if (knob[3] > 0)
        snug_str_printf(s, ", dropout: %g}\n- dropout: %g\n", knob[3], knob[3]);
    else
        snug_str_add(s, "}\n");
    snug_str_add(s, "- linear: outputs\n");
    return SNUG_OK;
}

static snug_status write_lstm(const double *knob, snug_str *s)
{
    return write_recurrent("lstm", knob, s);
}

static snug_status write_gru(const double *knob, snug_str *s)
{
    return write_recurrent("gru", knob, s);
}

static snug_status write_rnn(const double *knob, snug_str *s)
{
    return write_recurrent("rnn", knob, s);
}

const snug_zoo_model snug_zoo_lstm = {
    .info = {"lstm", "long short-term memory over a series, and a linear layer on its last state"},
    .n_knobs = sizeof recurrent_knobs / sizeof *recurrent_knobs,
    .knobs = recurrent_knobs,
    .write = write_lstm,
};

const snug_zoo_model snug_zoo_gru = {
    .info = {"gru", "gated recurrent units over a series, and a linear layer on the last state"},
    .n_knobs = sizeof recurrent_knobs / sizeof *recurrent_knobs,
    .knobs = recurrent_knobs,
    .write = write_gru,
};

const snug_zoo_model snug_zoo_rnn = {
    .info = {"rnn",
             "a plain recurrent network over a series, and a linear layer on its last state"},
    .n_knobs = sizeof recurrent_knobs / sizeof *recurrent_knobs,
    .knobs = recurrent_knobs,
    .write = write_rnn,
};

/* Characters one by one (Karpathy 2015, "The unreasonable effectiveness of recurrent neural
 * networks"). */
enum { TEXT_UNITS, TEXT_LAYERS, TEXT_WIDTH, TEXT_DROPOUT };

static const snug_knob text_knobs[] = {
    {"units", 128, 1, 65536, true, "numbers that a state has"},
    {"layers", 2, 1, 64, true, "layers, each on the states of the one below"},
    {"width", 64, 1, 65536, true, "numbers that stand for a token"},
    {"dropout", 0, 0, 0.95, false, "share of values set to 0 between layers"}};

static snug_status write_char_lstm(const double *knob, snug_str *s)
{
    snug_str_printf(s,
                    "- embedding: %d\n"
                    "- lstm: {units: %d, layers: %d, dropout: %g}\n"
                    "- linear: outputs\n",
                    (int)knob[TEXT_WIDTH], (int)knob[TEXT_UNITS], (int)knob[TEXT_LAYERS],
                    knob[TEXT_DROPOUT]);
    return SNUG_OK;
}

const snug_zoo_model snug_zoo_char_lstm = {
    .info = {"char-lstm", "long short-term memory over text: the next token from those before it"},
    .n_knobs = sizeof text_knobs / sizeof *text_knobs,
    .knobs = text_knobs,
    .write = write_char_lstm,
};

/* ---- convolutional -----------------------------------------------------------------------------
 */

/* The fully convolutional network of Wang, Yan and Oates 2017 ("Time series classification from
 * scratch with deep neural networks"), figure 1b. Steps that a sample does not have stay 0. */
static snug_status write_fcn(const double *knob, snug_str *s)
{
    static const double filters[] = {1, 2, 1};
    static const int kernel[] = {8, 5, 3};
    for (int i = 0; i < 3; i++)
        snug_str_printf(s,
                        "- conv1d: {filters: %d, kernel: %d, bias: false}\n"
                        "- batch_norm\n"
                        "- relu\n"
                        "- mask_padding\n",
                        (int)(knob[0] * filters[i]), kernel[i]);
    snug_str_add(s, "- mean_over_time\n"
                    "- linear: outputs\n");
    return SNUG_OK;
}

static const snug_knob fcn_knobs[] = {
    {"filters", 128, 1, 4096, true, "of the first and last convolution; the second has twice"}};

const snug_zoo_model snug_zoo_fcn = {
    .info = {"fcn", "fully convolutional network for series: three convolutions with batch "
                    "normalisation, and the mean over time"},
    .n_knobs = 1,
    .knobs = fcn_knobs,
    .write = write_fcn,
};

enum { TCN_WIDTH, TCN_LEVELS, TCN_KERNEL, TCN_DROPOUT };

static const snug_knob tcn_knobs[] = {
    {"width", 64, 1, 4096, true, "filters of every convolution"},
    {"levels", 4, 1, 12, true, "residual blocks; each doubles the dilation"},
    {"kernel", 3, 2, 64, true, "steps of a window"},
    {"dropout", 0.05, 0, 0.95, false, "share of values set to 0 behind each convolution"}};

static void write_causal(const double *knob, int dilation, snug_str *s)
{
    snug_str_printf(s,
                    "      - conv1d: {filters: %d, kernel: %d, padding: causal, dilation: %d}\n"
                    "      - layer_norm\n"
                    "      - relu\n",
                    (int)knob[TCN_WIDTH], (int)knob[TCN_KERNEL], dilation);
    if (knob[TCN_DROPOUT] > 0) snug_str_printf(s, "      - dropout: %g\n", knob[TCN_DROPOUT]);
}

/* The temporal convolutional network of Bai, Kolter and Koltun 2018, section 3, with layer in place
 * of weight normalisation: the last step sees 1 + 2 (kernel - 1) (2^levels - 1) steps. Without
 * either, the sums of residual blocks are so large at first that regression starts slowly. */
static snug_status write_tcn(const double *knob, snug_str *s)
{
    for (int i = 0; i < (int)knob[TCN_LEVELS]; i++) {
        snug_str_add(s, "- residual:\n"
                        "    body:\n");
        write_causal(knob, 1 << i, s);
        write_causal(knob, 1 << i, s);
        if (i == 0)
            snug_str_printf(s,
                            "    shortcut:\n"
                            "      - conv1d: {filters: %d, kernel: 1}\n",
                            (int)knob[TCN_WIDTH]);
        snug_str_add(s, "- relu\n");
    }
    snug_str_add(s, "- last_step\n"
                    "- linear: outputs\n");
    return SNUG_OK;
}

const snug_zoo_model snug_zoo_tcn = {
    .info = {"tcn", "temporal convolutional network: residual blocks of dilated convolutions that "
                    "see no later step"},
    .n_knobs = sizeof tcn_knobs / sizeof *tcn_knobs,
    .knobs = tcn_knobs,
    .write = write_tcn,
};
