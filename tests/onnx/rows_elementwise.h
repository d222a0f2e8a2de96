/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX operators that Snug computes element by element, and activations. */
#ifndef TESTS_ONNX_ROWS_ELEMENTWISE_H
#define TESTS_ONNX_ROWS_ELEMENTWISE_H

#include "onnx/build.h"

static bool row_unary(build *b, const onnx_node *n, const char *op)
{
    return build_out(b, n, 0, node1(b, op, NULL, IN(0)));
}

/* Two inputs or more, from the left. */
static bool row_fold(build *b, const onnx_node *n, const char *op)
{
    snug_value *y = IN(0);
    for (int i = 1; i < n->n_in; i++) y = node2(b, op, y, IN(i));
    return build_out(b, n, 0, y);
}

static bool row_mean(build *b, const onnx_node *n, const char *op)
{
    snug_value *y = IN(0);
    for (int i = 1; i < n->n_in; i++) y = node2(b, op, y, IN(i));
    return build_out(b, n, 0, node_with(b, "div", y, n->n_in));
}

/* The exponent may be of another type than the base: it is cast by reading it so. */
static bool row_pow(build *b, const onnx_node *n, const char *op)
{
    const onnx_tensor *e = build_data(b, n, 1);
    snug_value *x = IN(0);
    if (!x || !e) return build_no(b, "an exponent that is not known");
    return build_out(b, n, 0, node2(b, op, x, build_given(b, e, x->type.dtype, e->n_dims, e->dim)));
}

static bool row_where(build *b, const onnx_node *n, const char *op)
{
    snug_value *in[] = {build_in(b, n, 0, false), IN(1), IN(2)};
    return build_out(b, n, 0, node(b, op, NULL, 3, in));
}

/* One attribute that both know by different names: "slope alpha 0.01". */
static bool row_parameter(build *b, const onnx_node *n, const char *arg)
{
    char op[32], ours[32], theirs[32], text[80];
    double initial;
    if (sscanf(arg, "%31s %31s %31s %lf", op, ours, theirs, &initial) != 4) return false;
    snprintf(text, sizeof text, "%s=%.9g", ours, attr_float(n, theirs, initial));
    return build_out(b, n, 0, node1(b, op, text, IN(0)));
}

static bool row_gelu(build *b, const onnx_node *n, const char *arg)
{
    (void)arg;
    bool tanh = strcmp(attr_text(n, "approximate", "none"), "tanh") == 0;
    return build_out(b, n, 0, node1(b, tanh ? "gelu_tanh" : "gelu", NULL, IN(0)));
}

static bool row_swish(build *b, const onnx_node *n, const char *arg)
{
    if (attr_float(n, "alpha", 1) != 1) return build_no(b, "swish with alpha");
    return row_unary(b, n, arg);
}

static bool row_celu(build *b, const onnx_node *n, const char *arg)
{
    double alpha = attr_float(n, "alpha", 1);
    snug_value *y = node1(b, arg, NULL, node_with(b, "div", IN(0), alpha));
    return build_out(b, n, 0, node_with(b, "mul", y, alpha));
}

static bool row_selu(build *b, const onnx_node *n, const char *arg)
{
    char text[48];
    if (!build_attr(n, "alpha") && !build_attr(n, "gamma")) return row_unary(b, n, "selu");
    snprintf(text, sizeof text, "alpha=%.9g", attr_float(n, "alpha", 1.67326319217681884765625));
    double gamma = attr_float(n, "gamma", 1.05070102214813232421875);
    return build_out(b, n, 0, node_with(b, "mul", node1(b, arg, text, IN(0)), gamma));
}

static bool row_hardsigmoid(build *b, const onnx_node *n, const char *arg)
{
    snug_value *y = node_with(b, "mul", IN(0), attr_float(n, "alpha", 0.2));
    y = node_with(b, "add", y, attr_float(n, "beta", 0.5));
    return build_out(b, n, 0, node1(b, arg, "min=0,max=1", y));
}

static bool row_softsign(build *b, const onnx_node *n, const char *arg)
{
    snug_value *x = IN(0);
    return build_out(b, n, 0, node2(b, arg, x, node_with(b, "add", node1(b, "abs", NULL, x), 1)));
}

static bool row_thresholded(build *b, const onnx_node *n, const char *arg)
{
    snug_value *x = IN(0), *on = node_with(b, "greater", x, attr_float(n, "alpha", 1));
    return build_out(b, n, 0, node2(b, arg, x, on));
}

/* x + bias below -lambda, x - bias above lambda, else 0. */
static bool row_shrink(build *b, const onnx_node *n, const char *arg)
{
    double lambda = attr_float(n, "lambd", 0.5), bias = attr_float(n, "bias", 0);
    snug_value *x = IN(0);
    snug_value *low = node2(b, arg, node_with(b, "less", x, -lambda), node_with(b, "add", x, bias));
    snug_value *high =
        node2(b, arg, node_with(b, "greater", x, lambda), node_with(b, "sub", x, bias));
    return build_out(b, n, 0, node2(b, "add", low, high));
}

/* A slope for each channel lies along axis 1 in old opsets. */
static bool row_prelu(build *b, const onnx_node *n, const char *arg)
{
    const onnx_tensor *s = build_data(b, n, 1);
    snug_value *x = IN(0), *slope = IN(1);
    if (!x || !s) return build_no(b, "a slope that is not known");
    int64_t dim[SNUG_MAX_DIMS] = {1, 1, 1, 1, 1, 1};
    if (b->opset < 7 && s->n_dims == 1) {
        dim[1] = s->dim[0];
        slope = reshaped(b, slope, shape_of(x)->n_dims, dim);
    }
    snug_value *in[] = {node_with(b, "greater", x, 0), x, node2(b, "mul", x, slope)};
    return build_out(b, n, 0, node(b, arg, NULL, 3, in));
}

static bool row_clip(build *b, const onnx_node *n, const char *arg)
{
    const onnx_tensor *low = build_data(b, n, 1), *high = build_data(b, n, 2);
    char text[80];
    double min = low ? low->v[0] : attr_float(n, "min", -1e38);
    double max = high ? high->v[0] : attr_float(n, "max", 1e38);
    if (min > max)
        return build_out(b, n, 0,
                         node_with(b, "minimum", node_with(b, "maximum", IN(0), min), max));
    snprintf(text, sizeof text, "min=%.9g,max=%.9g", min, max);
    return build_out(b, n, 0, node1(b, arg, text, IN(0)));
}

/* x with leading axes of length 1 in front, up to n_dims, and those repeated as the other's are. */
static snug_value *led(build *b, snug_value *x, const snug_shape *other)
{
    const snug_shape s = *shape_of(x);
    int n_dims = s.n_dims > other->n_dims ? s.n_dims : other->n_dims;
    int64_t dim[SNUG_MAX_DIMS];
    snug_tile_attrs a = {{0}};
    for (int d = 0; d < n_dims; d++) {
        int own = d - n_dims + s.n_dims, theirs = d - n_dims + other->n_dims;
        dim[d] = own < 0 ? 1 : s.dim[own];
        if (d < n_dims - 2 && dim[d] == 1 && theirs >= 0) a.times[d] = other->dim[theirs];
    }
    x = reshaped(b, x, n_dims, dim);
    return x ? snug_apply(b->g, &snug_op_tile, NULL, &a, 1, &x) : NULL;
}

/* Matrices behind leading axes that may broadcast. */
static snug_value *products(build *b, snug_value *x, snug_value *y)
{
    if (!x || !y) return NULL;
    const snug_shape s = *shape_of(x), t = *shape_of(y);
    if (s.n_dims == 1 && t.n_dims == 1) {
        x = reshaped(b, x, 2, (int64_t[]){1, s.dim[0]});
        return reshaped(b, node2(b, "matmul", x, reshaped(b, y, 2, (int64_t[]){s.dim[0], 1})), 0,
                        NULL);
    }
    if (t.n_dims == 2) return node2(b, "matmul", x, y);
    return node2(b, "batch_matmul", led(b, x, &t), led(b, y, &s));
}

static bool row_matmul(build *b, const onnx_node *n, const char *arg)
{
    (void)arg;
    return build_out(b, n, 0, products(b, IN(0), IN(1)));
}

static bool row_gemm(build *b, const onnx_node *n, const char *arg)
{
    char text[48];
    double alpha = attr_float(n, "alpha", 1), beta = attr_float(n, "beta", 1);
    snprintf(text, sizeof text, "trans_a=%d,trans_b=%d", (int)attr_int(n, "transA", 0),
             (int)attr_int(n, "transB", 0));
    snug_value *y = node(b, arg, text, 2, (snug_value *[]){IN(0), IN(1)});
    if (alpha != 1) y = node_with(b, "mul", y, alpha);
    if (!build_has(n, 2)) return build_out(b, n, 0, y);
    snug_value *c = beta == 1 ? IN(2) : node_with(b, "mul", IN(2), beta);
    return build_out(b, n, 0, node2(b, "add", y, c));
}

/* The type to cast to: an attribute, or the type of input 1. */
static bool row_cast(build *b, const onnx_node *n, const char *arg)
{
    const onnx_tensor *like = build_data(b, n, 1), *x = build_data(b, n, 0);
    int64_t to = like ? like->type : attr_int(n, "to", 0);
    const onnx_type *type = onnx_type_of((int)to);
    char text[48];
    if (!type || !type->known) return build_no(b, "element type %d", (int)to);
    if (!x || !onnx_type_of(x->type)->known) return build_no(b, "the input's element type");
    bool saturate = attr_int(n, "saturate", 1) != 0;
    if (!saturate && type->dtype == SNUG_F8E4M3) return build_no(b, "casts that do not saturate");
    snug_value *y = build_in(b, n, 0, false);
    if (saturate && type->dtype == SNUG_F8E5M2) /* Snug's overflows to infinity */
        y = node1(b, "clip", "min=-57344,max=57344", y);
    snprintf(text, sizeof text, "dtype=%s", snug_dtype_get(type->dtype)->name);
    return build_out(b, n, 0, node1(b, arg, text, y));
}

static bool row_isnan(build *b, const onnx_node *n, const char *op)
{
    snug_value *x = IN(0);
    return build_out(b, n, 0, node2(b, op, x, x));
}

static bool row_isinf(build *b, const onnx_node *n, const char *op)
{
    snug_value *x = IN(0), *up = node_with(b, op, x, INFINITY),
               *down = node_with(b, op, x, -INFINITY);
    if (!attr_int(n, "detect_negative", 1)) return build_out(b, n, 0, up);
    if (!attr_int(n, "detect_positive", 1)) return build_out(b, n, 0, down);
    return build_out(b, n, 0, node2(b, "maximum", up, down));
}

static bool row_tan(build *b, const onnx_node *n, const char *op)
{
    snug_value *x = IN(0);
    return build_out(b, n, 0, node2(b, op, node1(b, "sin", NULL, x), node1(b, "cos", NULL, x)));
}

/* ---- updates: at step 0, where ONNX corrects nothing ------------------------------------------
 */

/* hyper: the learning rate, and corrections of 1. */
static snug_value *update_rate(build *b, const onnx_node *n)
{
    const onnx_tensor *rate = build_data(b, n, 0), *t = build_data(b, n, 1);
    if (!rate || !t || t->v[0] != 0) return NULL;
    float hyper[4] = {(float)rate->v[0], 1, 1, 0};
    snug_type type = {.shape = {.n_dims = 1, .dim = {4}}, .dtype = SNUG_F32};
    return snug_constant(b->g, "hyper", type, hyper);
}

/* arg: Snug's operator and the names of its attributes for alpha and beta, - for none. */
static bool row_update(build *b, const onnx_node *n, const char *arg)
{
    char op[32], alpha[32], beta[32], text[200];
    snug_value *in[5] = {0}, *out[SNUG_MAX_OUT];
    int n_states = n->n_in - 4, at = 0;
    if (sscanf(arg, "%31s %31s %31s", op, alpha, beta) != 3 || n_states < 1 || n_states > 2)
        return build_no(b, "several weights at once");
    if (strcmp(attr_text(n, "mode", "standard"), "nesterov") == 0) return build_no(b, "nesterov");
    at += snprintf(text, sizeof text, "weight_decay=%.9g", attr_float(n, "norm_coefficient", 0));
    if (alpha[0] != '-')
        at += snprintf(text + at, sizeof text - (size_t)at, ",%s=%.9g", alpha,
                       attr_float(n, "alpha", 0.9));
    if (beta[0] != '-')
        at += snprintf(text + at, sizeof text - (size_t)at, ",%s=%.9g", beta,
                       attr_float(n, "beta", 0.999));
    if (build_attr(n, "epsilon"))
        snprintf(text + at, sizeof text - (size_t)at, ",epsilon=%.9g", attr_float(n, "epsilon", 0));
    in[0] = build_persistent(b, n, 2, true), in[1] = IN(3);
    for (int s = 0; s < n_states; s++) in[2 + s] = build_persistent(b, n, 4 + s, false);
    in[2 + n_states] = update_rate(b, n);
    if (!in[0] || !in[2 + n_states]) return build_no(b, "a step other than 0");
    if (snug_apply_named_all(b->g, op, text, 3 + n_states, in, out) != SNUG_OK) return true;
    for (int o = 0; o <= n_states; o++) {
        snug_assign(b->g, in[o ? 1 + o : 0], out[o]);
        if (!build_out(b, n, o, out[o])) return false;
    }
    return true;
}

static const build_row rows_elementwise[] = {
    {"Abs", row_unary, "abs"},
    {"Neg", row_unary, "neg"},
    {"Sign", row_unary, "sign"},
    {"Sqrt", row_unary, "sqrt"},
    {"Reciprocal", row_unary, "reciprocal"},
    {"Exp", row_unary, "exp"},
    {"Log", row_unary, "log"},
    {"Sin", row_unary, "sin"},
    {"Cos", row_unary, "cos"},
    {"Erf", row_unary, "erf"},
    {"Relu", row_unary, "relu"},
    {"Sigmoid", row_unary, "sigmoid"},
    {"Tanh", row_unary, "tanh"},
    {"Softplus", row_unary, "softplus"},
    {"Mish", row_unary, "mish"},
    {"HardSwish", row_unary, "hardswish"},
    {"Swish", row_swish, "silu"},
    {"Gelu", row_gelu, NULL},
    {"LeakyRelu", row_parameter, "leaky_relu slope alpha 0.01"},
    {"Elu", row_parameter, "elu alpha alpha 1"},
    {"Celu", row_celu, "elu"},
    {"Selu", row_selu, "elu"},
    {"HardSigmoid", row_hardsigmoid, "clip"},
    {"Softsign", row_softsign, "div"},
    {"ThresholdedRelu", row_thresholded, "mul"},
    {"Shrink", row_shrink, "mul"},
    {"PRelu", row_prelu, "where"},
    {"Clip", row_clip, "clip"},
    {"Add", row_fold, "add"},
    {"Sub", row_fold, "sub"},
    {"Mul", row_fold, "mul"},
    {"Div", row_fold, "div"},
    {"Sum", row_fold, "add"},
    {"Max", row_fold, "maximum"},
    {"Min", row_fold, "minimum"},
    {"Mean", row_mean, "add"},
    {"Pow", row_pow, "pow"},
    {"Equal", row_fold, "equal"},
    {"Less", row_fold, "less"},
    {"LessOrEqual", row_fold, "less_equal"},
    {"Greater", row_fold, "greater"},
    {"GreaterOrEqual", row_fold, "greater_equal"},
    {"And", row_fold, "logical_and"},
    {"Or", row_fold, "logical_or"},
    {"Xor", row_fold, "logical_xor"},
    {"Not", row_unary, "logical_not"},
    {"Where", row_where, "where"},
    {"IsNaN", row_isnan, "not_equal"},
    {"IsInf", row_isinf, "equal"},
    {"Tan", row_tan, "div"},
    {"Momentum", row_update, "momentum_update momentum -"},
    {"Adam", row_update, "adam_update beta1 beta2"},
    {"Adagrad", row_update, "adagrad_update - -"},
    {"MatMul", row_matmul, NULL},
    {"Gemm", row_gemm, "matmul"},
    {"Cast", row_cast, "cast"},
    {"CastLike", row_cast, "cast"},
    {NULL, NULL, NULL}};

#endif
