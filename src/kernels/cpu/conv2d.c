/* SPDX-License-Identifier: Apache-2.0 */
/* conv2d and its gradients on f32 as products of gemm.h, for x [N, H, W, C], w [KH, KW, C / groups,
 * F], dy [N, OH, OW, F]. A pixel is a row of C, windows are gathered while A is packed:
 *     y[pixel, f]       = windows of x [pixel, (ky, kx, c)] times w
 *     dx[pixel, c]      = windows of dy [pixel, (jy, jx, f)] times w transposed
 *     dw[(ky, kx, c), f] = windows of x, transposed, times dy [pixel, f]
 * With a stride, pixels of dx fall into stride_h * stride_w phases that see disjoint parts of w;
 * each phase is a product of its own without stride. */
#include "kernels/cpu/direct.h"
#include "kernels/cpu/each.h"
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

/* ---- ways --------------------------------------------------------------------------------------
 */

/* A product whose rows, or columns of A, are windows. */
typedef struct product {
    gemm g;
    windows view;
    winograd_weights weights; /* B again, as it lies */
} product;

/* A way to multiply. Those of one bits class differ in speed alone. */
typedef struct way {
    bool (*can)(const product *p);
    bool (*suits)(const product *p); /* and is worth it, as far as a shape tells */
    size_t (*scratch)(const product *p, int threads);
    void (*run)(const product *p, const snug_call *call);
    size_t (*keep_bytes)(const product *p); /* NULL: keeps nothing */
    void (*keep)(const product *p, const snug_call *call);
} way;

static bool by_product_can(const product *p)
{
    (void)p;
    return true;
}

static size_t by_product_scratch(const product *p, int threads)
{
    if (packed_suits(&p->g)) return 0;
    if (packed_windows_suit(&p->g, &p->view)) return packed_windows_scratch(&p->g);
    return gemm_scratch(&p->g, threads);
}

static void by_product_run(const product *p, const snug_call *call)
{
    if (packed_suits(&p->g))
        packed_run(&p->g, call);
    else if (packed_windows_suit(&p->g, &p->view))
        packed_windows_run(&p->g, &p->view, call);
    else
        gemm_run(&p->g, call);
}

static size_t by_product_keep_bytes(const product *p)
{
    return gemm_keep_bytes(&p->g);
}

static void by_product_keep(const product *p, const snug_call *call)
{
    gemm_keep(&p->g, call);
}

static bool by_direct_can(const product *p)
{
    return direct_suits(&p->g, &p->view);
}

/* Where lda is set, pixels are rows as they lie; rows of C are another matter. */
static bool by_direct_suit(const product *p)
{
    if (packed_windows_suit(&p->g, &p->view)) return false;
    return (p->g.lda == 0 || p->g.rows) && by_direct_can(p);
}

static size_t by_direct_scratch(const product *p, int threads)
{
    return direct_scratch(&p->g, &p->view, threads);
}

static void by_direct_run(const product *p, const snug_call *call)
{
    direct_run(&p->g, &p->view, call);
}

static bool by_winograd_can(const product *p)
{
    return winograd_can(&p->g, &p->view);
}

/* At inference, of one sample perhaps, it pays where a sample has a few tiles. */
static bool by_winograd_suit(const product *p)
{
    const winograd_tiles t = winograd_tiles_of(&p->view, 1);
    return winograd_suits(&p->g, &p->view) && (!p->g.inference || t.down * t.across >= 4);
}

static size_t by_winograd_scratch(const product *p, int threads)
{
    return winograd_scratch(&p->g, &p->view, threads);
}

static void by_winograd_run(const product *p, const snug_call *call)
{
    winograd_run(&p->g, &p->view, &p->weights, call);
}

static size_t by_winograd_keep_bytes(const product *p)
{
    return winograd_keep_bytes(&p->g, &p->view);
}

static void by_winograd_keep(const product *p, const snug_call *call)
{
    winograd_keep(&p->g, &p->view, &p->weights, call);
}

static bool by_planes_can(const product *p)
{
    return planes_suits(&p->g, &p->view);
}

static size_t by_planes_scratch(const product *p, int threads)
{
    return planes_scratch(&p->g, &p->view, threads);
}

static void by_planes_run(const product *p, const snug_call *call)
{
    planes_run(&p->g, &p->view, call);
}

#define WAY_PLANES                                                                                 \
    {                                                                                              \
        by_planes_can, by_planes_can, by_planes_scratch, by_planes_run, NULL, NULL                 \
    }
#define WAY_WINOGRAD                                                                               \
    {                                                                                              \
        by_winograd_can, by_winograd_suit, by_winograd_scratch, by_winograd_run,                   \
            by_winograd_keep_bytes, by_winograd_keep                                               \
    }
#define WAY_DIRECT                                                                                 \
    {                                                                                              \
        by_direct_can, by_direct_suit, by_direct_scratch, by_direct_run, by_product_keep_bytes,    \
            by_product_keep                                                                        \
    }
#define WAY_PRODUCT                                                                                \
    {                                                                                              \
        by_product_can, by_product_can, by_product_scratch, by_product_run, by_product_keep_bytes, \
            by_product_keep                                                                        \
    }

/* The way that was asked for, 1 for the first, or the first that suits: the last always does. */
static const way *way_of(const way *ways, int asked, const product *p)
{
    if (asked > 0) return &ways[asked - 1];
    while (!ways->suits(p)) ways++;
    return ways;
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

static const way forward_ways[] = {WAY_PLANES, WAY_WINOGRAD, WAY_DIRECT, WAY_PRODUCT};
static const char *const forward_names[] = {"planes", "winograd", "direct", "product", NULL};

static product forward_of(const conv *v)
{
    return (product){forward_product(v), v->view, {v->weights, false}};
}

static conv forward_conv(const snug_sig *sig)
{
    return conv_sizes(sig->attrs, &sig->in[0].shape, &sig->in[1].shape, &sig->out[0].shape);
}

static bool forward_can(const snug_sig *sig, int asked)
{
    conv v = forward_conv(sig);
    product p = forward_of(&v);
    return forward_ways[asked - 1].can(&p);
}

static size_t forward_scratch(const snug_sig *sig, int threads)
{
    conv v = forward_conv(sig);
    product p = forward_of(&v);
    p.g.packed = sig->kept;
    return way_of(forward_ways, sig->way, &p)->scratch(&p, threads);
}

static size_t forward_keep_bytes(const snug_sig *sig)
{
    conv v = forward_conv(sig);
    product p = forward_of(&v);
    const way *w = way_of(forward_ways, sig->way, &p);
    return w->keep_bytes ? w->keep_bytes(&p) : 0;
}

static void k_conv2d_keep_f32(const snug_call *call)
{
    conv v = conv_sizes(call->attrs, &call->in[0].type.shape, &call->in[1].type.shape,
                        &call->out[0].type.shape);
    v.weights = call->in[1].data;
    product p = forward_of(&v);
    way_of(forward_ways, call->way, &p)->keep(&p, call);
}

static void k_conv2d_f32(const snug_call *call)
{
    conv v = conv_sizes(call->attrs, &call->in[0].type.shape, &call->in[1].type.shape,
                        &call->out[0].type.shape);
    v.view.x = call->in[0].data;
    v.weights = call->in[1].data;
    product p = forward_of(&v);
    p.g.a = v.view.x;
    p.g.b = v.weights, p.g.ldb = v.f;
    p.g.c = call->out[0].data, p.g.ldc = v.f;
    p.g.bias = call->n_in > 2 ? call->in[2].data : NULL;
    p.g.act = v.a->act;
    p.g.packed = call->kept != NULL, p.g.kept = call->kept;
    way_of(forward_ways, call->way, &p)->run(&p, call);
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
                  .lda = pointwise(&v->view) ? v->c : 0,
                  .pack_a = pack_x_columns,
                  .pack_b = pack_dy,
                  .arg = v};
}

static bool by_planes_weight_can(const product *p)
{
    return planes_weight_suits(&p->g, &p->view);
}

static bool by_planes_weight_suit(const product *p)
{
    return by_planes_weight_can(p) && !direct_weight_swaps(&p->g, &p->view);
}

static size_t by_planes_weight_scratch(const product *p, int threads)
{
    return planes_weight_scratch(&p->g, &p->view, threads);
}

static void by_planes_weight_run(const product *p, const snug_call *call)
{
    planes_weight_run(&p->g, &p->view, call);
}

static size_t by_winograd_weight_scratch(const product *p, int threads)
{
    return winograd_weight_scratch(&p->g, &p->view, threads);
}

static void by_winograd_weight_run(const product *p, const snug_call *call)
{
    winograd_weight_run(&p->g, &p->view, call);
}

static bool by_direct_weight_can(const product *p)
{
    return direct_weight_suits(&p->g, &p->view);
}

#define FEW_ROWS 12 /* of A, which leave the tiles of a product empty */

/* Where lda is set, the image itself is A. */
static bool by_direct_weight_suit(const product *p)
{
    return (p->g.lda == 0 || p->g.m < FEW_ROWS || direct_weight_swaps(&p->g, &p->view)) &&
           by_direct_weight_can(p) && !direct_weight_copies_often(&p->g, &p->view);
}

static size_t by_direct_weight_scratch(const product *p, int threads)
{
    return direct_weight_scratch(&p->g, &p->view, threads);
}

static void by_direct_weight_run(const product *p, const snug_call *call)
{
    direct_weight_run(&p->g, &p->view, call);
}

static const way weight_ways[] = {
    {by_planes_weight_can, by_planes_weight_suit, by_planes_weight_scratch, by_planes_weight_run,
     NULL, NULL},
    {by_winograd_can, by_winograd_suit, by_winograd_weight_scratch, by_winograd_weight_run, NULL,
     NULL},
    {by_direct_weight_can, by_direct_weight_suit, by_direct_weight_scratch, by_direct_weight_run,
     NULL, NULL},
    WAY_PRODUCT,
};
static const char *const weight_names[] = {"planes", "winograd", "direct", "product", NULL};

static product weight_of(const conv *v)
{
    return (product){.g = weight_product(v), .view = v->view};
}

static bool weight_can(const snug_sig *sig, int asked)
{
    conv v = conv_sizes(sig->attrs, &sig->in[0].shape, &sig->out[0].shape, &sig->in[1].shape);
    product p = weight_of(&v);
    return weight_ways[asked - 1].can(&p);
}

static size_t weight_scratch(const snug_sig *sig, int threads)
{
    const snug_shape *x = &sig->in[0].shape;
    conv v = conv_sizes(sig->attrs, x, &sig->out[0].shape, &sig->in[1].shape);
    product p = weight_of(&v);
    if (x->kind[0] == SNUG_AXIS_BATCH) p.g.leaves = gemm_max_leaves(v.n);
    return way_of(weight_ways, sig->way, &p)->scratch(&p, threads);
}

static void k_conv2d_grad_weight_f32(const snug_call *call)
{
    const snug_shape *x = &call->in[0].type.shape;
    conv v = conv_sizes(call->attrs, x, &call->out[0].type.shape, &call->in[1].type.shape);
    v.view.x = call->in[0].data;
    v.dy = call->in[1].data;
    product p = weight_of(&v);
    p.g.a = v.view.x;
    p.g.b = v.dy, p.g.ldb = v.f;
    p.g.c = call->out[0].data, p.g.ldc = v.f;
    if (x->kind[0] == SNUG_AXIS_BATCH) gemm_leaves(&p.g, call->step);
    way_of(weight_ways, call->way, &p)->run(&p, call);
}

static size_t each_weight_scratch(const snug_sig *sig, int threads)
{
    return each_scratch(sig, threads, weight_scratch);
}

static void k_conv2d_grad_weight_each_f32(const snug_call *call)
{
    snug_conv2d_each(call, k_conv2d_grad_weight_f32);
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
    const bool plain = pointwise(&h->view) && n_phases(v) == 1;
    return (gemm){.groups = v->a->groups,
                  .m = v->n * h->view.grid_h * h->view.grid_w,
                  .n = v->cg,
                  .k = h->view.kh * h->view.kw * v->fg,
                  .pack_a = pack_dy_rows,
                  .pack_b = pack_wt,
                  .rows = n_phases(v) > 1 ? dx_rows : NULL,
                  .lda = pointwise(&h->view) ? v->f : 0,
                  .b_by_n = plain,
                  .ldb = plain ? v->f : 0,
                  .bt = plain ? v->weights : NULL,
                  .arg = h};
}

/* What the windows of dx add to it, as a product. */
static product scatter_of(const conv *v)
{
    const gemm g = {.groups = v->a->groups,
                    .m = v->n * v->oh * v->ow,
                    .n = v->kh * v->kw * v->cg,
                    .k = v->fg,
                    .lda = v->f,
                    .ldb = v->f};
    return (product){.g = g, .view = v->view};
}

/* After the first way, which takes dx as a whole, those of a phase. */
static const way phase_ways[] = {WAY_PLANES, WAY_WINOGRAD, WAY_DIRECT, WAY_PRODUCT};
static const char *const input_names[] = {"scatter", "planes",  "winograd",
                                          "direct",  "product", NULL};
enum { SCATTER = 1 };

static product phase_product(const phase *h)
{
    return (product){input_product(h), h->view, {h->v->weights, true}};
}

/* Whether dx by planes takes less time than adding up windows, whose multiply-adds take about 1.6
 * times as long. */
static bool planes_are_less(const conv *v)
{
    const int64_t vectors = ceil_div(v->kw * v->cg, VLEN);
    int64_t left = 8 * v->oh * v->ow * v->f * v->kh * vectors * VLEN;
    for (int64_t i = 0; i < n_phases(v); i++) {
        const phase h = phase_of(v, i);
        const product p = phase_product(&h);
        if (p.g.k == 0) continue;
        if (!planes_suits(&p.g, &p.view)) return false;
        left -= 5 * planes_macs(&p.view, p.g.n);
    }
    return left >= 0;
}

static bool use_scatter(const conv *v, const product *p, int asked)
{
    return asked == SCATTER ||
           (asked == 0 && scatter_suits(&p->g, &p->view) && !planes_are_less(v));
}

static const way *phase_way(int asked, const product *p)
{
    return way_of(phase_ways, asked > 0 ? asked - SCATTER : 0, p);
}

static bool input_can(const snug_sig *sig, int asked)
{
    conv v = conv_sizes(sig->attrs, &sig->out[0].shape, &sig->in[1].shape, &sig->in[0].shape);
    product scatter = scatter_of(&v);
    if (asked == SCATTER) return scatter_suits(&scatter.g, &scatter.view);
    bool can = true;
    for (int64_t i = 0; i < n_phases(&v); i++) {
        phase h = phase_of(&v, i);
        product p = phase_product(&h);
        can &= p.g.k == 0 || phase_way(asked, &p)->can(&p);
    }
    return can;
}

static size_t input_scratch(const snug_sig *sig, int threads)
{
    conv v = conv_sizes(sig->attrs, &sig->out[0].shape, &sig->in[1].shape, &sig->in[0].shape);
    product scatter = scatter_of(&v);
    if (use_scatter(&v, &scatter, sig->way))
        return scatter_scratch(&scatter.g, &scatter.view, threads);
    size_t most = 0;
    for (int64_t i = 0; i < n_phases(&v); i++) {
        phase h = phase_of(&v, i);
        product p = phase_product(&h);
        if (p.g.k == 0) continue;
        size_t bytes = phase_way(sig->way, &p)->scratch(&p, threads);
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
    product scatter = scatter_of(&v);
    scatter.g.a = v.dy, scatter.g.b = v.weights, scatter.g.c = call->out[0].data;
    if (use_scatter(&v, &scatter, call->way)) {
        scatter_run(&scatter.g, &scatter.view, call);
        return;
    }
    clear_unseen(&v, call);
    for (int64_t i = 0; i < n_phases(&v); i++) {
        phase h = phase_of(&v, i);
        h.dx = call->out[0].data;
        product p = phase_product(&h);
        if (p.g.k == 0) continue;
        p.g.a = v.dy;
        p.g.c = h.dx, p.g.ldc = v.c;
        phase_way(call->way, &p)->run(&p, call);
    }
}

static const snug_kernel_more forward_more = {.keep_bytes = forward_keep_bytes,
                                              .keep = k_conv2d_keep_f32,
                                              .ways = forward_names,
                                              .can = forward_can};
static const snug_kernel_more input_more = {.ways = input_names, .can = input_can};
static const snug_kernel_more weight_more = {.ways = weight_names, .can = weight_can};

KERNEL_TABLE(conv2d) = {
    {.op = "conv2d",
     .name = "k_conv2d_f32",
     .scratch = forward_scratch,
     .run = k_conv2d_f32,
     .more = &forward_more},
    {.op = "conv2d_grad_input",
     .name = "k_conv2d_grad_input_f32",
     .scratch = input_scratch,
     .run = k_conv2d_grad_input_f32,
     .more = &input_more},
    {.op = "conv_transpose2d",
     .name = "k_conv_transpose2d_f32",
     .scratch = input_scratch,
     .run = k_conv2d_grad_input_f32,
     .more = &input_more},
    {.op = "conv2d_grad_weight",
     .name = "k_conv2d_grad_weight_f32",
     .scratch = weight_scratch,
     .run = k_conv2d_grad_weight_f32,
     .more = &weight_more},
    {.op = "conv2d_grad_weight_each",
     .name = "k_conv2d_grad_weight_each_f32",
     .scratch = each_weight_scratch,
     .run = k_conv2d_grad_weight_each_f32},
    {0},
};
