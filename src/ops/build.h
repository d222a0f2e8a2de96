/* SPDX-License-Identifier: Apache-2.0 */
/* What the builder functions of snug/graph.h share (build*.c): names of parameters, checks of a
 * layer's arguments. A builder returns NULL at once when an input is NULL: then the graph has
 * failed before, and keeps that error. */
#ifndef OPS_BUILD_H
#define OPS_BUILD_H

#include "graph/graph.h"
#include "ops/rules.h"

#include <stdio.h>

#define NAME_BYTES 256

/* "NAME.part" into buf. */
static inline const char *part_name(char buf[NAME_BYTES], const char *name, const char *part)
{
    snprintf(buf, NAME_BYTES, "%s.%s", name, part);
    return buf;
}

static inline snug_value *apply1(snug_graph *g, const snug_op *op, const void *attrs, snug_value *x)
{
    return g && x ? snug_apply(g, op, NULL, attrs, 1, &x) : NULL;
}

static inline snug_value *apply2(snug_graph *g, const snug_op *op, snug_value *a, snug_value *b)
{
    return g && a && b ? snug_apply(g, op, NULL, NULL, 2, (snug_value *[]){a, b}) : NULL;
}

/* The same under a name. */
static inline snug_value *apply_named(snug_graph *g, const snug_op *op, const char *name,
                                      snug_value *a, snug_value *b)
{
    return g && a && b ? snug_apply(g, op, name, NULL, 2, (snug_value *[]){a, b}) : NULL;
}

static inline snug_type fixed_type(snug_dtype dtype, int n_dims, const int64_t *dim)
{
    return (snug_type){.shape = snug_shape_make(n_dims, dim), .dtype = dtype};
}

/* NAME.part, one number for each of n channels. */
static inline snug_value *channel_param(snug_graph *g, const char *name, const char *part,
                                        snug_type type, snug_init_kind init)
{
    char buf[NAME_BYTES];
    return snug_param(g, part_name(buf, name, part), type, (snug_init){.kind = init});
}

/* A layer's arguments: an input of at least `n_dims` axes and a count that is positive. */
static inline snug_status check_layer(const snug_value *x, const char *name, int n_dims,
                                      int64_t count)
{
    char text[SNUG_SHAPE_TEXT];
    const snug_shape *s = &x->type.shape;
    CHECK(name && *name, SNUG_EINVAL, "a layer on '%s' needs a name", x->name);
    CHECK(s->n_dims >= n_dims, SNUG_ESHAPE, "'%s': the input '%s' is %s, but needs %d axes%s", name,
          x->name, snug_shape_text(s, text, sizeof text), n_dims, n_dims < 4 ? " or more" : "");
    CHECK(count >= 1 && count <= MAX_EXTENT, SNUG_EINVAL,
          "'%s': %" PRId64 " outputs of the input %s are not possible: give 1 or more", name, count,
          snug_shape_text(s, text, sizeof text));
    return SNUG_OK;
}

static inline bool layer_fits(snug_graph *g, const snug_value *x, const char *name, int n_dims,
                              int64_t count)
{
    if (!g || !x || g->failed) return false;
    snug_status s = check_layer(x, name, n_dims, count);
    if (s != SNUG_OK) snug_graph_fail(g, s);
    return s == SNUG_OK;
}

#endif
