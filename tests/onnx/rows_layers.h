/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX operators that are layers: convolution, pooling, normalisation, recurrence, attention,
 * losses. Images are turned to [N, H, W, C] and back, weights to Snug's order. */
#ifndef TESTS_ONNX_ROWS_LAYERS_H
#define TESTS_ONNX_ROWS_LAYERS_H

#include "onnx/rows_shape.h"

/* ---- windows ----------------------------------------------------------------------------------
 */

/* A window of two axes; of one, the first is of length 1. */
typedef struct window {
    int64_t kernel[2], stride[2], dilation[2], before[2], after[2];
} window;

static bool window_of(build *b, const onnx_node *n, const snug_value *x, const int64_t *kernel,
                      window *w)
{
    int spatial = x ? shape_of(x)->n_dims - 2 : 0, first = 2 - spatial;
    const char *pad = attr_text(n, "auto_pad", "NOTSET");
    if (spatial != 1 && spatial != 2) return build_no(b, "%d spatial axes", spatial);
    *w = (window){{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    for (int i = first; i < 2; i++) {
        int at = i - first;
        w->kernel[i] = kernel ? kernel[at] : attr_at(n, "kernel_shape", at, 1);
        w->stride[i] = attr_at(n, "strides", at, 1);
        w->dilation[i] = attr_at(n, "dilations", at, 1);
        w->before[i] = attr_at(n, "pads", at, 0);
        w->after[i] = attr_at(n, "pads", at + spatial, 0);
        if (strncmp(pad, "SAME", 4) != 0) continue;
        int64_t in = shape_of(x)->dim[2 + at], out = (in + w->stride[i] - 1) / w->stride[i];
        int64_t need = (out - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] + 1 - in;
        int64_t less = need > 0 ? need / 2 : 0, more = need > 0 ? need - less : 0;
        bool upper = strcmp(pad, "SAME_UPPER") == 0;
        w->before[i] = upper ? less : more, w->after[i] = upper ? more : less;
    }
    return true;
}

/* Images of one spatial axis as such of two, and back to what the node gives. */
static snug_value *image_in(build *b, snug_value *x)
{
    return channels_last(b, as_image(b, x));
}

static snug_value *image_out(build *b, snug_value *y, int n_dims)
{
    y = channels_first(b, y);
    return n_dims == 3 ? as_line(b, y) : y;
}

/* [O, C, KH, KW] as [KH, KW, C, O]. */
static snug_value *kernel_in(build *b, snug_value *w)
{
    w = as_image(b, w);
    return w ? turned(b, w, (int[]){2, 3, 1, 0}) : NULL;
}

static snug_value *convolved(build *b, const onnx_node *n, snug_value *x, snug_value *weight,
                             snug_value *bias)
{
    window w;
    char text[240];
    if (!x || !weight || !window_of(b, n, x, shape_of(weight)->dim + 2, &w)) return NULL;
    snprintf(text, sizeof text,
             "stride_h=%d,stride_w=%d,dilation_h=%d,dilation_w=%d,pad_top=%d,pad_bottom=%d,"
             "pad_left=%d,pad_right=%d,groups=%d",
             (int)w.stride[0], (int)w.stride[1], (int)w.dilation[0], (int)w.dilation[1],
             (int)w.before[0], (int)w.after[0], (int)w.before[1], (int)w.after[1],
             (int)attr_int(n, "group", 1));
    snug_value *in[] = {image_in(b, x), kernel_in(b, weight), bias};
    return image_out(b, node(b, "conv2d", text, bias ? 3 : 2, in), shape_of(x)->n_dims);
}

static bool row_conv(build *b, const onnx_node *n, const char *arg)
{
    (void)arg;
    return build_out(b, n, 0, convolved(b, n, IN(0), IN(1), build_has(n, 2) ? IN(2) : NULL));
}

/* x's size follows from y's. SAME pads so that y is x's size times the stride. */
static bool row_conv_transpose(build *b, const onnx_node *n, const char *arg)
{
    window w;
    char text[240];
    int64_t out[2];
    snug_value *x = IN(0), *weight = IN(1);
    if (!x || !weight || !window_of(b, n, x, shape_of(weight)->dim + 2, &w))
        return build_out(b, n, 0, NULL);
    if (shape_of(x)->n_dims != 4 || build_attr(n, "output_shape"))
        return build_no(b, "one spatial axis, or a given shape");
    for (int i = 0; i < 2; i++) {
        int64_t in = shape_of(x)->dim[2 + i], more = attr_at(n, "output_padding", i, 0);
        int64_t full = (in - 1) * w.stride[i] + w.dilation[i] * (w.kernel[i] - 1) + 1 + more;
        if (strcmp(attr_text(n, "auto_pad", "NOTSET"), "SAME_UPPER") == 0) {
            int64_t pad = full - in * w.stride[i];
            w.before[i] = pad / 2, w.after[i] = pad - pad / 2;
        }
        out[i] = full - w.before[i] - w.after[i];
    }
    snprintf(text, sizeof text,
             "stride_h=%d,stride_w=%d,dilation_h=%d,dilation_w=%d,pad_top=%d,pad_bottom=%d,"
             "pad_left=%d,pad_right=%d,groups=%d,in_h=%d,in_w=%d",
             (int)w.stride[0], (int)w.stride[1], (int)w.dilation[0], (int)w.dilation[1],
             (int)w.before[0], (int)w.after[0], (int)w.before[1], (int)w.after[1],
             (int)attr_int(n, "group", 1), (int)out[0], (int)out[1]);
    snug_value *y = node(b, arg, text, 2, (snug_value *[]){image_in(b, x), kernel_in(b, weight)});
    if (build_has(n, 2)) y = node2(b, "add", y, IN(2));
    return build_out(b, n, 0, y ? image_out(b, y, 4) : NULL);
}

static bool row_qlinear_conv(build *b, const onnx_node *n, const char *arg)
{
    (void)arg;
    if (build_has(n, 8)) return build_no(b, "a bias of integers");
    return requantized(b, n, 6,
                       convolved(b, n, dequantized(b, n, 0, -1), dequantized(b, n, 3, 0), NULL));
}

/* Padding is a pad of the least number before a pool without padding. */
static bool row_max_pool(build *b, const onnx_node *n, const char *arg)
{
    window w;
    char text[128];
    snug_value *x = IN(0);
    if (!x || !window_of(b, n, x, NULL, &w)) return build_out(b, n, 0, NULL);
    if (w.dilation[0] * w.dilation[1] != 1 || attr_int(n, "ceil_mode", 0))
        return build_no(b, "dilated windows and windows that do not fit");
    if (w.kernel[0] * w.kernel[1] > 255) return build_no(b, "windows of more than 255 places");
    snug_value *y = image_in(b, x);
    snug_pad_attrs pad = {.value = -3e38};
    for (int i = 0; i < 2; i++) pad.before[1 + i] = w.before[i], pad.after[1 + i] = w.after[i];
    if (w.before[0] + w.before[1] + w.after[0] + w.after[1] > 0)
        y = snug_apply(b->g, &snug_op_pad, NULL, &pad, 1, &y);
    snprintf(text, sizeof text, "kernel_h=%d,kernel_w=%d,stride_h=%d,stride_w=%d", (int)w.kernel[0],
             (int)w.kernel[1], (int)w.stride[0], (int)w.stride[1]);
    return build_out(b, n, 0, image_out(b, node1(b, arg, text, y), shape_of(x)->n_dims));
}

/* Means of windows; count_include_pad: zeros around count. */
static snug_value *mean_pooled(build *b, const onnx_node *n, snug_value *x, bool count_pad)
{
    window w;
    char text[200];
    if (!x || !window_of(b, n, x, NULL, &w)) return NULL;
    if (w.dilation[0] * w.dilation[1] != 1 || attr_int(n, "ceil_mode", 0)) {
        build_no(b, "dilated windows and windows that do not fit");
        return NULL;
    }
    snprintf(text, sizeof text,
             "kernel_h=%d,kernel_w=%d,stride_h=%d,stride_w=%d,pad_top=%d,pad_bottom=%d,"
             "pad_left=%d,pad_right=%d,count_pad=%d",
             (int)w.kernel[0], (int)w.kernel[1], (int)w.stride[0], (int)w.stride[1],
             (int)w.before[0], (int)w.after[0], (int)w.before[1], (int)w.after[1], count_pad);
    snug_value *y = node1(b, "avg_pool2d", text, image_in(b, x));
    return y ? image_out(b, y, shape_of(x)->n_dims) : NULL;
}

static bool row_avg_pool(build *b, const onnx_node *n, const char *arg)
{
    (void)arg;
    return build_out(b, n, 0, mean_pooled(b, n, IN(0), attr_int(n, "count_include_pad", 0)));
}

/* The root of the sum of powers: the mean of powers times how many a window has. */
static bool row_lp_pool(build *b, const onnx_node *n, const char *arg)
{
    double p = (double)attr_int(n, "p", 2), places = 1;
    const onnx_attr *kernel = build_attr(n, "kernel_shape");
    for (int i = 0; kernel && i < kernel->n_ints; i++) places *= (double)kernel->ints[i];
    snug_value *powers = node_with(b, arg, node1(b, "abs", NULL, IN(0)), p);
    snug_value *sum = node_with(b, "mul", mean_pooled(b, n, powers, true), places);
    return build_out(b, n, 0, node_with(b, arg, sum, 1 / p));
}

/* All places but the first two axes. */
static bool row_global_pool(build *b, const onnx_node *n, const char *arg)
{
    char text[48];
    snug_value *x = IN(0);
    int n_dims = x ? shape_of(x)->n_dims : 0;
    snprintf(text, sizeof text, "axes=%d,keep_dims=1", (1 << n_dims) - 4);
    return build_out(b, n, 0, node1(b, arg, text, x));
}

/* Whether ONNX's nearest element of each output one is floor(i * in / out). */
static bool takes_floor(const onnx_node *n, int64_t in, int64_t out, bool asymmetric)
{
    if (strcmp(attr_text(n, "nearest_mode", "round_prefer_floor"), "round_prefer_floor") != 0)
        return false;
    for (int64_t i = 0; i < out && !asymmetric; i++) {
        double at = ((double)i + 0.5) * (double)in / (double)out - 0.5, low = floor(at);
        double near = at - low > 0.5 ? low + 1 : low;
        if ((int64_t)(near < 0 ? 0 : near) != i * in / out) return false;
    }
    return true;
}

/* Lengths of height and width from sizes or scales, of all axes or those named. */
static bool resized(build *b, const onnx_node *n, const snug_value *x, int64_t out[2])
{
    bool old = strcmp(n->op, "Upsample") == 0;
    const onnx_tensor *scales = build_data(b, n, old ? 1 : 2), *sizes = build_data(b, n, 3);
    const onnx_attr *axes = build_attr(n, "axes");
    const onnx_tensor *given = sizes ? sizes : scales;
    if (!x || !given || shape_of(x)->n_dims != 4) return build_no(b, "other than images");
    if (build_attr(n, "keep_aspect_ratio_policy")) return build_no(b, "a policy of aspects");
    if (attr_int(n, "antialias", 0)) return build_no(b, "antialiasing");
    for (int i = 0; i < 2; i++) out[i] = shape_of(x)->dim[2 + i];
    for (int64_t i = 0; i < given->n; i++) {
        int64_t axis = axes ? axes->ints[i] : i;
        double length = sizes ? given->v[i] : given->v[i] * (double)shape_of(x)->dim[axis];
        if (axis < 2 && length != (double)shape_of(x)->dim[axis]) return build_no(b, "channels");
        if (axis >= 2) out[axis - 2] = (int64_t)length;
        if (axis >= 2 && length != floor(length)) return build_no(b, "fractions of pixels");
    }
    return true;
}

static bool row_resize(build *b, const onnx_node *n, const char *arg)
{
    char text[96];
    int64_t out[2];
    snug_value *x = IN(0);
    const char *mode = attr_text(n, "mode", "nearest");
    const char *where = attr_text(n, "coordinate_transformation_mode", "half_pixel");
    bool nearest = strcmp(mode, "nearest") == 0, corners = strcmp(where, "align_corners") == 0;
    if (!resized(b, n, x, out)) return false;
    if (!nearest && strcmp(mode, "linear") != 0) return build_no(b, "cubic interpolation");
    if (!corners && strcmp(where, "half_pixel") != 0) return build_no(b, "%s", where);
    for (int i = 0; i < 2 && nearest; i++)
        if (corners ||
            !takes_floor(n, shape_of(x)->dim[2 + i], out[i], strcmp(n->op, "Upsample") == 0))
            return build_no(b, "other nearest elements");
    snprintf(text, sizeof text, "out_h=%d,out_w=%d,mode=%s,corners=%d", (int)out[0], (int)out[1],
             nearest ? "nearest" : "bilinear", corners);
    return build_out(b, n, 0, channels_first(b, node1(b, arg, text, channels_last(b, x))));
}

/* ---- normalisation ----------------------------------------------------------------------------
 */

static bool row_batch_norm(build *b, const onnx_node *n, const char *arg)
{
    char text[64];
    (void)arg;
    double momentum = 1 - attr_float(n, "momentum", 0.9);
    snug_value *x = IN(0), *in[5] = {channels_last(b, x)}, *out[SNUG_MAX_OUT];
    for (int i = 1; i < 5; i++) in[i] = IN(i);
    if (!x || !in[4]) return build_out(b, n, 0, NULL);
    snprintf(text, sizeof text, "epsilon=%.9g,momentum=%.9g", attr_float(n, "epsilon", 1e-5),
             momentum);
    if (!attr_int(n, "training_mode", 0))
        return build_out(b, n, 0, channels_first(b, node(b, "batch_norm_inference", text, 5, in)));
    if (snug_apply_named_all(b->g, "batch_norm", text, 5, in, out) != SNUG_OK) return true;
    /* ONNX moves the variance towards the biased one, Snug towards the unbiased */
    double rows = (double)snug_shape_elements(shape_of(x)) / (double)shape_of(x)->dim[1];
    double share = (rows - 1) / rows;
    snug_value *var = node2(b, "add", node_with(b, "mul", out[4], share),
                            node_with(b, "mul", in[4], (1 - momentum) * (1 - share)));
    return build_out(b, n, 0, channels_first(b, out[0])) && build_out(b, n, 1, out[3]) &&
           build_out(b, n, 2, var);
}

static bool row_group_norm(build *b, const onnx_node *n, const char *arg)
{
    char text[64];
    snprintf(text, sizeof text, "groups=%d,epsilon=%.9g", (int)attr_int(n, "num_groups", 0),
             attr_float(n, "epsilon", 1e-5));
    snug_value *in[] = {channels_last(b, IN(0)), IN(1), IN(2)};
    return build_out(b, n, 0, channels_first(b, node(b, arg, text, 3, in)));
}

/* Over the axes from `axis` on, as rows of one axis; statistics keep them with length 1. */
static bool row_layer_norm(build *b, const onnx_node *n, const char *arg)
{
    char text[48];
    snug_value *x = IN(0), *out[SNUG_MAX_OUT], *in[3];
    int64_t axis = attr_int(n, "axis", -1), dim[2] = {1, 1}, kept[SNUG_MAX_DIMS];
    if (!x) return build_out(b, n, 0, NULL);
    int n_dims = shape_of(x)->n_dims, n_in = n->n_in > 2 && build_has(n, 2) ? 3 : 2;
    if (axis < 0) axis += n_dims;
    for (int d = 0; d < n_dims; d++) {
        dim[d >= axis] *= shape_of(x)->dim[d];
        kept[d] = d < axis ? shape_of(x)->dim[d] : 1;
    }
    in[0] = reshaped(b, x, 2, dim);
    for (int i = 1; i < n_in; i++) in[i] = reshaped(b, IN(i), 1, dim + 1);
    snprintf(text, sizeof text, "epsilon=%.9g", attr_float(n, "epsilon", 1e-5));
    if (!in[n_in - 1]) return build_out(b, n, 0, NULL);
    if (snug_apply_named_all(b->g, arg, text, n_in, in, out) != SNUG_OK) return true;
    bool done = build_out(b, n, 0, reshaped(b, out[0], n_dims, shape_of(x)->dim));
    for (int o = 1; o < n->n_out && done; o++)
        done = build_out(b, n, o, reshaped(b, out[o], n_dims, kept));
    return done;
}

/* ---- recurrence -------------------------------------------------------------------------------
 */

/* Gates of ONNX's order, as parts of `size` along `axis`, in Snug's. */
static snug_value *gates(build *b, snug_value *x, int axis, const char *order)
{
    snug_value *part[4], *in[4];
    int n = (int)strlen(order);
    if (!x || n == 1) return x;
    snug_split_equal(b->g, x, axis, n, part);
    for (int i = 0; i < n; i++) in[i] = part[order[i] - '0'];
    return snug_concat(b->g, n, in, axis);
}

/* W or R [1, G * H, I] as [I, G * H]; a bias [1, 2 G H] as its halves' sum [G * H]. */
static snug_value *recurrent_weight(build *b, snug_value *w, const char *order)
{
    if (!w) return NULL;
    const int64_t *d = shape_of(w)->dim;
    w = turned(b, reshaped(b, w, 2, (int64_t[]){d[1], d[2]}), (int[]){1, 0});
    return gates(b, w, 1, order);
}

static snug_value *recurrent_bias(build *b, snug_value *bias, const char *order)
{
    snug_value *half[2];
    if (!bias) return NULL;
    int64_t size = shape_of(bias)->dim[1] / 2;
    snug_split_equal(b->g, bias, 1, 2, half);
    return gates(b, reshaped(b, node2(b, "add", half[0], half[1]), 1, &size), 0, order);
}

static bool recurrent_covered(build *b, const onnx_node *n)
{
    if (strcmp(attr_text(n, "direction", "forward"), "forward") != 0)
        return build_no(b, "other directions");
    if (build_attr(n, "activations")) return build_no(b, "other activations");
    if (build_has(n, 7)) return build_no(b, "peepholes");
    if (build_has(n, 4)) return build_no(b, "lengths");
    if (build_has(n, 5) || build_has(n, 6)) return build_no(b, "an initial state");
    bool reset_after = attr_int(n, "linear_before_reset", 0) != 0;
    return strcmp(n->op, "GRU") != 0 || reset_after ||
           build_no(b, "a reset gate before the product");
}

/* arg: Snug's operator and the order of gates. */
static bool row_recurrent(build *b, const onnx_node *n, const char *arg)
{
    char op[16], order[8];
    snug_value *x = IN(0), *out[SNUG_MAX_OUT];
    if (!x || sscanf(arg, "%15s %7s", op, order) != 2) return build_out(b, n, 0, NULL);
    if (!recurrent_covered(b, n)) return false;
    bool batch_first = attr_int(n, "layout", 0) != 0;
    if (!batch_first) x = turned(b, x, (int[]){1, 0, 2});
    const int64_t *d = shape_of(x)->dim, hidden = attr_int(n, "hidden_size", 1);
    snug_value *z = node2(b, "matmul", x, recurrent_weight(b, IN(1), order));
    if (build_has(n, 3)) z = node2(b, "add", z, recurrent_bias(b, IN(3), order));
    snug_value *in[] = {z, recurrent_weight(b, IN(2), order)};
    if (!in[0] || !in[1]) return build_out(b, n, 0, NULL);
    if (snug_apply_named_all(b->g, op, NULL, 2, in, out) != SNUG_OK) return true;
    snug_value *y = out[0], *h = out[1];
    if (!batch_first) y = turned(b, y, (int[]){1, 0, 2});
    y = reshaped(b, y, 4,
                 batch_first ? (int64_t[]){d[0], d[1], 1, hidden}
                             : (int64_t[]){d[1], 1, d[0], hidden});
    h = reshaped(b, h, 3,
                 batch_first ? (int64_t[]){d[0], 1, hidden} : (int64_t[]){1, d[0], hidden});
    return build_out(b, n, 0, y) && build_out(b, n, 1, h);
}

/* ---- attention --------------------------------------------------------------------------------
 */

/* [N, H, T, D] as [N, T, H * D]. */
static snug_value *heads_in(build *b, snug_value *x)
{
    if (!x || shape_of(x)->n_dims != 4) return x;
    const int64_t *d = shape_of(x)->dim;
    x = turned(b, x, (int[]){0, 2, 1, 3});
    return reshaped(b, x, 3, (int64_t[]){d[0], d[2], d[1] * d[3]});
}

static bool row_attention(build *b, const onnx_node *n, const char *arg)
{
    char text[96];
    snug_value *q = IN(0), *k = IN(1), *v = IN(2);
    for (int i = 3; i < n->n_in; i++)
        if (build_has(n, i)) return build_no(b, "masks and caches");
    if (n->n_out > 1 || attr_float(n, "softcap", 0) != 0)
        return build_no(b, "stored scores and caps");
    if (!q || !k || !v) return build_out(b, n, 0, NULL);
    bool apart = shape_of(q)->n_dims == 4;
    int64_t heads = apart ? shape_of(q)->dim[1] : attr_int(n, "q_num_heads", 1);
    int64_t kv = apart ? shape_of(k)->dim[1] : attr_int(n, "kv_num_heads", 1);
    if (snug_shape_elements(shape_of(k)) != snug_shape_elements(shape_of(v)))
        return build_no(b, "values of another width than the keys");
    snprintf(text, sizeof text, "heads=%d,kv_heads=%d,causal=%d,scale=%.9g", (int)heads, (int)kv,
             (int)attr_int(n, "is_causal", 0), attr_float(n, "scale", 0));
    snug_value *y =
        node(b, arg, text, 3, (snug_value *[]){heads_in(b, q), heads_in(b, k), heads_in(b, v)});
    if (!apart || !y) return build_out(b, n, 0, y);
    const int64_t *d = shape_of(q)->dim;
    y = reshaped(b, y, 4, (int64_t[]){d[0], d[2], d[1], d[3]});
    return build_out(b, n, 0, turned(b, y, (int[]){0, 2, 1, 3}));
}

/* ---- losses -----------------------------------------------------------------------------------
 */

/* Scores [N, C, ..] and labels [N, ..] as rows [N * P, C] and [N * P]. */
typedef struct scored {
    snug_value *rows, *labels;
    int64_t n, classes, places, n_labels;
    double total;   /* weights of the labels that count */
    double *weight; /* one a label */
} scored;

static bool scored_of(build *b, const onnx_node *n, scored *s)
{
    const onnx_tensor *x = build_data(b, n, 0), *l = build_data(b, n, 1), *w = build_data(b, n, 2);
    if (!x || !l) return build_no(b, "scores that are not known");
    int64_t ignored = attr_int(n, "ignore_index", INT64_MIN), classes = x->dim[1];
    int64_t places = x->n / x->dim[0] / classes;
    *s = (scored){.n = x->dim[0], .classes = classes, .places = places, .n_labels = l->n};
    for (int64_t i = 0; i < l->n; i++) {
        bool counts = l->v[i] != (double)ignored && l->v[i] >= 0 && l->v[i] < (double)classes;
        if (!counts) l->v[i] = -1;
        s->total += !counts ? 0 : w ? w->v[(int64_t)l->v[i]] : 1;
    }
    snug_value *scores = build_given(b, x, SNUG_F32, 3, (int64_t[]){s->n, classes, places});
    s->rows = reshaped(b, turned(b, scores, (int[]){0, 2, 1}), 2, (int64_t[]){l->n, classes});
    s->labels = build_given(b, l, SNUG_I32, 1, &l->n);
    return true;
}

/* -w[label] log p[label] of each row, [rows]. */
static snug_value *row_losses(build *b, const onnx_node *n, const scored *s, snug_value *log_p)
{
    snug_value *column = reshaped(b, s->labels, 2, (int64_t[]){s->n_labels, 1});
    snug_value *y = node(b, "gather_elements", "axis=1", 2, (snug_value *[]){log_p, column});
    y = node1(b, "neg", NULL, reshaped(b, y, 1, &s->n_labels));
    if (!build_has(n, 2)) return y;
    return node2(b, "mul", y, node(b, "gather", NULL, 2, (snug_value *[]){IN(2), s->labels}));
}

static bool reduced_loss(build *b, const onnx_node *n, const scored *s, snug_value *losses)
{
    const char *how = attr_text(n, "reduction", "mean");
    const onnx_tensor *l = build_data(b, n, 1);
    if (strcmp(how, "none") == 0) return build_out(b, n, 0, reshaped(b, losses, l->n_dims, l->dim));
    snug_value *sum = node1(b, "reduce_sum", NULL, losses);
    return build_out(b, n, 0, strcmp(how, "sum") == 0 ? sum : node_with(b, "div", sum, s->total));
}

static bool row_nll(build *b, const onnx_node *n, const char *arg)
{
    scored s;
    (void)arg;
    return scored_of(b, n, &s) && reduced_loss(b, n, &s, row_losses(b, n, &s, s.rows));
}

/* The operator that training uses gives the mean; the others come from log_softmax. */
static bool row_cross_entropy(build *b, const onnx_node *n, const char *arg)
{
    scored s;
    if (!scored_of(b, n, &s)) return false;
    snug_value *log_p = node1(b, "log_softmax", NULL, s.rows);
    if (n->n_out > 1) {
        const onnx_tensor *x = build_data(b, n, 0);
        snug_value *y = reshaped(b, log_p, 3, (int64_t[]){s.n, s.places, s.classes});
        y = reshaped(b, turned(b, y, (int[]){0, 2, 1}), x->n_dims, x->dim);
        if (!build_out(b, n, 1, y)) return false;
    }
    if (strcmp(attr_text(n, "reduction", "mean"), "mean") != 0)
        return reduced_loss(b, n, &s, row_losses(b, n, &s, log_p));
    snug_value *in[4] = {s.rows, s.labels, IN(2), build_scalar(b, s.rows, s.total)};
    if (!build_has(n, 2)) in[2] = in[3];
    return build_out(b, n, 0, node(b, arg, NULL, build_has(n, 2) ? 4 : 3, in));
}

static const build_row rows_layers[] = {
    {"Conv", row_conv, NULL},
    {"QLinearConv", row_qlinear_conv, NULL},
    {"ConvTranspose", row_conv_transpose, "conv_transpose2d"},
    {"AveragePool", row_avg_pool, NULL},
    {"LpPool", row_lp_pool, "pow"},
    {"MaxPool", row_max_pool, "max_pool2d"},
    {"Resize", row_resize, "resize2d"},
    {"Upsample", row_resize, "resize2d"},
    {"GlobalAveragePool", row_global_pool, "reduce_mean"},
    {"GlobalMaxPool", row_global_pool, "reduce_max"},
    {"BatchNormalization", row_batch_norm, NULL},
    {"InstanceNormalization", row_group_norm, "group_norm"},
    {"GroupNormalization", row_group_norm, "group_norm"},
    {"LayerNormalization", row_layer_norm, "layer_norm"},
    {"RMSNormalization", row_layer_norm, "rms_norm"},
    {"LSTM", row_recurrent, "lstm 0231"},
    {"GRU", row_recurrent, "gru 102"},
    {"RNN", row_recurrent, "rnn 0"},
    {"Attention", row_attention, "attention"},
    {"NegativeLogLikelihoodLoss", row_nll, NULL},
    {"SoftmaxCrossEntropyLoss", row_cross_entropy, "softmax_cross_entropy"},
    {NULL, NULL, NULL}};

#endif
