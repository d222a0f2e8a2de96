/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the folder: what a layer is (one const descriptor) and how a list is held. */
#ifndef MODELS_LAYER_H
#define MODELS_LAYER_H

#include "base/str.h"
#include "models/layers.h"
#include <snug/recipe.h>

/* Kinds of keys and the fields they fill. */
typedef enum snug_layer_key_kind {
    LAYER_INT,   /* int64_t; words[i] is held as -1 - i */
    LAYER_ENUM,  /* int64_t: which of the words */
    LAYER_PAIR,  /* int64_t [2], height and width; one number stands for both */
    LAYER_FLOAT, /* double */
    LAYER_BOOL,  /* bool */
    LAYER_NAME,  /* const char *: the name of another layer */
    LAYER_DIMS,  /* snug_layer_dims */
    LAYER_LIST   /* snug_layer_seq: layers inside a layer */
} snug_layer_key_kind;

typedef struct snug_layer_dims {
    int n;
    int64_t dim[SNUG_MAX_DIMS - 1];
} snug_layer_dims;

/* One key of a layer. `initial` is the default as a recipe would write it; NULL: must be given. */
typedef struct snug_layer_key {
    const char *name;
    snug_layer_key_kind kind;
    size_t offset;
    double min, max;
    const char *const *words; /* of an INT: words allowed instead of a number, ends with NULL */
    const char *initial, *help;
} snug_layer_key;

/* The row of a key for the spread of first weights. */
#define LAYER_STD(type, field, what)                                                               \
    {                                                                                              \
#field, LAYER_FLOAT, offsetof(type, field), 0, 100, NULL, "0",                             \
            "standard deviation of the " what "; 0: by their number"                               \
    }

/* A key as snug_layer_key_get makes it; not to be copied: key.initial may be `number`. */
typedef struct snug_layer_key_at {
    snug_layer_key key;
    char number[SNUG_DOUBLE_TEXT];
} snug_layer_key_at;

/* What building one layer sees. */
typedef struct snug_layer_build {
    const char *list;     /* name of the list, for messages */
    int line;             /* of this layer */
    const char *kind;     /* of this layer */
    const char *name;     /* of this layer's parameters; NULL: it has none */
    int64_t outputs;      /* of the whole model, along its last axis */
    snug_value *lengths;  /* i32 [N], steps of each sample's series; NULL: all are whole */
    snug_value *position; /* i32 []: see snug_layers_use; NULL */
    int64_t context;
    snug_graph *graph; /* errors are sticky here */
} snug_layer_build;

/* A layer with a file of its own under models/, or an operator that says what it is as a layer:
 * then name, line and keys are the operator's, and nothing else here is set. */
typedef struct snug_layer_kind {
    snug_layer_info info;
    const snug_op *op;
    const char *prefix;         /* of automatic names: conv1, conv2, ...; NULL: nothing to name */
    const snug_layer_key *keys; /* ends with a NULL name; NULL: none. `- kind: value` is keys[0] */
    size_t attrs_bytes;
    snug_value *(*build)(const snug_layer_build *b, const void *attrs, snug_value *x);
    /* Whether it can be built for one position of a text that grows; NULL: no. An operator can when
     * it works element by element. */
    bool (*grows)(const void *attrs);
} snug_layer_kind;

bool snug_layer_grows_always(const void *attrs);

typedef struct snug_layer_seq {
    int n;
    struct snug_layer_node *layer;
} snug_layer_seq;

typedef struct snug_layer_node {
    const snug_layer_kind *kind;
    const char *name; /* NULL where kind->prefix is */
    void *attrs;      /* kind->attrs_bytes */
    int line;
} snug_layer_node;

struct snug_layer_list {
    snug_bump *bump; /* owns everything, the list itself apart */
    const char *name;
    snug_layer_seq seq;
    int holders;
};

#define SNUG_LAYER(id) extern const snug_layer_kind snug_layer_##id;
#include "models/layers.def"
#undef SNUG_LAYER

#define SNUG_MAX_LAYERS 4096 /* of a list, with those inside others */

const snug_layer_kind *snug_layer_kind_get(int i); /* NULL past the end */
const char *snug_layer_kind_doc(const snug_layer_kind *kind);
/* The i-th key of a layer; false past the end. */
bool snug_layer_key_get(const snug_layer_kind *kind, int i, snug_layer_key_at *out);

/* Read one layer from its place in a YAML list (layer_read.c); its name is as given, or NULL. */
snug_status snug_layer_read(const snug_layer_list *l, const snug_tree *item,
                            snug_layer_node *out) SNUG_MUST_USE;
/* Read a list of them. */
snug_status snug_layer_seq_read(const snug_layer_list *l, const snug_tree *items,
                                snug_layer_seq *out) SNUG_MUST_USE;

/* Build a list inside a layer. */
snug_value *snug_layer_seq_build(const snug_layer_build *b, const snug_layer_seq *seq,
                                 snug_value *x);
/* Make the error the graph's and return NULL. `need` says what the layer needs ("an image [N, H, W,
 * C]"), `advice` what to do. */
snug_value *snug_layer_refuse(const snug_layer_build *b, const snug_value *x, const char *need,
                              const char *advice);
/* The same of layers of images. */
snug_value *snug_layer_refuse_no_image(const snug_layer_build *b, const snug_value *x);
static inline int snug_layer_rank(const snug_value *x)
{
    return snug_value_type(x).shape.n_dims;
}

#endif
