/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX operators that move elements, reduce axes, look numbers up or quantize. */
#ifndef TESTS_ONNX_ROWS_SHAPE_H
#define TESTS_ONNX_ROWS_SHAPE_H

#include "onnx/rows_elementwise.h"

/* ---- other shapes -----------------------------------------------------------------------------
 */

static bool row_constant(build *b, const onnx_node *n, const char *arg)
{
    const onnx_attr *a = build_attr(n, "value");
    (void)arg;
    if (!a || !a->t.type) return build_no(b, "a constant of another kind");
    return build_add(b, n->out[0], &a->t, NULL);
}

static bool row_identity(build *b, const onnx_node *n, const char *arg)
{
    const onnx_tensor *training = build_data(b, n, 2);
    (void)arg;
    if (training && training->v[0] != 0) {
        const onnx_tensor *rate = build_data(b, n, 1);
        if (!rate || rate->v[0] != 0) return build_no(b, "masks of dropout are Snug's own");
    }
    if (n->n_out > 1) return build_no(b, "masks of dropout are Snug's own");
    snug_value *x = IN(0);
    return build_out(b, n, 0, x ? reshaped(b, x, shape_of(x)->n_dims, shape_of(x)->dim) : NULL);
}

static bool row_reshape(build *b, const onnx_node *n, const char *arg)
{
    int64_t list[ONNX_LIST], known = 1;
    snug_value *x = IN(0);
    int n_dims = build_list(b, n, "shape", 1, list);
    (void)arg;
    if (!x || n_dims < 0) return build_out(b, n, 0, NULL);
    for (int d = 0; d < n_dims; d++) {
        if (list[d] == 0) list[d] = shape_of(x)->dim[d];
        if (list[d] > 0) known *= list[d];
    }
    for (int d = 0; d < n_dims; d++)
        if (list[d] < 0) list[d] = snug_shape_elements(shape_of(x)) / known;
    return build_out(b, n, 0, reshaped(b, x, n_dims, list));
}

static bool row_flatten(build *b, const onnx_node *n, const char *arg)
{
    snug_value *x = IN(0);
    int64_t axis = attr_int(n, "axis", 1), dim[2] = {1, 1};
    (void)arg;
    if (!x) return build_out(b, n, 0, NULL);
    if (axis < 0) axis += shape_of(x)->n_dims;
    for (int d = 0; d < shape_of(x)->n_dims; d++) dim[d >= axis] *= shape_of(x)->dim[d];
    return build_out(b, n, 0, reshaped(b, x, 2, dim));
}

static bool listed(const int64_t *list, int n, int64_t d, int n_dims)
{
    for (int i = 0; i < n; i++)
        if (list[i] == d || list[i] + n_dims == d) return true;
    return false;
}

static bool row_squeeze(build *b, const onnx_node *n, const char *arg)
{
    int64_t list[ONNX_LIST], dim[SNUG_MAX_DIMS];
    snug_value *x = IN(0);
    int n_list = build_list(b, n, "axes", 1, list), n_dims = 0;
    (void)arg;
    if (!x) return build_out(b, n, 0, NULL);
    const snug_shape *s = shape_of(x);
    for (int d = 0; d < s->n_dims; d++)
        if (n_list < 0 ? s->dim[d] != 1 : !listed(list, n_list, d, s->n_dims))
            dim[n_dims++] = s->dim[d];
    return build_out(b, n, 0, reshaped(b, x, n_dims, dim));
}

static bool row_unsqueeze(build *b, const onnx_node *n, const char *arg)
{
    int64_t list[ONNX_LIST], dim[ONNX_LIST];
    snug_value *x = IN(0);
    int n_list = build_list(b, n, "axes", 1, list);
    (void)arg;
    if (!x || n_list < 0) return build_out(b, n, 0, NULL);
    int n_dims = shape_of(x)->n_dims + n_list;
    if (n_dims > SNUG_MAX_DIMS) return build_no(b, "%d axes", n_dims);
    for (int d = 0, from = 0; d < n_dims; d++)
        dim[d] = listed(list, n_list, d, n_dims) ? 1 : shape_of(x)->dim[from++];
    return build_out(b, n, 0, reshaped(b, x, n_dims, dim));
}

static bool row_transpose(build *b, const onnx_node *n, const char *arg)
{
    snug_value *x = IN(0);
    int perm[SNUG_MAX_DIMS];
    (void)arg;
    if (!x) return build_out(b, n, 0, NULL);
    for (int d = 0; d < shape_of(x)->n_dims; d++)
        perm[d] = (int)attr_at(n, "perm", d, shape_of(x)->n_dims - 1 - d);
    return build_out(b, n, 0, turned(b, x, perm));
}

/* Blocks of pixels to channels, or back: [N, b, b, C, H, W] and relatives, by reshape. */
static bool row_depth_to_space(build *b, const onnx_node *n, const char *arg)
{
    snug_value *x = IN(0);
    int64_t k = attr_int(n, "blocksize", 1);
    (void)arg;
    if (!x) return build_out(b, n, 0, NULL);
    const int64_t *d = shape_of(x)->dim, c = d[1] / (k * k), h = d[2], w = d[3];
    bool crd = strcmp(attr_text(n, "mode", "DCR"), "CRD") == 0;
    int64_t out[] = {d[0], c, h * k, w * k};
    snug_value *y = crd ? reshaped(b, x, 6, (int64_t[]){d[0], c, k, k, h, w})
                        : reshaped(b, x, 6, (int64_t[]){d[0], k, k, c, h, w});
    y = turned(b, y, crd ? (int[]){0, 1, 4, 2, 5, 3} : (int[]){0, 3, 4, 1, 5, 2});
    return build_out(b, n, 0, reshaped(b, y, 4, out));
}

static bool row_space_to_depth(build *b, const onnx_node *n, const char *arg)
{
    snug_value *x = IN(0);
    int64_t k = attr_int(n, "blocksize", 1);
    (void)arg;
    if (!x) return build_out(b, n, 0, NULL);
    const int64_t *d = shape_of(x)->dim, h = d[2] / k, w = d[3] / k;
    int64_t out[] = {d[0], d[1] * k * k, h, w};
    snug_value *y = reshaped(b, x, 6, (int64_t[]){d[0], d[1], h, k, w, k});
    y = turned(b, y, (int[]){0, 3, 5, 1, 2, 4});
    return build_out(b, n, 0, reshaped(b, y, 4, out));
}

/* ---- parts ------------------------------------------------------------------------------------
 */

static bool row_concat(build *b, const onnx_node *n, const char *arg)
{
    snug_value *in[SNUG_MAX_IN];
    char text[32];
    if (n->n_in > SNUG_MAX_IN) return build_no(b, "%d inputs", n->n_in);
    for (int i = 0; i < n->n_in; i++) in[i] = IN(i);
    snprintf(text, sizeof text, "axis=%d", (int)attr_int(n, "axis", 1));
    return build_out(b, n, 0, node(b, arg, text, n->n_in, in));
}

static bool row_split(build *b, const onnx_node *n, const char *arg)
{
    int64_t size[ONNX_LIST];
    snug_value *x = IN(0), *out[SNUG_MAX_OUT];
    snug_split_attrs a = {.axis = attr_int(n, "axis", 0), .n = n->n_out};
    int n_sizes = build_list(b, n, "split", 1, size);
    (void)arg;
    if (!x || a.n > SNUG_MAX_OUT) return build_no(b, x ? "%d parts" : "an empty input", n->n_out);
    int axis = (int)(a.axis < 0 ? a.axis + shape_of(x)->n_dims : a.axis);
    int64_t dim = shape_of(x)->dim[axis], each = (dim + a.n - 1) / a.n;
    for (int i = 0; i < n->n_out; i++) {
        int64_t left = dim - i * each;
        a.size[i] = n_sizes > 0 ? size[i] : left < each ? left : each;
    }
    if (snug_apply_all(b->g, &snug_op_split, NULL, &a, 1, &x, out) != SNUG_OK) return true;
    for (int i = 0; i < n->n_out; i++)
        if (!build_out(b, n, i, out[i])) return false;
    return true;
}

static bool row_slice(build *b, const onnx_node *n, const char *arg)
{
    int64_t start[ONNX_LIST], stop[ONNX_LIST], axes[ONNX_LIST], step[ONNX_LIST];
    const int64_t far = INT64_C(1) << 40;
    snug_slice_attrs a = {.start = {0}};
    snug_value *x = IN(0);
    int count = build_list(b, n, "starts", 1, start), ends = build_list(b, n, "ends", 2, stop);
    int n_axes = build_list(b, n, "axes", 3, axes), n_steps = build_list(b, n, "steps", 4, step);
    (void)arg;
    if (!x || count < 0 || ends != count) return build_out(b, n, 0, NULL);
    for (int i = 0; i < count; i++) {
        int64_t d = n_axes > 0 ? axes[i] : i;
        if (d < 0) d += shape_of(x)->n_dims;
        a.start[d] = start[i] < -far ? -far : start[i] > far ? far : start[i];
        a.stop[d] = stop[i] < -far ? -far : stop[i] > far ? far : stop[i];
        a.step[d] = n_steps > 0 ? step[i] : 1;
    }
    return build_out(b, n, 0, snug_apply(b->g, &snug_op_slice, NULL, &a, 1, &x));
}

static bool row_pad(build *b, const onnx_node *n, const char *arg)
{
    static const char *const modes[] = {"constant", "edge", "reflect", "wrap"};
    int64_t pads[ONNX_LIST];
    const onnx_tensor *value = build_data(b, n, 2);
    snug_pad_attrs a = {.value = value ? value->v[0] : attr_float(n, "value", 0)};
    snug_value *x = IN(0);
    int count = build_list(b, n, "pads", 1, pads);
    (void)arg;
    if (!x || count != 2 * shape_of(x)->n_dims) return build_out(b, n, 0, NULL);
    for (int m = 0; m < 4; m++)
        if (strcmp(attr_text(n, "mode", "constant"), modes[m]) == 0) a.mode = m;
    for (int d = 0; d < count / 2; d++) a.before[d] = pads[d], a.after[d] = pads[count / 2 + d];
    return build_out(b, n, 0, snug_apply(b->g, &snug_op_pad, NULL, &a, 1, &x));
}

static snug_value *tiled(build *b, snug_value *x, const int64_t *times)
{
    snug_tile_attrs a = {{0}};
    if (!x) return NULL;
    for (int d = 0; d < shape_of(x)->n_dims; d++) a.times[d] = times[d];
    return snug_apply(b->g, &snug_op_tile, NULL, &a, 1, &x);
}

static bool row_tile(build *b, const onnx_node *n, const char *arg)
{
    int64_t times[ONNX_LIST];
    (void)arg;
    if (build_list(b, n, "repeats", 1, times) < 0) return build_out(b, n, 0, NULL);
    return build_out(b, n, 0, tiled(b, IN(0), times));
}

static bool row_expand(build *b, const onnx_node *n, const char *arg)
{
    int64_t want[ONNX_LIST], dim[ONNX_LIST], times[ONNX_LIST];
    snug_value *x = IN(0);
    int n_want = build_list(b, n, "shape", 1, want);
    (void)arg;
    if (!x || n_want < 0) return build_out(b, n, 0, NULL);
    int own = shape_of(x)->n_dims, n_dims = own > n_want ? own : n_want;
    for (int d = 0; d < n_dims; d++) {
        int at = d - (n_dims - own), to = d - (n_dims - n_want);
        dim[d] = at < 0 ? 1 : shape_of(x)->dim[at];
        times[d] = to >= 0 && dim[d] == 1 ? want[to] : 1;
    }
    return build_out(b, n, 0, tiled(b, reshaped(b, x, n_dims, dim), times));
}

/* ---- numbers of places ------------------------------------------------------------------------
 */

static bool row_gather(build *b, const onnx_node *n, const char *arg)
{
    char text[32];
    snug_value *x = IN(0);
    int axis = (int)attr_int(n, "axis", 0);
    if (!x) return build_out(b, n, 0, NULL);
    int64_t dim = shape_of(x)->dim[axis < 0 ? axis + shape_of(x)->n_dims : axis];
    snprintf(text, sizeof text, "axis=%d", axis);
    return build_out(b, n, 0,
                     node(b, arg, text, 2, (snug_value *[]){x, build_indices(b, n, 1, dim)}));
}

static bool row_one_hot(build *b, const onnx_node *n, const char *arg)
{
    char text[96];
    const onnx_tensor *depth = build_data(b, n, 1), *values = build_data(b, n, 2);
    if (!depth || !values) return build_out(b, n, 0, NULL);
    snug_value *ids = build_indices(b, n, 0, (int64_t)depth->v[0]);
    snprintf(text, sizeof text, "depth=%d,on=%.9g,off=%.9g", (int)depth->v[0], values->v[1],
             values->v[0]);
    snug_value *y = node1(b, arg, text, ids);
    int64_t axis = attr_int(n, "axis", -1);
    if (!y) return build_out(b, n, 0, NULL);
    int last = shape_of(y)->n_dims - 1, perm[SNUG_MAX_DIMS];
    if (axis < 0) axis += last + 1;
    for (int d = 0; d <= last; d++) perm[d] = d < axis ? d : d == axis ? last : d - 1;
    return build_out(b, n, 0, turned(b, y, perm));
}

static bool row_arg(build *b, const onnx_node *n, const char *arg)
{
    char text[80];
    snprintf(text, sizeof text, "axis=%d,keep_dims=%d,last=%d,wide=1", (int)attr_int(n, "axis", 0),
             (int)attr_int(n, "keepdims", 1), (int)attr_int(n, "select_last_index", 0));
    return build_out(b, n, 0, node1(b, arg, text, IN(0)));
}

/* 1 at the first largest of an axis. */
static bool row_hardmax(build *b, const onnx_node *n, const char *arg)
{
    char text[48];
    snug_value *x = IN(0);
    int axis = (int)attr_int(n, "axis", b->opset < 13 ? 1 : -1);
    if (!x) return build_out(b, n, 0, NULL);
    int last = shape_of(x)->n_dims - 1, perm[SNUG_MAX_DIMS];
    if (axis < 0) axis += last + 1;
    snprintf(text, sizeof text, "axis=%d", axis);
    snug_value *at = node1(b, "argmax", text, x);
    snprintf(text, sizeof text, "depth=%d", (int)shape_of(x)->dim[axis]);
    for (int d = 0; d <= last; d++) perm[d] = d < axis ? d : d == axis ? last : d - 1;
    snug_value *y = node1(b, arg, text, at);
    return build_out(b, n, 0, y ? turned(b, y, perm) : NULL);
}

/* ---- along axes -------------------------------------------------------------------------------
 */

static bool row_softmax(build *b, const onnx_node *n, const char *arg)
{
    int axis = (int)attr_int(n, "axis", b->opset < 13 ? 1 : -1);
    snug_value *x = IN(0);
    bool log = strcmp(arg, "log_softmax") == 0;
    return build_out(b, n, 0, log ? snug_log_softmax(b->g, x, axis) : snug_softmax(b->g, x, axis));
}

static bool row_cumsum(build *b, const onnx_node *n, const char *arg)
{
    char text[64];
    const onnx_tensor *axis = build_data(b, n, 1);
    if (!axis) return build_out(b, n, 0, NULL);
    snprintf(text, sizeof text, "axis=%d,exclusive=%d,reverse=%d", (int)axis->v[0],
             (int)attr_int(n, "exclusive", 0), (int)attr_int(n, "reverse", 0));
    return build_out(b, n, 0, node1(b, arg, text, IN(0)));
}

/* "axes=A,keep_dims=K" of a node; false when it reduces nothing. */
static bool reduced_axes(build *b, const onnx_node *n, const snug_value *x, char text[64])
{
    int64_t list[ONNX_LIST], mask = 0;
    int count = build_list(b, n, "axes", 1, list);
    for (int i = 0; i < count; i++)
        mask |= INT64_C(1) << (list[i] < 0 ? list[i] + shape_of(x)->n_dims : list[i]);
    snprintf(text, 64, "axes=%d,keep_dims=%d", (int)mask, (int)attr_int(n, "keepdims", 1));
    return count > 0 || attr_int(n, "noop_with_empty_axes", 0) == 0;
}

/* arg: before, the reduction, after; - for none. */
static bool row_reduce(build *b, const onnx_node *n, const char *arg)
{
    char before[32], op[32], after[32], text[64];
    snug_value *x = IN(0);
    if (!x || sscanf(arg, "%31s %31s %31s", before, op, after) != 3)
        return build_out(b, n, 0, NULL);
    if (!reduced_axes(b, n, x, text)) return build_no(b, "a reduction over nothing");
    if (before[0] != '-') x = node1(b, before, NULL, x);
    x = node1(b, op, text, x);
    return build_out(b, n, 0, after[0] != '-' ? node1(b, after, NULL, x) : x);
}

static bool row_lp_normalization(build *b, const onnx_node *n, const char *arg)
{
    char text[48];
    snug_value *x = IN(0);
    int64_t p = attr_int(n, "p", 2), axis = attr_int(n, "axis", -1);
    if (!x) return build_out(b, n, 0, NULL);
    if (axis < 0) axis += shape_of(x)->n_dims;
    snprintf(text, sizeof text, "axes=%d,keep_dims=1", 1 << axis);
    snug_value *norm = node1(b, arg, text, node1(b, p == 1 ? "abs" : "square", NULL, x));
    if (p == 2) norm = node1(b, "sqrt", NULL, norm);
    /* nothing of norm 0 stays 0 */
    return build_out(b, n, 0, node2(b, "div", x, node_with(b, "maximum", norm, 1e-30)));
}

static bool row_mvn(build *b, const onnx_node *n, const char *arg)
{
    char text[48];
    snug_value *x = IN(0);
    int mask = 0;
    for (int i = 0; i < 3; i++) mask |= 1 << attr_at(n, "axes", i, i == 0 ? 0 : i + 1);
    snprintf(text, sizeof text, "axes=%d,keep_dims=1", mask);
    snug_value *mean = node1(b, "reduce_mean", text, x), *var = node1(b, arg, text, x);
    return build_out(b, n, 0,
                     node2(b, "div", node2(b, "sub", x, mean), node1(b, "sqrt", NULL, var)));
}

/* ---- quantization -----------------------------------------------------------------------------
 */

/* Scale i as f32 and the zero point behind it; one element alone is a scalar. */
static int scale_and_zero(build *b, const onnx_node *n, int i, snug_value *in[2])
{
    const onnx_tensor *scale = build_data(b, n, i), *zero = build_data(b, n, i + 1);
    if (!scale) return 0;
    int n_dims = scale->n == 1 ? 0 : scale->n_dims;
    in[0] = build_given(b, scale, SNUG_F32, n_dims, scale->dim);
    if (zero) in[1] = build_given(b, zero, SNUG_I32, n_dims, zero->dim);
    return zero ? 2 : 1;
}

static bool eight_bits(const onnx_tensor *t)
{
    return t && (t->type == 2 || t->type == 3);
}

static bool row_quantize(build *b, const onnx_node *n, const char *arg)
{
    char text[48];
    const onnx_tensor *zero = build_data(b, n, 2);
    if (build_has(n, 2) ? !eight_bits(zero) : attr_int(n, "output_dtype", 2) > 3)
        return build_no(b, "integers of other than 8 bits");
    if (attr_int(n, "block_size", 0) > 0) return build_no(b, "blocks of scales");
    snug_value *in[3] = {IN(0)};
    int count = scale_and_zero(b, n, 1, in + 1);
    snprintf(text, sizeof text, "axis=%d,is_unsigned=%d", (int)attr_int(n, "axis", 1),
             !zero || zero->type == 2);
    return build_out(b, n, 0, count ? node(b, arg, text, 1 + count, in) : NULL);
}

/* Input i and the scale and zero point behind it as real numbers. */
static snug_value *dequantized(build *b, const onnx_node *n, int i, int axis)
{
    char text[32];
    snug_value *in[3] = {build_in(b, n, i, false)};
    int count = scale_and_zero(b, n, i + 1, in + 1);
    snprintf(text, sizeof text, "axis=%d", axis);
    return count ? node(b, "dequantize", text, 1 + count, in) : NULL;
}

static bool row_dequantize(build *b, const onnx_node *n, const char *arg)
{
    const onnx_tensor *q = build_data(b, n, 0);
    (void)arg;
    if (!q || onnx_type_of(q->type)->is_float) return build_no(b, "8-bit floats with scales");
    return build_out(b, n, 0, dequantized(b, n, 0, (int)attr_int(n, "axis", 1)));
}

/* y, real, by the scale and zero point at input i. */
static bool requantized(build *b, const onnx_node *n, int i, snug_value *y)
{
    const onnx_tensor *zero = build_data(b, n, i + 1);
    snug_value *in[3] = {y};
    int count = scale_and_zero(b, n, i, in + 1);
    bool bytes = !zero || zero->type == 2;
    return build_out(
        b, n, 0, count ? node(b, "quantize", bytes ? "is_unsigned=1" : NULL, 1 + count, in) : NULL);
}

static bool row_qlinear_matmul(build *b, const onnx_node *n, const char *arg)
{
    (void)arg;
    return requantized(b, n, 6, products(b, dequantized(b, n, 0, -1), dequantized(b, n, 3, -1)));
}

static const build_row rows_shape[] = {{"Constant", row_constant, NULL},
                                       {"Identity", row_identity, NULL},
                                       {"Dropout", row_identity, NULL},
                                       {"Reshape", row_reshape, NULL},
                                       {"Flatten", row_flatten, NULL},
                                       {"Squeeze", row_squeeze, NULL},
                                       {"Unsqueeze", row_unsqueeze, NULL},
                                       {"Transpose", row_transpose, NULL},
                                       {"DepthToSpace", row_depth_to_space, NULL},
                                       {"SpaceToDepth", row_space_to_depth, NULL},
                                       {"Concat", row_concat, "concat"},
                                       {"Split", row_split, NULL},
                                       {"Slice", row_slice, NULL},
                                       {"Pad", row_pad, NULL},
                                       {"Tile", row_tile, NULL},
                                       {"Expand", row_expand, NULL},
                                       {"Gather", row_gather, "gather"},
                                       {"GatherElements", row_gather, "gather_elements"},
                                       {"OneHot", row_one_hot, "one_hot"},
                                       {"ArgMax", row_arg, "argmax"},
                                       {"ArgMin", row_arg, "argmin"},
                                       {"Hardmax", row_hardmax, "one_hot"},
                                       {"Softmax", row_softmax, "softmax"},
                                       {"LogSoftmax", row_softmax, "log_softmax"},
                                       {"CumSum", row_cumsum, "cumsum"},
                                       {"ReduceSum", row_reduce, "- reduce_sum -"},
                                       {"ReduceMean", row_reduce, "- reduce_mean -"},
                                       {"ReduceMax", row_reduce, "- reduce_max -"},
                                       {"ReduceMin", row_reduce, "- reduce_min -"},
                                       {"ReduceProd", row_reduce, "- reduce_prod -"},
                                       {"ReduceL1", row_reduce, "abs reduce_sum -"},
                                       {"ReduceL2", row_reduce, "square reduce_sum sqrt"},
                                       {"ReduceSumSquare", row_reduce, "square reduce_sum -"},
                                       {"ReduceLogSum", row_reduce, "- reduce_sum log"},
                                       {"ReduceLogSumExp", row_reduce, "exp reduce_sum log"},
                                       {"LpNormalization", row_lp_normalization, "reduce_sum"},
                                       {"MeanVarianceNormalization", row_mvn, "reduce_var"},
                                       {"QuantizeLinear", row_quantize, "quantize"},
                                       {"DequantizeLinear", row_dequantize, NULL},
                                       {"QLinearMatMul", row_qlinear_matmul, NULL},
                                       {NULL, NULL, NULL}};

#endif
