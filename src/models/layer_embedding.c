/* SPDX-License-Identifier: Apache-2.0 */
/* embedding and positions, which make vectors of tokens, and tied_linear, which makes scores of
 * tokens with the same table. */
#include "graph/graph.h"
#include "models/layer.h"

#include <stdio.h>

/* ---- embedding --------------------------------------------------------------------------------
 */

typedef struct embedding_attrs {
    int64_t width, rows; /* rows -1: as many as the model has outputs */
    double std;
} embedding_attrs;

static snug_value *build_embedding(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const embedding_attrs *a = attrs;
    if (snug_value_type(x).dtype != SNUG_I32)
        return snug_layer_refuse(b, x, "tokens (whole numbers)", "it belongs first, on text");
    const snug_embedding_config config = {
        .rows = a->rows < 0 ? b->outputs : a->rows, .width = a->width, .std = a->std};
    return snug_embedding(b->graph, x, &config, b->name);
}

static const snug_layer_key embedding_keys[] = {
    {"width", LAYER_INT, offsetof(embedding_attrs, width), 1, 1 << 20, NULL, NULL,
     "features of a token"},
    {"rows", LAYER_INT, offsetof(embedding_attrs, rows), 1, 1 << 24,
     (const char *const[]){"outputs", NULL}, "outputs",
     "tokens there are; `outputs`: as many as the model tells apart"},
    {"std", LAYER_FLOAT, offsetof(embedding_attrs, std), 0, 100, NULL, "0.02",
     "standard deviation of the first weights"},
    {0}};

const snug_layer_kind snug_layer_embedding = {
    .info.name = "embedding",
    .info.doc = "a learned vector for each token: [N, T] to [N, T, width]",
    .prefix = "embedding",
    .keys = embedding_keys,
    .attrs_bytes = sizeof(embedding_attrs),
    .build = build_embedding,
    .grows = snug_layer_grows_always,
};

/* ---- positions --------------------------------------------------------------------------------
 */

enum { AS_THERE_ARE = -1 };

typedef struct positions_attrs {
    int64_t rows;
    double std;
} positions_attrs;

static snug_value *build_positions(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const positions_attrs *a = attrs;
    if (snug_layer_rank(x) != 3)
        return snug_layer_refuse(b, x, "positions [N, T, features]",
                                 "it belongs behind `- embedding` or `- patches`");
    int64_t there = b->position ? b->context : 0;
    const snug_embedding_config config = {.rows = a->rows == AS_THERE_ARE ? there : a->rows,
                                          .std = a->std};
    if (b->position) return snug_positions_at(b->graph, x, &config, b->position, b->name);
    return snug_positions(b->graph, x, &config, b->name);
}

static const snug_layer_key positions_keys[] = {
    {"rows", LAYER_INT, offsetof(positions_attrs, rows), 1, 1 << 24,
     (const char *const[]){"positions", NULL}, "positions",
     "positions there are vectors for; `positions`: as many as the data has"},
    {"std", LAYER_FLOAT, offsetof(positions_attrs, std), 0, 100, NULL, "0.02",
     "standard deviation of the first weights"},
    {0}};

const snug_layer_kind snug_layer_positions = {
    .info.name = "positions",
    .info.doc = "add a learned vector to each position of [N, T, features]",
    .prefix = "positions",
    .keys = positions_keys,
    .attrs_bytes = sizeof(positions_attrs),
    .build = build_positions,
    .grows = snug_layer_grows_always,
};

/* ---- tied_linear ------------------------------------------------------------------------------
 */

typedef struct tied_attrs {
    const char *to;
} tied_attrs;

static snug_value *build_tied(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const tied_attrs *a = attrs;
    char name[128];
    snprintf(name, sizeof name, "%s.weight", a->to);
    snug_value *table = snug_graph_find_value(b->graph, name);
    if (table && table->role == SNUG_ROLE_PARAM) return snug_tied_linear(b->graph, x, table);
    snug_graph_fail(b->graph,
                    FAIL(SNUG_EINVAL,
                         "%s:%d: tied_linear: there is no layer '%s' with weights before it; "
                         "give the embedding's name, such as embedding1",
                         b->list, b->line, a->to));
    return NULL;
}

const snug_layer_kind snug_layer_tied_linear = {
    .info.name = "tied_linear",
    .info.doc = "scores with each row of an embedding's weights: [.., width] to [.., rows]",
    .keys = (const snug_layer_key[]){{"to", LAYER_NAME, offsetof(tied_attrs, to), 0, 0, NULL,
                                      "embedding1", "the layer whose weights these are too"},
                                     {0}},
    .attrs_bytes = sizeof(tied_attrs),
    .build = build_tied,
    .grows = snug_layer_grows_always,
};
