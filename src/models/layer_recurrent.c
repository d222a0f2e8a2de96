/* SPDX-License-Identifier: Apache-2.0 */
/* Recurrent layers on series [N, steps, channels]: lstm (Hochreiter and Schmidhuber 1997), gru (Cho
 * et al. 2014), rnn (Elman 1990). Samples may have lengths of their own. */
#include "models/layer.h"

typedef struct recurrent_attrs {
    int64_t units, layers, activation; /* activation: of rnn */
    double dropout;
    bool bidirectional, sequence;
} recurrent_attrs;

typedef snug_value *(*recurrent_builder)(snug_graph *g, snug_value *x,
                                         const snug_recurrent_config *config, const char *name,
                                         snug_value **last);

static snug_value *build(const snug_layer_build *b, const recurrent_attrs *a, snug_value *x,
                         recurrent_builder builder)
{
    if (snug_layer_rank(x) != 3)
        return snug_layer_refuse(b, x, "a series [N, steps, channels]",
                                 "put `- reshape: [steps, channels]` before it");
    snug_value *last = NULL;
    snug_recurrent_config config = {.units = a->units,
                                    .layers = (int)a->layers,
                                    .bidirectional = a->bidirectional,
                                    .relu = a->activation == 1,
                                    .dropout = a->dropout,
                                    .lengths = b->lengths};
    snug_value *all = builder(b->graph, x, &config, b->name, &last);
    return a->sequence ? all : last;
}

static snug_value *build_lstm(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    return build(b, attrs, x, snug_lstm);
}

static snug_value *build_gru(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    return build(b, attrs, x, snug_gru);
}

static snug_value *build_rnn(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    return build(b, attrs, x, snug_rnn);
}

static const char *const activation_words[] = {"tanh", "relu", NULL};

#define KEYS                                                                                       \
    {"units", LAYER_INT, offsetof(recurrent_attrs, units), 1, 1 << 16,                             \
     NULL,    NULL,      "numbers that its state has"},                                            \
        {"layers",                                                                                 \
         LAYER_INT,                                                                                \
         offsetof(recurrent_attrs, layers),                                                        \
         1,                                                                                        \
         64,                                                                                       \
         NULL,                                                                                     \
         "1",                                                                                      \
         "layers, each on the states of the one below"},                                           \
        {"bidirectional",                                                                          \
         LAYER_BOOL,                                                                               \
         offsetof(recurrent_attrs, bidirectional),                                                 \
         0,                                                                                        \
         0,                                                                                        \
         NULL,                                                                                     \
         "false",                                                                                  \
         "walk back too: twice the units"},                                                        \
        {"sequence",                                                                               \
         LAYER_BOOL,                                                                               \
         offsetof(recurrent_attrs, sequence),                                                      \
         0,                                                                                        \
         0,                                                                                        \
         NULL,                                                                                     \
         "true",                                                                                   \
         "give the states of all steps, [N, steps, units]; false: the last one alone, [N, "        \
         "units]"},                                                                                \
    {                                                                                              \
        "dropout", LAYER_FLOAT, offsetof(recurrent_attrs, dropout), 0, 0.95, NULL, "0",            \
            "share of values set to 0 between layers while training"                               \
    }

static const snug_layer_key gated_keys[] = {KEYS, {0}};
static const snug_layer_key rnn_keys[] = {KEYS,
                                          {"activation", LAYER_ENUM,
                                           offsetof(recurrent_attrs, activation), 0, 0,
                                           activation_words, "tanh", "tanh or relu"},
                                          {0}};

const snug_layer_kind snug_layer_lstm = {
    .info.name = "lstm",
    .info.doc = "long short-term memory over the steps of a series [N, steps, channels]",
    .prefix = "lstm",
    .keys = gated_keys,
    .attrs_bytes = sizeof(recurrent_attrs),
    .build = build_lstm,
};

const snug_layer_kind snug_layer_gru = {
    .info.name = "gru",
    .info.doc = "gated recurrent units over the steps of a series [N, steps, channels]",
    .prefix = "gru",
    .keys = gated_keys,
    .attrs_bytes = sizeof(recurrent_attrs),
    .build = build_gru,
};

const snug_layer_kind snug_layer_rnn = {
    .info.name = "rnn",
    .info.doc = "a plain recurrent layer over the steps of a series [N, steps, channels]",
    .prefix = "rnn",
    .keys = rnn_keys,
    .attrs_bytes = sizeof(recurrent_attrs),
    .build = build_rnn,
};
