/* SPDX-License-Identifier: Apache-2.0 */
/* Two-dimensional convolution (cross-correlation) over x [N, H, W, C] with w [KH, KW, C / groups,
 * F]: y[n, oy, ox, f] = act(bias[f] + sum_{ky, kx, c} w[ky, kx, c, f]
 *                                   * x[n, oy*sh + ky*dh - top, ox*sw + kx*dw - left, c'])
 * where c' = c + (C / groups) * (f's group), (dh, dw) is the dilation (Yu and Koltun 2016), and x
 * is 0 outside. Gradients as in LeCun et al. 1998:
 *     dx = the same sum taken from the other side, dw[ky, kx, c, f] = sum_{n, oy, ox} x * dy. */
#include "ops/activation.h"
#include "ops/conv2d_cases.h"
#include "ops/leaf_sum.h"
#include <snug/graph.h>

#define MAX_STEP                                                                                   \
    0x1p20 /* strides, padding and kernels: their sums with extents cannot overflow                \
            */

#define CONV_ROWS                                                                                  \
    ATTR_INT(snug_conv2d_attrs, stride_h, 1, MAX_STEP, 1, "vertical stride"),                      \
        ATTR_INT(snug_conv2d_attrs, stride_w, 1, MAX_STEP, 1, "horizontal stride"),                \
        ATTR_INT(snug_conv2d_attrs, dilation_h, 1, MAX_STEP, 1, "rows from one of w to the next"), \
        ATTR_INT(snug_conv2d_attrs, dilation_w, 1, MAX_STEP, 1, "columns likewise"),               \
        ATTR_INT(snug_conv2d_attrs, pad_top, 0, MAX_STEP, 0, "rows of zeros above"),               \
        ATTR_INT(snug_conv2d_attrs, pad_bottom, 0, MAX_STEP, 0, "rows of zeros below"),            \
        ATTR_INT(snug_conv2d_attrs, pad_left, 0, MAX_STEP, 0, "columns of zeros to the left"),     \
        ATTR_INT(snug_conv2d_attrs, pad_right, 0, MAX_STEP, 0, "columns of zeros to the right"),   \
        ATTR_INT(snug_conv2d_attrs, groups, 1, MAX_STEP, 1,                                        \
                 "groups of channels that do not see each other")

static const snug_attr conv2d_attrs[] = {
    CONV_ROWS,
    ATTR_ACT(snug_conv2d_attrs, ACT_GELU),
    ATTR_BOOL(snug_conv2d_attrs, inference, "made to suit few samples; the last bits may differ"),
    {0}};

static const snug_attr grad_input_attrs[] = {
    CONV_ROWS,
    ATTR_INT(snug_conv2d_attrs, in_h, 1, 0x1p40, 1, "height of x"),
    ATTR_INT(snug_conv2d_attrs, in_w, 1, 0x1p40, 1, "width of x"),
    {0}};

static const snug_attr grad_weight_attrs[] = {
    CONV_ROWS,
    ATTR_INT(snug_conv2d_attrs, kernel_h, 1, MAX_STEP, 1, "height of w"),
    ATTR_INT(snug_conv2d_attrs, kernel_w, 1, MAX_STEP, 1, "width of w"),
    {0}};

/* ---- shapes -----------------------------------------------------------------------------------
 */

/* The three tensors of a convolution: x, w and y. */
typedef struct conv {
    const snug_conv2d_attrs *a;
    int64_t h, w, c, kh, kw, cg, f, fg, oh, ow; /* cg, fg: channels and filters of a group */
} conv;

/* Output extent of one axis, of kernel, stride and dilation k; fails when the window does not fit.
 */
static snug_status out_extent(const snug_infer *f, int64_t in, int64_t pad, const int64_t k[3],
                              int64_t *out)
{
    int64_t kernel = (k[0] - 1) * k[2] + 1, stride = k[1];
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    CHECK(in <= MAX_EXTENT && kernel >= 1 && kernel <= in + pad, SNUG_ESHAPE,
          "convolution '%s': a window of %" PRId64 " does not fit into %" PRId64
          " with padding %" PRId64 " (inputs %s and %s)",
          f->name, kernel, in, pad, snug_shape_text(&f->in[0].shape, a, sizeof a),
          snug_shape_text(&f->in[1].shape, b, sizeof b));
    *out = (in + pad - kernel) / stride + 1;
    return SNUG_OK;
}

static snug_status out_size(const snug_infer *f, conv *v)
{
    const snug_conv2d_attrs *a = v->a;
    const int64_t kh[] = {v->kh, a->stride_h, a->dilation_h};
    const int64_t kw[] = {v->kw, a->stride_w, a->dilation_w};
    TRY(out_extent(f, v->h, a->pad_top + a->pad_bottom, kh, &v->oh));
    return out_extent(f, v->w, a->pad_left + a->pad_right, kw, &v->ow);
}

static snug_status check_groups(const snug_infer *f, const conv *v)
{
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    int64_t g = v->a->groups;
    CHECK(g >= 1 && v->c % g == 0 && v->f % g == 0 && v->cg == v->c / g, SNUG_ESHAPE,
          "convolution '%s': %" PRId64 " channels, %" PRId64 " filters and weights of %" PRId64
          " channels do not fit %" PRId64 " groups (inputs %s and %s)",
          f->name, v->c, v->f, v->cg, g, snug_shape_text(&f->in[0].shape, a, sizeof a),
          snug_shape_text(&f->in[1].shape, b, sizeof b));
    return SNUG_OK;
}

/* The element count of an output must be one that memory could hold. */
static snug_status check_elements(const snug_infer *f, const snug_shape *s)
{
    int64_t n = 1;
    for (int i = 0; i < s->n_dims; i++) TRY(snug_infer_mul(f, n, s->dim[i], &n));
    return SNUG_OK;
}

static snug_status check_inputs(const snug_infer *f, const char *first, const char *second)
{
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_float(f, 1, 0));
    TRY(snug_infer_rank(f, 0, 4, first));
    TRY(snug_infer_rank(f, 1, 4, second));
    char text[SNUG_SHAPE_TEXT];
    for (int i = 1; i < 4; i++)
        CHECK(f->in[0].shape.kind[i] == SNUG_AXIS_FIXED, SNUG_ESHAPE,
              "convolution '%s': axis %d of %s must be fixed", f->name, i,
              snug_shape_text(&f->in[0].shape, text, sizeof text));
    return SNUG_OK;
}

/* Height, width, channels of an image tensor with the batch axis of `like`. */
static snug_shape image_shape(const snug_shape *like, int64_t h, int64_t w, int64_t c)
{
    snug_shape s = snug_shape_make(4, (int64_t[]){like->dim[0], h, w, c});
    s.kind[0] = like->kind[0];
    return s;
}

static snug_status conv2d_shape(snug_infer *f)
{
    TRY(check_inputs(f, "[N, H, W, C]", "[KH, KW, C / groups, F]"));
    const int64_t *x = f->in[0].shape.dim, *w = f->in[1].shape.dim;
    conv v = {.a = f->attrs, .h = x[1], .w = x[2], .c = x[3], .kh = w[0], .kw = w[1], .cg = w[2]};
    v.f = w[3];
    TRY(check_groups(f, &v));
    TRY(out_size(f, &v));
    f->out[0].shape = image_shape(&f->in[0].shape, v.oh, v.ow, v.f);
    f->out[0].dtype = f->in[0].dtype;
    TRY(check_elements(f, &f->out[0].shape));
    if (f->n_in < 3) return SNUG_OK;
    TRY(snug_infer_float(f, 2, 0));
    return snug_infer_vector(f, 2, 1);
}

/* dy, input i, has the size that the forward convolution would give. */
static snug_status check_dy(const snug_infer *f, const conv *v, int i)
{
    const int64_t *dy = f->in[i].shape.dim;
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    CHECK(dy[1] == v->oh && dy[2] == v->ow && dy[3] == v->f, SNUG_ESHAPE,
          "convolution gradient '%s': of inputs %s and %s, dy (input %d) should be [N, %" PRId64
          ", %" PRId64 ", %" PRId64 "]",
          f->name, snug_shape_text(&f->in[0].shape, a, sizeof a),
          snug_shape_text(&f->in[1].shape, b, sizeof b), i, v->oh, v->ow, v->f);
    return SNUG_OK;
}

static snug_status grad_input_shape(snug_infer *f)
{
    TRY(check_inputs(f, "[N, OH, OW, F]", "[KH, KW, C / groups, F]"));
    const snug_conv2d_attrs *a = f->attrs;
    const int64_t *w = f->in[1].shape.dim;
    conv v = {.a = a, .h = a->in_h, .w = a->in_w, .kh = w[0], .kw = w[1], .cg = w[2], .f = w[3]};
    TRY(snug_infer_mul(f, v.cg, a->groups, &v.c));
    TRY(check_groups(f, &v));
    TRY(out_size(f, &v));
    TRY(check_dy(f, &v, 0));
    f->out[0].shape = image_shape(&f->in[0].shape, v.h, v.w, v.c);
    f->out[0].dtype = f->in[0].dtype;
    return check_elements(f, &f->out[0].shape);
}

static snug_status grad_weight_shape(snug_infer *f)
{
    TRY(check_inputs(f, "[N, H, W, C]", "[N, OH, OW, F]"));
    const snug_conv2d_attrs *a = f->attrs;
    const int64_t *x = f->in[0].shape.dim, *dy = f->in[1].shape.dim;
    conv v = {.a = a, .h = x[1], .w = x[2], .c = x[3], .kh = a->kernel_h, .kw = a->kernel_w};
    v.f = dy[3], v.cg = a->groups > 0 ? v.c / a->groups : 0;
    char s[SNUG_SHAPE_TEXT], t[SNUG_SHAPE_TEXT];
    CHECK(x[0] == dy[0] && f->in[0].shape.kind[0] == f->in[1].shape.kind[0], SNUG_ESHAPE,
          "convolution gradient '%s': x %s and dy %s must have the same first axis", f->name,
          snug_shape_text(&f->in[0].shape, s, sizeof s),
          snug_shape_text(&f->in[1].shape, t, sizeof t));
    TRY(check_groups(f, &v));
    TRY(out_size(f, &v));
    TRY(check_dy(f, &v, 1));
    f->out[0].shape = snug_shape_make(4, (int64_t[]){v.kh, v.kw, v.cg, v.f});
    f->out[0].dtype = f->in[0].dtype;
    return check_elements(f, &f->out[0].shape);
}

/* ---- axes -------------------------------------------------------------------------------------
 */

static int use_windows(snug_axis_use *u, int n)
{
    for (int d = 1; d <= 2; d++) {
        n = snug_use_axis(u, n, 0, d, 0, d);
        u[n - 1].how = SNUG_FOLLOW_WINDOW;
    }
    return n;
}

static int conv2d_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_conv2d_attrs *a = s->attrs;
    int n = use_windows(u, snug_use_batch(s, u, 0, 0, 0));
    if (a->groups != 1) return n;
    n = snug_use_axis(u, n, 0, 3, 1, 3);
    if (s->n_in > 2) return snug_use_axis(u, n, 0, 3, 2, 0);
    if (a->act != ACT_NONE) return n;
    n = snug_use_axis(u, n, 0, -1, 0, 3);
    return snug_use_axis(u, n, 0, -1, 1, 2);
}

static int grad_input_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_conv2d_attrs *a = s->attrs;
    int n = use_windows(u, snug_use_batch(s, u, 0, 0, 0));
    if (a->groups != 1) return n;
    n = snug_use_axis(u, n, 0, 3, 1, 2);
    n = snug_use_axis(u, n, 0, -1, 0, 3);
    return snug_use_axis(u, n, 0, -1, 1, 3);
}

static int grad_weight_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_conv2d_attrs *a = s->attrs;
    int n = snug_use_axis(u, 0, 0, -1, 0, 0);
    n = snug_use_axis(u, n, 0, -1, 1, 0);
    if (a->groups != 1) return n;
    n = snug_use_axis(u, n, 0, 2, 0, 3);
    return snug_use_axis(u, n, 0, 3, 1, 3);
}

/* dw of each sample, flat. */
static snug_status grad_each_shape(snug_infer *f)
{
    TRY(grad_weight_shape(f));
    int64_t n = snug_shape_elements(&f->out[0].shape);
    f->out[0].shape = snug_shape_make(2, (int64_t[]){f->in[0].shape.dim[0], n});
    f->out[0].shape.kind[0] = f->in[0].shape.kind[0];
    return SNUG_OK;
}

static int grad_each_axes(const snug_sig *s, snug_axis_use *u)
{
    return snug_use_batch(s, u, snug_use_batch(s, u, 0, 0, 0), 0, 1);
}

/* ---- gradient and cost ------------------------------------------------------------------------
 */

static snug_status conv2d_grad(snug_grad *g)
{
    snug_conv2d_attrs a = *(const snug_conv2d_attrs *)g->attrs;
    snug_value *dy = g->dout[0];
    CHECK(a.act == ACT_NONE, SNUG_EUNSUPPORTED,
          "conv2d with a fused activation has no gradient: fuse after autodiff");
    if (!dy) return SNUG_OK;
    snug_shape x = snug_value_type(g->in[0]).shape, w = snug_value_type(g->in[1]).shape;
    a.in_h = x.dim[1], a.in_w = x.dim[2], a.kernel_h = w.dim[0], a.kernel_w = w.dim[1];
    if (g->need[0])
        TRY(snug_apply_all(g->graph, &snug_op_conv2d_grad_input, NULL, &a, 2,
                           (snug_value *[]){dy, g->in[1]}, &g->din[0]));
    if (g->need[1])
        TRY(snug_apply_all(g->graph, &snug_op_conv2d_grad_weight, NULL, &a, 2,
                           (snug_value *[]){g->in[0], dy}, &g->din[1]));
    if (g->n_in > 2 && g->need[2])
        TRY(snug_apply_all(g->graph, &snug_op_sum_rows, NULL, NULL, 1, &dy, &g->din[2]));
    return SNUG_OK;
}

/* y = the transpose of a convolution C applied to x, so dx = C dy; dw is that of C from dy to x. */
static snug_status transpose_grad(snug_grad *g)
{
    snug_conv2d_attrs a = *(const snug_conv2d_attrs *)g->attrs;
    snug_value *dy = g->dout[0];
    if (!dy) return SNUG_OK;
    snug_shape w = snug_value_type(g->in[1]).shape;
    a.in_h = a.in_w = a.kernel_h = a.kernel_w = 0;
    if (g->need[0])
        TRY(snug_apply_all(g->graph, &snug_op_conv2d, NULL, &a, 2, (snug_value *[]){dy, g->in[1]},
                           &g->din[0]));
    a.kernel_h = w.dim[0], a.kernel_w = w.dim[1];
    if (g->need[1])
        TRY(snug_apply_all(g->graph, &snug_op_conv2d_grad_weight, NULL, &a, 2,
                           (snug_value *[]){dy, g->in[0]}, &g->din[1]));
    return SNUG_OK;
}

/* Multiply and add for every element of y and every weight of its filter. */
static snug_cost cost_of(const snug_sig *s, const snug_shape *y, const snug_shape *w)
{
    double window = (double)w->dim[0] * (double)w->dim[1] * (double)w->dim[2];
    return snug_cost_of(s, 2 * window * (double)snug_shape_elements(y));
}

static snug_cost conv2d_cost(const snug_sig *s)
{
    return cost_of(s, &s->out[0].shape, &s->in[1].shape);
}

static snug_cost grad_input_cost(const snug_sig *s)
{
    return cost_of(s, &s->in[0].shape, &s->in[1].shape);
}

static snug_cost grad_weight_cost(const snug_sig *s)
{
    return cost_of(s, &s->in[1].shape, &s->out[0].shape);
}

/* ---- reference kernels ------------------------------------------------------------------------
 */

static conv conv_of(const snug_call *c, const snug_shape *x, const snug_shape *w,
                    const snug_shape *y)
{
    conv v = {.a = c->attrs, .h = x->dim[1], .w = x->dim[2], .c = x->dim[3]};
    v.kh = w->dim[0], v.kw = w->dim[1], v.cg = w->dim[2], v.f = w->dim[3];
    v.fg = v.f / v.a->groups;
    v.oh = y->dim[1], v.ow = y->dim[2];
    return v;
}

static double element(const snug_tensor *t, int64_t i0, int64_t i1, int64_t i2, int64_t i3)
{
    const int64_t *d = t->type.shape.dim;
    return snug_load(t, ((i0 * d[1] + i1) * d[2] + i2) * d[3] + i3);
}

/* Splits an element's number into its four coordinates. */
static void split(int64_t i, const snug_shape *s, int64_t at4[4])
{
    for (int d = 3; d >= 0; d--) at4[d] = i % s->dim[d], i /= s->dim[d];
}

static double conv_window(const conv *v, const snug_tensor *x, const snug_tensor *w,
                          const int64_t o[4])
{
    double sum = 0;
    int64_t first = o[3] / v->fg * v->cg;
    for (int64_t k = 0; k < v->kh * v->kw; k++) {
        int64_t ky = k / v->kw, kx = k % v->kw;
        int64_t iy = o[1] * v->a->stride_h + ky * v->a->dilation_h - v->a->pad_top;
        int64_t ix = o[2] * v->a->stride_w + kx * v->a->dilation_w - v->a->pad_left;
        if (iy < 0 || iy >= v->h || ix < 0 || ix >= v->w) continue;
        for (int64_t c = 0; c < v->cg; c++)
            sum += element(x, o[0], iy, ix, first + c) * element(w, ky, kx, c, o[3]);
    }
    return sum;
}

static void conv2d_ref(const snug_call *c)
{
    const snug_shape *y = &c->out[0].type.shape;
    conv v = conv_of(c, &c->in[0].type.shape, &c->in[1].type.shape, y);
    int64_t o[4];
    for (int64_t i = 0; i < snug_shape_elements(y); i++) {
        split(i, y, o);
        double sum = conv_window(&v, &c->in[0], &c->in[1], o);
        if (c->n_in > 2) sum += snug_load(&c->in[2], o[3]);
        snug_store(&c->out[0], i, act_apply(v.a->act, sum));
    }
}

/* The output row (or column) whose window begins at padded place `from`; -1: none. */
static int64_t output_of(int64_t from, int64_t stride, int64_t n_out)
{
    return from >= 0 && from % stride == 0 && from / stride < n_out ? from / stride : -1;
}

static double conv_back(const conv *v, const snug_tensor *dy, const snug_tensor *w,
                        const int64_t p[4])
{
    double sum = 0;
    int64_t first = p[3] / v->cg * v->fg, c = p[3] % v->cg;
    for (int64_t k = 0; k < v->kh * v->kw; k++) {
        int64_t ky = k / v->kw, kx = k % v->kw;
        int64_t top = p[1] + v->a->pad_top - ky * v->a->dilation_h;
        int64_t left = p[2] + v->a->pad_left - kx * v->a->dilation_w;
        int64_t oy = output_of(top, v->a->stride_h, v->oh);
        int64_t ox = output_of(left, v->a->stride_w, v->ow);
        if (oy < 0 || ox < 0) continue;
        for (int64_t f = first; f < first + v->fg; f++)
            sum += element(dy, p[0], oy, ox, f) * element(w, ky, kx, c, f);
    }
    return sum;
}

static void grad_input_ref(const snug_call *c)
{
    const snug_shape *x = &c->out[0].type.shape;
    conv v = conv_of(c, x, &c->in[1].type.shape, &c->in[0].type.shape);
    int64_t p[4];
    for (int64_t i = 0; i < snug_shape_elements(x); i++) {
        split(i, x, p);
        snug_store(&c->out[0], i, conv_back(&v, &c->in[0], &c->in[1], p));
    }
}

/* One weight: which, and what it is summed from. */
typedef struct weight {
    const conv *v;
    const snug_tensor *x, *dy;
    int64_t k[4];
} weight;

static double weight_partial(const void *arg, int64_t begin, int64_t end)
{
    const weight *w = arg;
    const conv *v = w->v;
    double sum = 0;
    int64_t channel = w->k[3] / v->fg * v->cg + w->k[2];
    for (int64_t r = begin * v->oh; r < end * v->oh; r++) {
        int64_t n = r / v->oh, oy = r % v->oh;
        int64_t iy = oy * v->a->stride_h + w->k[0] * v->a->dilation_h - v->a->pad_top;
        if (iy < 0 || iy >= v->h) continue;
        for (int64_t ox = 0; ox < v->ow; ox++) {
            int64_t ix = ox * v->a->stride_w + w->k[1] * v->a->dilation_w - v->a->pad_left;
            if (ix < 0 || ix >= v->w) continue;
            sum += element(w->x, n, iy, ix, channel) * element(w->dy, n, oy, ox, w->k[3]);
        }
    }
    return sum;
}

static void grad_weight_ref(const snug_call *c)
{
    const snug_shape *x = &c->in[0].type.shape, *dw = &c->out[0].type.shape;
    conv v = conv_of(c, x, dw, &c->in[1].type.shape);
    weight w = {.v = &v, .x = &c->in[0], .dy = &c->in[1]};
    leaf_rows rows = leaf_rows_of(c, x, 1);
    for (int64_t i = 0; i < snug_shape_elements(dw); i++) {
        split(i, dw, w.k);
        snug_store(&c->out[0], i, leaf_sum(&rows, c->out[0].type.dtype, weight_partial, &w));
    }
}

/* x, dy and dw of one sample, as conv2d_grad_weight takes them. */
static void take_sample(const snug_call *c, int64_t sample, snug_tensor t[3])
{
    const snug_conv2d_attrs *a = c->attrs;
    for (int i = 0; i < 3; i++) {
        t[i] = i < 2 ? c->in[i] : c->out[0];
        size_t bytes = snug_type_bytes(&t[i].type) / (size_t)t[i].type.shape.dim[0];
        t[i].data = (char *)t[i].data + bytes * (size_t)sample;
        t[i].type.shape.dim[0] = 1;
        t[i].type.shape.kind[0] = SNUG_AXIS_FIXED;
    }
    int64_t c_in = t[0].type.shape.dim[3], f = t[1].type.shape.dim[3];
    t[2].type.shape =
        snug_shape_make(4, (int64_t[]){a->kernel_h, a->kernel_w, c_in / a->groups, f});
}

void snug_conv2d_each(const snug_call *c, void (*run)(const snug_call *))
{
    snug_tensor t[3];
    snug_call one = *c;
    one.in = t, one.out = t + 2;
    for (int64_t i = 0; i < c->in[0].type.shape.dim[0]; i++) {
        take_sample(c, i, t);
        run(&one);
    }
}

static void grad_each_ref(const snug_call *c)
{
    snug_conv2d_each(c, grad_weight_ref);
}

static snug_cost grad_each_cost(const snug_sig *s)
{
    const snug_conv2d_attrs *a = s->attrs;
    const int64_t *x = s->in[0].shape.dim, *dy = s->in[1].shape.dim;
    snug_shape w =
        snug_shape_make(4, (int64_t[]){a->kernel_h, a->kernel_w, x[3] / a->groups, dy[3]});
    return cost_of(s, &s->in[1].shape, &w);
}

const snug_op snug_op_conv2d = {
    .name = "conv2d",
    .doc = "conv2d(x [N, H, W, C], w [KH, KW, C / groups, F], bias [F]?) -> y [N, OH, OW, F]\n"
           "y = act(bias + the sum over window and channels of x * w), OH = (H + pad_top +\n"
           "pad_bottom - dilation_h * (KH - 1) - 1) / stride_h + 1, rounded down; OW likewise.\n"
           "Zeros outside x. With a dilation, elements of the window lie so far apart.\n"
           "Gradient: conv2d_grad_input(dy, w), conv2d_grad_weight(x, dy), sum_rows(dy)\n"
           "(LeCun et al. 1998; dilation: Yu and Koltun 2016).",
    .n_in_min = 2,
    .n_in_max = 3,
    .n_out = 1,
    .attrs = conv2d_attrs,
    .attrs_bytes = sizeof(snug_conv2d_attrs),
    .shape = conv2d_shape,
    .axes = conv2d_axes,
    .grad = conv2d_grad,
    .cost = conv2d_cost,
    .ref = conv2d_ref,
    .cases = conv2d_cases};

const snug_op snug_op_conv2d_grad_input = {
    .name = "conv2d_grad_input",
    .doc =
        "conv2d_grad_input(dy [N, OH, OW, F], w [KH, KW, C / groups, F]) -> dx [N, in_h, in_w, C]\n"
        "dx[n, y, x, c] = the sum of dy * w over all windows that see x[n, y, x, c].",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_input_attrs,
    .attrs_bytes = sizeof(snug_conv2d_attrs),
    .shape = grad_input_shape,
    .axes = grad_input_axes,
    .cost = grad_input_cost,
    .ref = grad_input_ref,
    .cases = grad_input_cases};

const snug_op snug_op_conv2d_grad_weight = {
    .name = "conv2d_grad_weight",
    .doc = "conv2d_grad_weight(x [N, H, W, C], dy [N, OH, OW, F]) -> dw [kernel_h, kernel_w,\n"
           "C / groups, F]\n"
           "dw[ky, kx, c, f] = the sum of x * dy over samples, by leaves, and places.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_weight_attrs,
    .attrs_bytes = sizeof(snug_conv2d_attrs),
    .shape = grad_weight_shape,
    .axes = grad_weight_axes,
    .cost = grad_weight_cost,
    .ref = grad_weight_ref,
    .cases = grad_weight_cases};

static const snug_case grad_each_cases[] = {
    {.name = "one", .attrs = &g_one, .n_in = 2, .in = INPUTS(BATCH(1, 1, 1, 1), BATCH(1, 1, 1, 1))},
    {.name = "stride 2",
     .attrs = &g_down,
     .n_in = 2,
     .in = INPUTS(BATCH(5, 8, 6, 3), BATCH(5, 4, 3, 4))},
    {.name = "fixed",
     .attrs = &g_valid,
     .n_in = 2,
     .in = INPUTS(FIXED(3, 6, 5, 3), FIXED(3, 4, 4, 4))},
    {.name = "depthwise stride 2",
     .attrs = &g_channels,
     .n_in = 2,
     .in = INPUTS(BATCH(3, 7, 12, 19), BATCH(3, 3, 6, 19))},
    {.name = "pointwise",
     .attrs = &g_one,
     .n_in = 2,
     .in = INPUTS(BATCH(3, 12, 11, 24), BATCH(3, 12, 11, 36))},
    {0}};

const snug_op snug_op_conv2d_grad_weight_each = {
    .name = "conv2d_grad_weight_each",
    .doc = "conv2d_grad_weight_each(x [N, H, W, C], dy [N, OH, OW, F]) -> dw [N, kernel_h *\n"
           "kernel_w * C / groups * F]\n"
           "What each sample gives to conv2d_grad_weight, of which it is the sum.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_weight_attrs,
    .attrs_bytes = sizeof(snug_conv2d_attrs),
    .shape = grad_each_shape,
    .axes = grad_each_axes,
    .cost = grad_each_cost,
    .ref = grad_each_ref,
    .cases = grad_each_cases};

const snug_op snug_op_conv_transpose2d = {
    .name = "conv_transpose2d",
    .doc =
        "conv_transpose2d(x [N, H, W, C], w [KH, KW, F / groups, C]) -> y [N, in_h, in_w, F]\n"
        "The transpose of conv2d: conv2d of these attributes makes [N, H, W, C] of y's shape,\n"
        "and y is to x what dx is to dy there. in_h = (H - 1) stride_h - pad_top - pad_bottom +\n"
        "dilation_h * (KH - 1) + 1 + what a stride rounds away, below stride_h; in_w likewise.\n"
        "Gradient: conv2d(dy, w), conv2d_grad_weight(dy, x)\n"
        "(Zeiler et al. 2010; Dumoulin and Visin 2016).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .attrs = grad_input_attrs,
    .attrs_bytes = sizeof(snug_conv2d_attrs),
    .shape = grad_input_shape,
    .axes = grad_input_axes,
    .grad = transpose_grad,
    .cost = grad_input_cost,
    .ref = grad_input_ref,
    .cases = grad_input_cases};
