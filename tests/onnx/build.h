/* SPDX-License-Identifier: Apache-2.0 */
/* Building a Snug graph from an ONNX node: values by ONNX name, data where it is known when
 * building (inputs of shape, axes and the like), attributes, and short forms for nodes. Whole
 * numbers that Snug's arithmetic does not have run as f64. */
#ifndef TESTS_ONNX_BUILD_H
#define TESTS_ONNX_BUILD_H

#include "graph/graph.h"
#include "onnx/model.h"
#include "ops/ops.h"
#include <math.h>
#include <stdarg.h>

enum { BUILD_VALUES = 64 };

typedef struct build_value {
    const char *name;        /* of ONNX */
    const onnx_tensor *data; /* NULL: computed */
    snug_value *v;           /* NULL: not asked for yet */
} build_value;

/* An input of the graph, and what to fill it with. */
typedef struct build_input {
    snug_value *v;
    double *data;
} build_input;

typedef struct build {
    snug_graph *g;
    int64_t opset;
    build_value value[BUILD_VALUES];
    build_input input[BUILD_VALUES];
    int n_values, n_inputs;
    char why[300]; /* it cannot be built */
} build;

/* Gives the reason why a node is not covered; false. */
static inline bool build_no(build *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(b->why, sizeof b->why, format, args);
    va_end(args);
    return false;
}

/* ---- values -----------------------------------------------------------------------------------
 */

static inline build_value *build_find(build *b, const char *name)
{
    for (int i = 0; i < b->n_values; i++)
        if (strcmp(b->value[i].name, name) == 0) return &b->value[i];
    return NULL;
}

static inline bool build_add(build *b, const char *name, const onnx_tensor *data, snug_value *v)
{
    if (b->n_values == BUILD_VALUES) return build_no(b, "too many values");
    b->value[b->n_values++] = (build_value){name, data, v};
    return true;
}

static inline bool build_has(const onnx_node *n, int i)
{
    return i < n->n_in && n->in[i][0] != 0;
}

/* What is known of input i when building; NULL: nothing. */
static inline const onnx_tensor *build_data(build *b, const onnx_node *n, int i)
{
    build_value *v = build_has(n, i) ? build_find(b, n->in[i]) : NULL;
    return v && v->data && v->data->type ? v->data : NULL;
}

/* A graph input of `dtype` with this data and shape. */
static inline snug_value *build_given(build *b, const onnx_tensor *t, snug_dtype dtype, int n_dims,
                                      const int64_t *dim)
{
    char name[ONNX_NAME + 16];
    if (n_dims > SNUG_MAX_DIMS || b->n_inputs == BUILD_VALUES) return NULL;
    for (int d = 0; d < n_dims; d++)
        if (dim[d] == 0) {
            build_no(b, "an empty axis, which Snug refuses");
            return NULL;
        }
    snprintf(name, sizeof name, "%s.%d", t->name[0] ? t->name : "in", b->n_inputs);
    snug_type type = {.shape = snug_shape_make(n_dims, dim), .dtype = dtype};
    snug_value *v = snug_input(b->g, name, type);
    b->input[b->n_inputs++] = (build_input){v, t->v};
    return v;
}

/* Input i as what it is, or, for arithmetic, as floating-point numbers; NULL with a reason. */
static inline snug_value *build_in(build *b, const onnx_node *n, int i, bool as_float)
{
    build_value *v = build_has(n, i) ? build_find(b, n->in[i]) : NULL;
    if (v && v->v) return v->v;
    if (!v || !v->data) return NULL;
    const onnx_type *type = onnx_type_of(v->data->type);
    if (!type) {
        build_no(b, "element type %d", v->data->type);
        return NULL;
    }
    if (!type->known && !as_float) {
        build_no(b, "element type %s", type->name);
        return NULL;
    }
    if (v->data->n_dims > SNUG_MAX_DIMS) {
        build_no(b, "%d axes", v->data->n_dims);
        return NULL;
    }
    snug_dtype dtype = as_float && !type->is_float ? SNUG_F64 : type->dtype;
    snug_value *made = build_given(b, v->data, dtype, v->data->n_dims, v->data->dim);
    if (as_float || type->is_float) v->v = made;
    return made;
}

#define IN(i) build_in(b, n, i, true)

/* Input i as what an update overwrites. */
static inline snug_value *build_persistent(build *b, const onnx_node *n, int i, bool param)
{
    const onnx_tensor *t = build_has(n, i) ? build_find(b, n->in[i])->data : NULL;
    if (!t || b->n_inputs == BUILD_VALUES) return NULL;
    snug_type type = {.shape = snug_shape_make(t->n_dims, t->dim), .dtype = SNUG_F32};
    snug_value *v = param ? snug_param(b->g, t->name, type, (snug_init){0})
                          : snug_state(b->g, t->name, type, (snug_init){0});
    b->input[b->n_inputs++] = (build_input){v, t->v};
    return v;
}

/* Input i, whole numbers, as i32; below 0 they count from `dim`. */
static inline snug_value *build_indices(build *b, const onnx_node *n, int i, int64_t dim)
{
    const onnx_tensor *t = build_data(b, n, i);
    if (!t) return NULL;
    for (int64_t e = 0; e < t->n; e++)
        if (t->v[e] < 0) t->v[e] += (double)dim;
    return build_given(b, t, SNUG_I32, t->n_dims, t->dim);
}

/* Output i of the node is v; false when there is none. What the graph refused is told by its check,
 * as a failure. */
static inline bool build_out(build *b, const onnx_node *n, int i, snug_value *v)
{
    if (!v && b->g->failed) return true;
    if (!v) return b->why[0] ? false : build_no(b, "an input is missing, or known too late");
    if (i >= n->n_out || !n->out[i][0]) return true;
    return build_add(b, n->out[i], NULL, v);
}

/* A scalar of v's type. */
static inline snug_value *build_scalar(build *b, const snug_value *v, double x)
{
    char bytes[16], name[32];
    if (!v) return NULL;
    snug_type t = {.dtype = v->type.dtype};
    snug_dtype_get(t.dtype)->store(bytes, 0, x);
    snprintf(name, sizeof name, "constant%d", b->g->n_values);
    return snug_constant(b->g, name, t, bytes);
}

/* ---- attributes -------------------------------------------------------------------------------
 */

static inline const onnx_attr *build_attr(const onnx_node *n, const char *name)
{
    for (int i = 0; i < n->n_attrs; i++)
        if (strcmp(n->attr[i].name, name) == 0) return &n->attr[i];
    return NULL;
}

static inline int64_t attr_int(const onnx_node *n, const char *name, int64_t otherwise)
{
    const onnx_attr *a = build_attr(n, name);
    return a ? a->i : otherwise;
}

static inline double attr_float(const onnx_node *n, const char *name, double otherwise)
{
    const onnx_attr *a = build_attr(n, name);
    return a ? a->f : otherwise;
}

static inline const char *attr_text(const onnx_node *n, const char *name, const char *otherwise)
{
    const onnx_attr *a = build_attr(n, name);
    return a ? a->s : otherwise;
}

/* Element i of a list, or `otherwise` when there is none. */
static inline int64_t attr_at(const onnx_node *n, const char *name, int i, int64_t otherwise)
{
    const onnx_attr *a = build_attr(n, name);
    return a && i < a->n_ints ? a->ints[i] : otherwise;
}

/* A list of whole numbers, an attribute or, in newer opsets, input i; -1: neither. */
static inline int build_list(build *b, const onnx_node *n, const char *name, int i,
                             int64_t list[ONNX_LIST])
{
    const onnx_attr *a = build_attr(n, name);
    const onnx_tensor *t = i >= 0 ? build_data(b, n, i) : NULL;
    if (!a && !t) return -1;
    int count = a ? a->n_ints : (int)(t->n < ONNX_LIST ? t->n : ONNX_LIST);
    for (int k = 0; k < count; k++) list[k] = a ? a->ints[k] : (int64_t)t->v[k];
    return count;
}

/* ---- nodes ------------------------------------------------------------------------------------
 */

/* An operator by name, its attributes as text. */
static inline snug_value *node(build *b, const char *op, const char *attrs, int n_in,
                               snug_value *const *in)
{
    for (int i = 0; i < n_in; i++)
        if (!in[i]) return NULL;
    return snug_apply_named(b->g, op, attrs, n_in, in);
}

static inline snug_value *node1(build *b, const char *op, const char *attrs, snug_value *x)
{
    return node(b, op, attrs, 1, &x);
}

static inline snug_value *node2(build *b, const char *op, snug_value *x, snug_value *y)
{
    return node(b, op, NULL, 2, (snug_value *[]){x, y});
}

/* x and a number. */
static inline snug_value *node_with(build *b, const char *op, snug_value *x, double c)
{
    return x ? node2(b, op, x, build_scalar(b, x, c)) : NULL;
}

static inline const snug_shape *shape_of(const snug_value *v)
{
    return &v->type.shape;
}

static inline snug_value *reshaped(build *b, snug_value *x, int n_dims, const int64_t *dim)
{
    if (!x) return NULL;
    if (n_dims > SNUG_MAX_DIMS) {
        build_no(b, "%d axes", n_dims);
        return NULL;
    }
    return snug_reshape(b->g, x, n_dims, dim);
}

static inline snug_value *turned(build *b, snug_value *x, const int *perm)
{
    return snug_transpose(b->g, x, perm);
}

/* Axis 1 to the end (images as Snug has them), and back. */
static inline snug_value *channels_last(build *b, snug_value *x)
{
    int perm[SNUG_MAX_DIMS] = {0}, last = x ? shape_of(x)->n_dims - 1 : 0;
    for (int d = 1; d < last; d++) perm[d] = d + 1;
    perm[last] = 1;
    return x && last > 1 ? turned(b, x, perm) : x;
}

static inline snug_value *channels_first(build *b, snug_value *x)
{
    int perm[SNUG_MAX_DIMS] = {0}, last = x ? shape_of(x)->n_dims - 1 : 0;
    for (int d = 2; d <= last; d++) perm[d] = d - 1;
    perm[1] = last;
    return x && last > 1 ? turned(b, x, perm) : x;
}

/* [N, C, L] as [N, C, 1, L]. */
static inline snug_value *as_image(build *b, snug_value *x)
{
    if (!x || shape_of(x)->n_dims != 3) return x;
    const int64_t *d = shape_of(x)->dim;
    return reshaped(b, x, 4, (int64_t[]){d[0], d[1], 1, d[2]});
}

static inline snug_value *as_line(build *b, snug_value *x)
{
    if (!x) return NULL;
    const int64_t *d = shape_of(x)->dim;
    return reshaped(b, x, 3, (int64_t[]){d[0], d[1], d[3]});
}

typedef bool (*build_fn)(build *b, const onnx_node *n, const char *arg);

/* How an ONNX operator is built; arg is passed on. */
typedef struct build_row {
    const char *op;
    build_fn fn;
    const char *arg;
} build_row;

#endif
