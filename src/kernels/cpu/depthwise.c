/* SPDX-License-Identifier: Apache-2.0 */
/* conv2d and its gradients on f32 where every channel is a group with one filter: x [N, H, W, C], w
 * [KH, KW, 1, C], y [N, OH, OW, C]. Channels are lanes, nothing is gathered; eight pixels of a row
 * at a time share the loads of w. Where a few channels divide a vector, it holds several pixels.
 * The gradient of x is a convolution of dy, row by row: the pixels of a row fall into stride_w
 * phases, each of which sees every so many places of w. Sums over the window go in the order of its
 * places, those outside the image left out. The gradient of w is a partial a sample; a leaf adds
 * its samples in order, leaves go by the tree of snug/leaves.h. */
#include "kernels/cpu/activate.h"
#include <snug/leaves.h>

enum { MAX_TAPS = 128, PIXELS = 8, CHANNEL_BLOCK = 64 };

/* How a grid of pixels looks at an image along one axis: grid place o at tap j meets image place o
 * * step + j * dilation - before, and w at w0 + j * w_step. */
typedef struct axis {
    int64_t n, extent; /* of the grid, of the image */
    int64_t step, dilation, before;
    int64_t taps, w0, w_step;
    int64_t first, stride; /* grid place o is place first + o * stride of the result */
} axis;

/* Where taps lie, from a grid place's first image place and from w, in floats. */
typedef struct taps {
    int n;
    int64_t x[MAX_TAPS], w[MAX_TAPS];
} taps;

typedef struct job {
    const snug_conv2d_attrs *a;
    const snug_step *step; /* of the gradient of w; NULL: one leaf */
    int64_t samples, h, w, c, kh, kw, oh, ow;
    const float *image, *weights, *bias; /* bias may be NULL */
    int64_t w_tap;                       /* floats of weights from one tap to the next */
    float *out;
    int64_t out_h, out_w;
    int64_t grain; /* result rows of a task */
    float *partials;
    const float *dy;
    int64_t blocks;
} job;

/* ---- choice and sizes -------------------------------------------------------------------------
 */

static bool all_f32(const snug_sig *sig)
{
    bool yes = sig->out[0].dtype == SNUG_F32;
    for (int i = 0; i < sig->n_in; i++) yes = yes && sig->in[i].dtype == SNUG_F32;
    return yes;
}

static bool suits(const snug_sig *sig, const snug_shape *x, const snug_shape *w)
{
    const snug_conv2d_attrs *a = sig->attrs;
    return all_f32(sig) && a->groups == x->dim[3] && w->dim[3] == x->dim[3] && w->dim[2] == 1 &&
           w->dim[0] <= MAX_TAPS && w->dim[1] <= MAX_TAPS && w->dim[0] * w->dim[1] <= MAX_TAPS;
}

static bool forward_fits(const snug_sig *sig)
{
    return suits(sig, &sig->in[0].shape, &sig->in[1].shape);
}

static bool input_fits(const snug_sig *sig)
{
    return suits(sig, &sig->out[0].shape, &sig->in[1].shape);
}

static bool weight_fits(const snug_sig *sig)
{
    return suits(sig, &sig->in[0].shape, &sig->out[0].shape);
}

static job job_of(const snug_call *call, const snug_tensor *x, const snug_tensor *w,
                  const snug_tensor *y)
{
    const int64_t *in = x->type.shape.dim, *k = w->type.shape.dim, *out = y->type.shape.dim;
    return (job){.a = call->attrs,
                 .samples = in[0],
                 .h = in[1],
                 .w = in[2],
                 .c = in[3],
                 .w_tap = in[3],
                 .kh = k[0],
                 .kw = k[1],
                 .oh = out[1],
                 .ow = out[2]};
}

/* ---- rows of a convolution --------------------------------------------------------------------
 */

/* Grid places [begin, end) see all taps. */
static void interior_of(const axis *a, int64_t *begin, int64_t *end)
{
    int64_t room = a->extent - 1 + a->before - (a->taps - 1) * a->dilation;
    *begin = a->before > 0 ? (a->before + a->step - 1) / a->step : 0;
    *end = a->taps > 0 && room >= 0 ? room / a->step + 1 : 0;
    if (*begin > a->n) *begin = a->n;
    if (*end > a->n) *end = a->n;
    if (*end < *begin) *end = *begin;
}

/* The image place of a tap, -1 outside. */
static int64_t place_of(const axis *a, int64_t o, int64_t tap)
{
    int64_t p = o * a->step + tap * a->dilation - a->before;
    return p >= 0 && p < a->extent ? p : -1;
}

/* Taps of grid place (oy, ox), those inside the image; `whole`: along x all of them are. Offsets
 * are from place (0, ox * step - before). */
static void find_taps(const job *d, const axis *y, const axis *x, const int64_t at[2], bool whole,
                      taps *t)
{
    t->n = 0;
    for (int64_t j = 0; j < y->taps; j++) {
        int64_t row = place_of(y, at[0], j);
        for (int64_t i = 0; row >= 0 && i < x->taps; i++) {
            if (!whole && place_of(x, at[1], i) < 0) continue;
            t->x[t->n] = (row * d->w + i * x->dilation) * d->c;
            t->w[t->n++] = ((y->w0 + j * y->w_step) * d->kw + x->w0 + i * x->w_step) * d->w_tap;
        }
    }
}

/* Adjacent pixels that see the same taps: image and result `step` floats from one to the next. */
typedef struct run {
    const float *x, *w, *bias;
    float *y;
    int64_t x_step, y_step, n;
    int64_t act;
} run;

ALWAYS_INLINE void run_vector(const run *r, const taps *t, int64_t j, int n_pixels, int lanes)
{
    vf sum[PIXELS], first = r->bias ? vload_upto(r->bias + j, lanes) : vzero();
    for (int p = 0; p < n_pixels; p++) sum[p] = first;
    for (int k = 0; k < t->n; k++) {
        const float *x = r->x + t->x[k] + j;
        vf w = vload_upto(r->w + t->w[k] + j, lanes);
        for (int p = 0; p < n_pixels; p++)
            sum[p] = vfma(vload_upto(x + p * r->x_step, lanes), w, sum[p]);
    }
    for (int p = 0; p < n_pixels; p++)
        vstore_upto(r->y + p * r->y_step + j, vactivate(r->act, sum[p]), lanes);
}

ALWAYS_INLINE void run_pixels(run *r, const taps *t, int64_t n_channels, int n_pixels)
{
    for (; r->n >= n_pixels; r->n -= n_pixels) {
        int64_t j = 0;
        for (; j + VLEN <= n_channels; j += VLEN) run_vector(r, t, j, n_pixels, VLEN);
        if (j < n_channels) run_vector(r, t, j, n_pixels, (int)(n_channels - j));
        r->x += n_pixels * r->x_step;
        r->y += n_pixels * r->y_step;
    }
}

static void run_all(run r, const taps *t, int64_t n_channels)
{
    run_pixels(&r, t, n_channels, PIXELS);
    run_pixels(&r, t, n_channels, 4);
    run_pixels(&r, t, n_channels, 2);
    run_pixels(&r, t, n_channels, 1);
}

/* The same for adjacent pixels of few channels: their floats are one run. */
static void run_folded(run r, const taps *t, int64_t n_channels)
{
    int64_t whole = r.n * n_channels / VLEN, rest = r.n * n_channels % VLEN;
    r.x_step = r.y_step = VLEN;
    r.n = whole;
    run_all(r, t, VLEN);
    r.x += whole * VLEN, r.y += whole * VLEN, r.n = 1;
    if (rest) run_pixels(&r, t, rest, 1);
}

/* Weights, and behind them the bias, with each tap's channels repeated to a whole vector. */
static void widen(job *d, float wide[(MAX_TAPS + 1) * VLEN])
{
    int64_t n_taps = d->kh * d->kw;
    for (int64_t k = 0; k < n_taps; k++)
        for (int64_t j = 0; j < VLEN; j++) wide[k * VLEN + j] = d->weights[k * d->c + j % d->c];
    for (int64_t j = 0; j < VLEN && d->bias; j++) wide[n_taps * VLEN + j] = d->bias[j % d->c];
    d->weights = wide, d->w_tap = VLEN;
    if (d->bias) d->bias = wide + n_taps * VLEN;
}

static bool folds(const job *d)
{
    return d->c > 0 && d->c < VLEN && VLEN % d->c == 0;
}

/* One row of the grid of one sample: its ends tap by tap, what lies between them together. */
static void run_row(const job *d, const axis *y, const axis *x, int64_t sample, int64_t oy)
{
    const float *image = d->image + sample * d->h * d->w * d->c;
    int64_t row = (sample * d->out_h + y->first + oy * y->stride) * d->out_w, begin, end;
    run r = {.w = d->weights,
             .bias = d->bias,
             .x_step = x->step * d->c,
             .y_step = x->stride * d->c,
             .act = d->a->act};
    taps t;
    interior_of(x, &begin, &end);
    for (int64_t ox = 0; ox < x->n; ox += r.n) {
        bool whole = ox >= begin && ox < end;
        find_taps(d, y, x, (int64_t[]){oy, ox}, whole, &t);
        r.x = image + (ox * x->step - x->before) * d->c;
        r.y = d->out + (row + x->first + ox * x->stride) * d->c;
        r.n = whole ? end - ox : 1;
        if (folds(d) && r.x_step == d->c && r.y_step == d->c)
            run_folded(r, &t, d->c);
        else
            run_all(r, &t, d->c);
    }
}

static void rows_parallel(job *d, const snug_call *call,
                          void (*task)(void *arg, int64_t task, int thread))
{
    int64_t row = d->out_w * d->c, rows = d->samples * d->out_h;
    if (rows == 0 || row == 0) return;
    d->grain = span_rows(row, SPAN_MATH);
    snug_parallel(call->queue, (rows + d->grain - 1) / d->grain, task, d);
}

/* ---- y ----------------------------------------------------------------------------------------
 */

static void forward_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    job own = *(const job *)arg, *d = &own;
    float wide[(MAX_TAPS + 1) * VLEN];
    if (folds(d)) widen(d, wide);
    const snug_conv2d_attrs *a = d->a;
    const axis y = {.n = d->oh,
                    .extent = d->h,
                    .step = a->stride_h,
                    .dilation = a->dilation_h,
                    .before = a->pad_top,
                    .taps = d->kh,
                    .w_step = 1,
                    .stride = 1};
    const axis x = {.n = d->ow,
                    .extent = d->w,
                    .step = a->stride_w,
                    .dilation = a->dilation_w,
                    .before = a->pad_left,
                    .taps = d->kw,
                    .w_step = 1,
                    .stride = 1};
    int64_t end = (task + 1) * d->grain, rows = d->samples * d->oh;
    for (int64_t r = task * d->grain; r < (end < rows ? end : rows); r++)
        run_row(d, &y, &x, r / d->oh, r % d->oh);
}

static void k_depthwise_f32(const snug_call *call)
{
    job d = job_of(call, &call->in[0], &call->in[1], &call->out[0]);
    d.image = call->in[0].data;
    d.weights = call->in[1].data;
    d.bias = call->n_in > 2 ? call->in[2].data : NULL;
    d.out = call->out[0].data, d.out_h = d.oh, d.out_w = d.ow;
    rows_parallel(&d, call, forward_task);
}

/* ---- dx ---------------------------------------------------------------------------------------
 */

static int64_t gcd(int64_t a, int64_t b)
{
    while (b > 0) {
        int64_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}

/* Places first, first + stride, ... of dx: output o at tap k meets dx where o * stride + k *
 * dilation = place + pad. `step`: stride, dilation, pad. */
static axis phase_of(int64_t first, const int64_t step[3], int64_t kernel, const int64_t extent[2])
{
    int64_t stride = step[0], dilation = step[1], pad = step[2], g = gcd(stride, dilation);
    int64_t apart = stride / g, r = 0, n_taps = 0;
    while (r < apart && (first + pad - r * dilation) % stride != 0) r++;
    if (r < apart && r < kernel) n_taps = (kernel - r + apart - 1) / apart;
    int64_t last = r + (n_taps - 1) * apart;
    return (axis){.n = (extent[0] - first + stride - 1) / stride,
                  .extent = extent[1],
                  .step = 1,
                  .dilation = dilation / g,
                  .before = (last * dilation - first - pad) / stride,
                  .taps = n_taps,
                  .w0 = last,
                  .w_step = -apart,
                  .first = first,
                  .stride = stride};
}

/* d's image is dy here. */
static void input_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    job own = *(const job *)arg, *d = &own;
    float wide[(MAX_TAPS + 1) * VLEN];
    if (folds(d)) widen(d, wide);
    const snug_conv2d_attrs *a = d->a;
    const int64_t down[] = {a->stride_h, a->dilation_h, a->pad_top};
    const int64_t across[] = {a->stride_w, a->dilation_w, a->pad_left};
    int64_t end = (task + 1) * d->grain, rows = d->samples * d->out_h;
    for (int64_t r = task * d->grain; r < (end < rows ? end : rows); r++) {
        int64_t row = r % d->out_h;
        axis y = phase_of(row % a->stride_h, down, d->kh, (int64_t[]){d->out_h, d->h});
        for (int64_t first = 0; first < a->stride_w && first < d->out_w; first++) {
            axis x = phase_of(first, across, d->kw, (int64_t[]){d->out_w, d->w});
            run_row(d, &y, &x, r / d->out_h, row / a->stride_h);
        }
    }
}

static void k_depthwise_grad_input_f32(const snug_call *call)
{
    job d = job_of(call, &call->in[0], &call->in[1], &call->in[0]);
    const int64_t *dx = call->out[0].type.shape.dim;
    d.image = call->in[0].data;
    d.weights = call->in[1].data;
    d.out = call->out[0].data, d.out_h = dx[1], d.out_w = dx[2];
    rows_parallel(&d, call, input_task);
}

/* ---- dw ---------------------------------------------------------------------------------------
 */

/* Pixels of a row of dy that see the same taps: partial += the sum over them of x * dy. */
typedef struct chain {
    const float *x, *dy;
    int64_t x_step, dy_step, n;
    float *partial;
} chain;

ALWAYS_INLINE void chain_vector(const chain *c, const int64_t *x_at, const int64_t *w_at, int64_t j,
                                int n_taps, int lanes)
{
    vf sum[9];
    const float *x = c->x + j, *dy = c->dy + j;
    for (int k = 0; k < n_taps; k++) sum[k] = vzero();
    for (int64_t i = 0; i < c->n; i++, x += c->x_step, dy += c->dy_step) {
        vf v = vload_upto(dy, lanes);
        for (int k = 0; k < n_taps; k++) sum[k] = vfma(vload_upto(x + x_at[k], lanes), v, sum[k]);
    }
    for (int k = 0; k < n_taps; k++) {
        float *to = c->partial + w_at[k] + j;
        vstore_upto(to, vadd(vload_upto(to, lanes), sum[k]), lanes);
    }
}

ALWAYS_INLINE int chain_taps(const chain *c, const taps *t, int from, int64_t n_channels,
                             int n_taps)
{
    for (; from + n_taps <= t->n; from += n_taps) {
        int64_t j = 0;
        for (; j + VLEN <= n_channels; j += VLEN)
            chain_vector(c, t->x + from, t->w + from, j, n_taps, VLEN);
        if (j < n_channels)
            chain_vector(c, t->x + from, t->w + from, j, n_taps, (int)(n_channels - j));
    }
    return from;
}

/* Channels [c0, c0 + n) of one sample. */
static void weight_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const job *d = arg;
    const snug_conv2d_attrs *a = d->a;
    int64_t sample = task / d->blocks, c0 = task % d->blocks * CHANNEL_BLOCK;
    int64_t n_channels = d->c - c0 < CHANNEL_BLOCK ? d->c - c0 : CHANNEL_BLOCK, begin, end;
    const axis y = {.n = d->oh,
                    .extent = d->h,
                    .step = a->stride_h,
                    .dilation = a->dilation_h,
                    .before = a->pad_top,
                    .taps = d->kh,
                    .w_step = 1};
    const axis x = {.n = d->ow,
                    .extent = d->w,
                    .step = a->stride_w,
                    .dilation = a->dilation_w,
                    .before = a->pad_left,
                    .taps = d->kw,
                    .w_step = 1};
    chain c = {.x_step = x.step * d->c, .dy_step = d->c};
    c.partial = d->partials + sample * d->kh * d->kw * d->c + c0;
    for (int64_t k = 0; k < d->kh * d->kw; k++)
        memset(c.partial + k * d->c, 0, (size_t)n_channels * sizeof(float));
    interior_of(&x, &begin, &end);
    for (int64_t oy = 0; oy < d->oh; oy++)
        for (int64_t ox = 0; ox < d->ow; ox += c.n) {
            taps t;
            bool whole = ox >= begin && ox < end;
            find_taps(d, &y, &x, (int64_t[]){oy, ox}, whole, &t);
            c.n = whole ? end - ox : 1;
            c.x = d->image + (sample * d->h * d->w + ox * x.step - x.before) * d->c + c0;
            c.dy = d->dy + ((sample * d->oh + oy) * d->ow + ox) * d->c + c0;
            int from = chain_taps(&c, &t, 0, n_channels, 9);
            from = chain_taps(&c, &t, from, n_channels, 3);
            chain_taps(&c, &t, from, n_channels, 1);
        }
}

/* Samples [begin, end) of one vector of dw, in order. */
ALWAYS_INLINE vf leaf_vector(const job *d, int64_t i, int64_t begin, int64_t end, int lanes)
{
    const int64_t each = d->kh * d->kw * d->c;
    vf sum = vzero();
    for (int64_t s = begin; s < end; s++)
        sum = vadd(sum, vload_upto(d->partials + s * each + i, lanes));
    return sum;
}

static void combine_vector(const void *arg, int64_t i, int lanes)
{
    const job *d = arg;
    vf stack[SNUG_LEAF_DEPTH];
    int depth = 0;
    if (!d->step) {
        vstore_upto(d->out + i, leaf_vector(d, i, 0, d->samples, lanes), lanes);
        return;
    }
    for (int64_t slot = 0; slot < d->step->leaves_here; slot++) {
        int64_t begin, end;
        snug_leaf_range(d->step, slot, &begin, &end);
        stack[depth++] = leaf_vector(d, i, begin, end, lanes);
        for (int m = snug_leaf_merges(slot); m > 0; m--, depth--)
            stack[depth - 2] = vadd(stack[depth - 2], stack[depth - 1]);
    }
    vstore_upto(d->out + i, stack[0], lanes);
}

static void combine_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const job *d = arg;
    int64_t n = d->kh * d->kw * d->c, begin = task * d->grain, end = begin + d->grain;
    span_each(begin, end < n ? end : n, combine_vector, d);
}

static size_t weight_scratch(const snug_sig *sig, int threads)
{
    (void)threads;
    int64_t each = snug_shape_elements(&sig->out[0].shape);
    return (size_t)(sig->in[0].shape.dim[0] * each) * sizeof(float);
}

static void k_depthwise_grad_weight_f32(const snug_call *call)
{
    const snug_shape *x = &call->in[0].type.shape;
    job d = job_of(call, &call->in[0], &call->out[0], &call->in[1]);
    d.step = x->kind[0] == SNUG_AXIS_BATCH ? call->step : NULL;
    d.image = call->in[0].data;
    d.dy = call->in[1].data;
    d.out = call->out[0].data;
    d.partials = call->scratch;
    d.blocks = (d.c + CHANNEL_BLOCK - 1) / CHANNEL_BLOCK;
    int64_t n = d.kh * d.kw * d.c;
    d.grain = SPAN_STREAM / (d.samples > 0 ? d.samples : 1) / VLEN * VLEN + VLEN;
    if (d.samples > 0) snug_parallel(call->queue, d.samples * d.blocks, weight_task, &d);
    if (n > 0) snug_parallel(call->queue, (n + d.grain - 1) / d.grain, combine_task, &d);
}

KERNEL_TABLE(depthwise) = {
    {.op = "conv2d", .name = "k_depthwise_f32", .fits = forward_fits, .run = k_depthwise_f32},
    {.op = "conv2d_grad_input",
     .name = "k_depthwise_grad_input_f32",
     .fits = input_fits,
     .run = k_depthwise_grad_input_f32},
    {.op = "conv_transpose2d",
     .name = "k_depthwise_transpose_f32",
     .fits = input_fits,
     .run = k_depthwise_grad_input_f32},
    {.op = "conv2d_grad_weight",
     .name = "k_depthwise_grad_weight_f32",
     .fits = weight_fits,
     .scratch = weight_scratch,
     .run = k_depthwise_grad_weight_f32},
    {0},
};
