/* SPDX-License-Identifier: Apache-2.0 */
/* conv2d and its gradients on f32 as products of gemm.h, for x [N, H, W, C], w [KH, KW, C / groups,
 * F], dy [N, OH, OW, F]. A pixel is a row of C, windows are gathered while A is packed:
 *     y[pixel, f]       = windows of x [pixel, (ky, kx, c)] times w
 *     dx[pixel, c]      = windows of dy [pixel, (jy, jx, f)] times w transposed
 *     dw[(ky, kx, c), f] = windows of x, transposed, times dy [pixel, f]
 * With a stride, pixels of dx fall into stride_h * stride_w phases that see disjoint parts of w;
 * each phase is a product of its own without stride. */
#include "kernels/cpu/direct.h"
#include "kernels/cpu/packed.h"
#include "kernels/cpu/planes.h"
#include "kernels/cpu/scatter.h"
#include "kernels/cpu/winograd.h"

typedef struct conv {
    const snug_conv2d_attrs *a;
    int64_t n, h, w, c, kh, kw, cg, f, fg, oh, ow;
    windows view;
    const float *weights, *dy;
} conv;

/* What the pixels of a phase see along one axis: those of dx at first, first + stride, ...; of the
 * kernel at r, r + step, ...; of dy `places` for each, dilation apart, from `before` before it. */
typedef struct phase_axis {
    int64_t first, pixels, r, step, places, dilation, before;
} phase_axis;

typedef struct phase {
    const conv *v;
    windows view;
    phase_axis y, x;
    float *dx;
} phase;

static conv conv_sizes(const snug_conv2d_attrs *a, const snug_shape *x, const snug_shape *w,
                       const snug_shape *y)
{
    conv v = {.a = a, .n = x->dim[0], .h = x->dim[1], .w = x->dim[2], .c = x->dim[3]};
    v.kh = w->dim[0], v.kw = w->dim[1], v.cg = w->dim[2], v.f = w->dim[3];
    v.fg = v.f / a->groups;
    v.oh = y->dim[1], v.ow = y->dim[2];
    v.view = (windows){NULL,        v.h,           v.w,           v.c,        v.cg,
                       v.kh,        v.kw,          v.oh,          v.ow,       a->stride_h,
                       a->stride_w, a->dilation_h, a->dilation_w, a->pad_top, a->pad_left};
    return v;
}

/* ---- y -----------------------------------------------------------------------------------------
 */

static void pack_x_rows(const gemm *g, const gemm_block *p)
{
    windows_pack_rows(&((const conv *)g->arg)->view, p);
}

static void pack_w(const gemm *g, const gemm_block *p)
{
    const conv *v = g->arg;
    gemm_pack_b(p, v->weights + p->k0 * v->f + p->group * v->fg + p->i0, v->f);
}

/* Whether windows are pixels, one after the other: then the image itself is a matrix. */
static bool pointwise(const windows *v)
{
    return v->kh == 1 && v->kw == 1 && v->stride_h == 1 && v->stride_w == 1 && v->cg == v->c &&
           v->grid_h == v->h && v->grid_w == v->w && v->top == 0 && v->left == 0;
}

static gemm forward_product(const conv *v)
{
    return (gemm){.groups = v->a->groups,
                  .m = v->n * v->oh * v->ow,
                  .n = v->fg,
                  .k = v->kh * v->kw * v->cg,
                  .pack_a = pack_x_rows,
                  .pack_b = pack_w,
                  .lda = pointwise(&v->view) ? v->c : 0,
                  .inference = v->a->inference,
                  .arg = v};
}

/* Either way of multiplying windows gives the same bits. */
static bool use_direct(const gemm *g, const windows *v)
{
    return (g->lda == 0 || g->rows) && direct_suits(g, v);
}

/* Winograd's way has other bits than all others. At inference, of one sample perhaps, it pays where
 * its weights can be kept and a sample has a few tiles. */
static bool use_winograd(const gemm *g, const windows *v)
{
    const winograd_tiles t = winograd_tiles_of(v, 1);
    if (!winograd_suits(g, v)) return false;
    return !g->inference || (t.down * t.across >= 4 && winograd_keep_bytes(g, v) > 0);
}

static size_t product_scratch(const gemm *g, const windows *v, int threads)
{
    if (use_winograd(g, v)) return winograd_scratch(g, v, threads);
    if (packed_windows_suit(g, v) && !packed_suits(g)) return packed_windows_scratch(g);
    return use_direct(g, v) ? direct_scratch(g, v, threads) : gemm_scratch(g, threads);
}

static void run_product(const gemm *g, const windows *v, const winograd_weights *w,
                        const snug_call *call)
{
    if (use_winograd(g, v))
        winograd_run(g, v, w, call);
    else if (packed_suits(g))
        packed_run(g, call);
    else if (packed_windows_suit(g, v))
        packed_windows_run(g, v, call);
    else if (use_direct(g, v))
        direct_run(g, v, call);
    else
        gemm_run(g, call);
}

static size_t forward_scratch(const snug_sig *sig, int threads)
{
    conv v = conv_sizes(sig->attrs, &sig->in[0].shape, &sig->in[1].shape, &sig->out[0].shape);
    gemm g = forward_product(&v);
    g.packed = sig->kept;
    if (planes_suits(&g, &v.view)) return planes_scratch(&g, &v.view, threads);
    return product_scratch(&g, &v.view, threads);
}

static size_t forward_keep_bytes(const snug_sig *sig)
{
    conv v = conv_sizes(sig->attrs, &sig->in[0].shape, &sig->in[1].shape, &sig->out[0].shape);
    gemm g = forward_product(&v);
    if (planes_suits(&g, &v.view)) return 0;
    return use_winograd(&g, &v.view) ? winograd_keep_bytes(&g, &v.view) : gemm_keep_bytes(&g);
}

static void k_conv2d_keep_f32(const snug_call *call)
{
    conv v = conv_sizes(call->attrs, &call->in[0].type.shape, &call->in[1].type.shape,
                        &call->out[0].type.shape);
    v.weights = call->in[1].data;
    gemm g = forward_product(&v);
    if (use_winograd(&g, &v.view))
        winograd_keep(&g, &v.view, &(winograd_weights){v.weights, false}, call);
    else
        gemm_keep(&g, call);
}

static void k_conv2d_f32(const snug_call *call)
{
    conv v = conv_sizes(call->attrs, &call->in[0].type.shape, &call->in[1].type.shape,
                        &call->out[0].type.shape);
    v.view.x = call->in[0].data;
    v.weights = call->in[1].data;
    gemm g = forward_product(&v);
    g.a = v.view.x;
    g.b = v.weights, g.ldb = v.f;
    g.c = call->out[0].data, g.ldc = v.f;
    g.bias = call->n_in > 2 ? call->in[2].data : NULL;
    g.act = v.a->act;
    g.packed = call->kept != NULL, g.kept = call->kept;
    if (planes_suits(&g, &v.view))
        planes_run(&g, &v.view, call);
    else
        run_product(&g, &v.view, &(winograd_weights){v.weights, false}, call);
}

/* ---- dw ----------------------------------------------------------------------------------------
 */

static void pack_x_columns(const gemm *g, const gemm_block *p)
{
    windows_pack_columns(&((const conv *)g->arg)->view, p);
}

static void pack_dy(const gemm *g, const gemm_block *p)
{
    const conv *v = g->arg;
    gemm_pack_b(p, v->dy + p->k0 * v->f + p->group * v->fg + p->i0, v->f);
}

static gemm weight_product(const conv *v)
{
    return (gemm){.groups = v->a->groups,
                  .m = v->kh * v->kw * v->cg,
                  .n = v->fg,
                  .k = v->n * v->oh * v->ow,
                  .a_by_k = true,
                  .pack_a = pack_x_columns,
                  .pack_b = pack_dy,
                  .arg = v};
}

static size_t weight_scratch(const snug_sig *sig, int threads)
{
    const snug_shape *x = &sig->in[0].shape;
    conv v = conv_sizes(sig->attrs, x, &sig->out[0].shape, &sig->in[1].shape);
    gemm g = weight_product(&v);
    if (x->kind[0] == SNUG_AXIS_BATCH) g.leaves = gemm_max_leaves(v.n);
    if (planes_weight_suits(&g, &v.view)) return planes_weight_scratch(&g, &v.view, threads);
    if (winograd_weight_suits(&g, &v.view)) return winograd_weight_scratch(&g, &v.view, threads);
    if (direct_weight_suits(&g, &v.view)) return direct_weight_scratch(&g, &v.view, threads);
    return gemm_scratch(&g, threads);
}

static void k_conv2d_grad_weight_f32(const snug_call *call)
{
    const snug_shape *x = &call->in[0].type.shape;
    conv v = conv_sizes(call->attrs, x, &call->out[0].type.shape, &call->in[1].type.shape);
    v.view.x = call->in[0].data;
    v.dy = call->in[1].data;
    gemm g = weight_product(&v);
    g.b = v.dy, g.ldb = v.f;
    g.c = call->out[0].data, g.ldc = v.f;
    if (x->kind[0] == SNUG_AXIS_BATCH) gemm_leaves(&g, call->step);
    if (planes_weight_suits(&g, &v.view))
        planes_weight_run(&g, &v.view, call);
    else if (winograd_weight_suits(&g, &v.view))
        winograd_weight_run(&g, &v.view, call);
    else if (direct_weight_suits(&g, &v.view))
        direct_weight_run(&g, &v.view, call);
    else
        gemm_run(&g, call);
}

/* ---- dx ----------------------------------------------------------------------------------------
 */

static void pack_dy_rows(const gemm *g, const gemm_block *p)
{
    windows_pack_rows(&((const phase *)g->arg)->view, p);
}

/* Weights of the phase, transposed: k = (jy, jx, f) is w[ky, kx, c, f], ky falling as jy rises. */
static void pack_wt(const gemm *g, const gemm_block *p)
{
    const phase *h = g->arg;
    const conv *v = h->v;
    for (int64_t k = p->k0, end = p->k0 + p->nk; k < end;) {
        int64_t tap = k / v->fg, f = k % v->fg, left = v->fg - f;
        int64_t jy = h->view.kh - 1 - tap / h->view.kw, jx = h->view.kw - 1 - tap % h->view.kw;
        int64_t ky = h->y.r + jy * h->y.step, kx = h->x.r + jx * h->x.step;
        gemm_block piece = *p;
        piece.nk = left < end - k ? left : end - k;
        const float *from = v->weights + ((ky * v->kw + kx) * v->cg + p->i0) * v->f;
        gemm_pack_bt(&piece, from + p->group * v->fg + f, v->f, k - p->k0, p->nk);
        k += piece.nk;
    }
}

static void dx_rows(const gemm *g, int64_t group, int64_t i, int64_t n, float **rows)
{
    const phase *h = g->arg;
    const conv *v = h->v;
    window at = window_at(&h->view, i);
    for (int64_t r = 0; r < n; r++, window_next(&h->view, &at)) {
        int64_t y = h->y.first + at.gy * v->a->stride_h, x = h->x.first + at.gx * v->a->stride_w;
        rows[r] = h->dx + ((at.sample * v->h + y) * v->w + x) * v->c + group * v->cg;
    }
}

static int64_t gcd(int64_t a, int64_t b)
{
    while (b > 0) {
        int64_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

/* Pixel p of dx is seen by output o at place k where o * stride + k * dilation = p + pad. */
static phase_axis axis_of(int64_t first, const int64_t step[3], int64_t kernel, int64_t extent)
{
    int64_t stride = step[0], dilation = step[1], pad = step[2], g = gcd(stride, dilation);
    phase_axis p = {.first = first, .step = stride / g, .dilation = dilation / g};
    p.pixels = (extent - first + stride - 1) / stride;
    while (p.r < p.step && (first + pad - p.r * dilation) % stride != 0) p.r++;
    if (p.r < p.step && p.r < kernel) p.places = (kernel - p.r + p.step - 1) / p.step;
    int64_t last = p.r + (p.places - 1) * p.step;
    p.before = (last * dilation - first - pad) / stride;
    return p;
}

static phase phase_of(const conv *v, int64_t i)
{
    const snug_conv2d_attrs *a = v->a;
    int64_t columns = v->w < a->stride_w ? v->w : a->stride_w;
    const int64_t down[] = {a->stride_h, a->dilation_h, a->pad_top};
    const int64_t across[] = {a->stride_w, a->dilation_w, a->pad_left};
    phase h = {.v = v};
    h.y = axis_of(i / columns, down, v->kh, v->h);
    h.x = axis_of(i % columns, across, v->kw, v->w);
    h.view = (windows){v->dy,      v->oh,        v->ow,        v->f,       v->fg,
                       h.y.places, h.x.places,   h.y.pixels,   h.x.pixels, 1,
                       1,          h.y.dilation, h.x.dilation, h.y.before, h.x.before};
    return h;
}

/* Strides longer than the image leave some phases without pixels. */
static int64_t n_phases(const conv *v)
{
    int64_t sh = v->a->stride_h, sw = v->a->stride_w;
    return (v->h < sh ? v->h : sh) * (v->w < sw ? v->w : sw);
}

static gemm input_product(const phase *h)
{
    const conv *v = h->v;
    return (gemm){.groups = v->a->groups,
                  .m = v->n * h->view.grid_h * h->view.grid_w,
                  .n = v->cg,
                  .k = h->view.kh * h->view.kw * v->fg,
                  .pack_a = pack_dy_rows,
                  .pack_b = pack_wt,
                  .rows = n_phases(v) > 1 ? dx_rows : NULL,
                  .lda = pointwise(&h->view) ? v->f : 0,
                  .arg = h};
}

/* What the windows of dx add to it, as a product. */
static gemm scatter_product(const conv *v)
{
    return (gemm){.groups = v->a->groups,
                  .m = v->n * v->oh * v->ow,
                  .n = v->kh * v->kw * v->cg,
                  .k = v->fg,
                  .lda = v->f,
                  .ldb = v->f};
}

static size_t input_scratch(const snug_sig *sig, int threads)
{
    conv v = conv_sizes(sig->attrs, &sig->out[0].shape, &sig->in[1].shape, &sig->in[0].shape);
    gemm scatter = scatter_product(&v);
    if (scatter_suits(&scatter, &v.view)) return scatter_scratch(&scatter, &v.view, threads);
    size_t most = 0;
    for (int64_t i = 0; i < n_phases(&v); i++) {
        phase h = phase_of(&v, i);
        gemm g = input_product(&h);
        size_t bytes = product_scratch(&g, &h.view, threads);
        if (bytes > most) most = bytes;
    }
    return most;
}

static void clear_task(void *arg, int64_t sample, int thread)
{
    (void)thread;
    const snug_tensor *dx = arg;
    const int64_t *d = dx->type.shape.dim, n = d[1] * d[2] * d[3];
    gemm_zero((float *)dx->data + sample * n, n);
}

/* Where kernels are smaller than strides, no window sees some pixels: all are cleared first. */
static void clear_unseen(const conv *v, const snug_call *call)
{
    for (int64_t i = 0; i < n_phases(v); i++) {
        phase h = phase_of(v, i);
        if (input_product(&h).k > 0) continue;
        snug_tensor dx = call->out[0];
        snug_parallel(call->queue, v->n, clear_task, &dx);
        return;
    }
}

static void k_conv2d_grad_input_f32(const snug_call *call)
{
    conv v = conv_sizes(call->attrs, &call->out[0].type.shape, &call->in[1].type.shape,
                        &call->in[0].type.shape);
    v.dy = call->in[0].data;
    v.weights = call->in[1].data;
    gemm scatter = scatter_product(&v);
    scatter.a = v.dy, scatter.b = v.weights, scatter.c = call->out[0].data;
    if (scatter_suits(&scatter, &v.view)) {
        scatter_run(&scatter, &v.view, call);
        return;
    }
    clear_unseen(&v, call);
    for (int64_t i = 0; i < n_phases(&v); i++) {
        phase h = phase_of(&v, i);
        h.dx = call->out[0].data;
        gemm g = input_product(&h);
        if (g.k == 0) continue;
        g.a = v.dy;
        g.c = h.dx, g.ldc = v.c;
        run_product(&g, &h.view, &(winograd_weights){v.weights, true}, call);
    }
}

KERNEL_TABLE(conv2d) = {
    {.op = "conv2d",
     .name = "k_conv2d_f32",
     .scratch = forward_scratch,
     .run = k_conv2d_f32,
     .keep_bytes = forward_keep_bytes,
     .keep = k_conv2d_keep_f32},
    {.op = "conv2d_grad_input",
     .name = "k_conv2d_grad_input_f32",
     .scratch = input_scratch,
     .run = k_conv2d_grad_input_f32},
    {.op = "conv_transpose2d",
     .name = "k_conv_transpose2d_f32",
     .scratch = input_scratch,
     .run = k_conv2d_grad_input_f32},
    {.op = "conv2d_grad_weight",
     .name = "k_conv2d_grad_weight_f32",
     .scratch = weight_scratch,
     .run = k_conv2d_grad_weight_f32},
    {0},
};
