/* SPDX-License-Identifier: Apache-2.0 */
/* conv2d_grad_weight on f32 where every channel is a group with one filter: dw[i, j, c] = the sum
 * over samples and places of x[n, h, w, c] dy[n, oh, ow, c]. Channels are lanes; the sums of a
 * window's taps stay in registers while a band of rows goes by, and each pixel of x is loaded once
 * a row of the window. Where a few channels divide a vector, it holds several pixels. The order of
 * a sum: pixels of a band, bands of a sample (each from zero), samples of a leaf, leaves by the
 * tree of snug/leaves.h. How many rows a band has follows from the width alone. */
#include "kernels/cpu/depthwise.h"
#include "kernels/cpu/each.h"
#include <snug/leaves.h>

enum {
    BAND_PIXELS = 128, /* of dy in a band, or a whole row */
    BAND_ROWS = 32,
    AT_ONCE = VLEN == 8 ? 4 : 8, /* pixels of dy in registers: 16 of them where VLEN is 8 */
    CHANNEL_BLOCK = 64,          /* channels of a task by channels, half of them if they are few */
    MANY_CHANNELS = 2 * CHANNEL_BLOCK,
    FEW_TAPS = 9, /* whose leaves fit on the stack */
    FEW_PIXELS = 64,
    SAMPLE_BLOCK = 512, /* channels of a task by samples, of few samples: */
    SAMPLE_BLOCK_LEAST = 64,
    MANY_SAMPLES = 8,
    TAPS_AT_ONCE = 5
};

typedef struct job {
    const snug_conv2d_attrs *a;
    const snug_step *step; /* NULL: one leaf */
    int64_t samples, h, w, c, kh, kw, oh, ow;
    const float *image, *dy;
    float *out;
    float *partials; /* a sample each */
    axis down, across;
    int64_t block, blocks; /* channels of a task, tasks of a sample */
    int64_t grain;
} job;

/* A row of dy, and where row 0 of its window lies; rows [begin, end) of it are inside the image. */
typedef struct row_view {
    const float *x, *dy;
    int64_t begin, end;
} row_view;

/* Rows of dy along one axis of pixels, a vector of channels or of several pixels. */
typedef struct band {
    const row_view *rows;
    int n_rows;
    const axis *x;
    int64_t x_row, x_step,
        dy_step;  /* floats from one row of the window, column, pixel to the next */
    int64_t fold; /* pixels in a vector */
    int64_t kh;
    int64_t at[2], taps; /* of the window, summed now: first row and column, how many columns */
    float *sum;
    int64_t sum_tap;
} band;

/* What the code is made for: so many rows and columns of a window, and a step between windows;
 * no columns: any window, a few of its columns at a time. `edge`: pixels of dy or their columns are
 * missing. */
typedef struct form {
    int rows, taps, step;
    bool edge;
} form;

/* ---- bands ------------------------------------------------------------------------------------
 */

ALWAYS_INLINE int form_columns(form f)
{
    return (AT_ONCE - 1) * f.step + f.taps;
}

/* Up to AT_ONCE adjacent pixels of each row of dy. */
typedef struct piece {
    int64_t x, dy;  /* their first column and the first pixel, in floats from a row's */
    int n;          /* pixels */
    int begin, end; /* columns that they see and the image has */
} piece;

ALWAYS_INLINE piece piece_of(const band *b, form f, int64_t o, int64_t j)
{
    const axis *x = b->x;
    const int64_t column = o * x->step - x->before, n = min64(x->n - o, AT_ONCE);
    const int64_t room = x->extent - column - (b->fold - 1);
    return (piece){.x = b->at[0] * b->x_row + column * b->x_step + j,
                   .dy = o * b->dy_step + j,
                   .n = (int)n,
                   .begin = column < 0 ? (int)-column : 0,
                   .end = (int)min64(room, (n - 1) * f.step + f.taps)};
}

ALWAYS_INLINE void add_pixels(const band *b, form f, const row_view *r, const piece *t, int lanes,
                              vf sum[3][5])
{
    const int first = (int)(r->begin - b->at[0]), last = (int)(r->end - b->at[0]);
    const float *dy = r->dy + t->dy, *x = r->x + t->x;
    vf v[AT_ONCE];
    UNROLLED for (int p = 0; p < AT_ONCE; p++) v[p] =
        f.edge && p >= t->n ? vzero() : vload_upto(dy + p * b->dy_step, lanes);
    UNROLLED for (int k = 0; k < f.rows; k++, x += b->x_row)
    {
        if (k < first || k >= last) continue;
        UNROLLED for (int c = 0; c < form_columns(f); c++)
        {
            if (f.edge && c < f.taps - 1 && c < t->begin) continue;
            if (f.edge && c >= t->end) break;
            vf pixel = vhold(vload_upto(x + c * b->x_step, lanes));
            UNROLLED for (int i = 0; i < f.taps; i++)
            {
                int p = c - i;
                if (p >= 0 && p % f.step == 0 && p / f.step < AT_ONCE)
                    sum[k][i] = vfma(pixel, v[p / f.step], sum[k][i]);
            }
        }
    }
}

/* Pixels [from, to) of a row of any window; `edge`: columns may be missing. */
ALWAYS_INLINE void add_some(const band *b, const piece *t, const row_view *r, bool edge, int lanes,
                            vf sum[5])
{
    const axis *x = b->x;
    for (int64_t o = t->begin; o < t->end; o++) {
        int64_t column = o * x->step - x->before + b->at[1] * x->dilation;
        vf v = vload_upto(r->dy + t->dy + o * b->dy_step, lanes);
        UNROLLED for (int i = 0; i < TAPS_AT_ONCE; i++)
        {
            int64_t c = column + i * x->dilation;
            if (i >= t->n || (edge && (c < 0 || c >= x->extent - (b->fold - 1)))) continue;
            sum[i] = vfma(vload_upto(r->x + t->x + c * b->x_step, lanes), v, sum[i]);
        }
    }
}

/* A row of any window. */
ALWAYS_INLINE void add_any(const band *b, const row_view *r, int64_t j, int lanes, vf sum[5])
{
    const int64_t k = b->at[0];
    int64_t begin, end;
    if (k < r->begin || k >= r->end) return;
    axis_interior(b->x, &begin, &end);
    if (b->fold > 1) begin = end = 0;
    piece t = {.x = k * b->x_row + j, .dy = j, .n = (int)b->taps, .end = (int)begin};
    add_some(b, &t, r, true, lanes, sum);
    t.begin = (int)begin, t.end = (int)end;
    add_some(b, &t, r, false, lanes, sum);
    t.begin = (int)end, t.end = (int)b->x->n;
    add_some(b, &t, r, true, lanes, sum);
}

/* All rows of a band, piece by piece. */
ALWAYS_INLINE void add_pieces(const band *b, form f, int64_t j, int lanes, vf sum[3][5])
{
    const form edge = {f.rows, f.taps, f.step, true};
    for (int64_t o = 0; o < b->x->n; o += AT_ONCE) {
        const piece t = piece_of(b, f, o, j);
        bool inside = t.begin == 0 && t.end == form_columns(f) && t.n == AT_ONCE;
        if (inside && lanes == VLEN)
            for (int r = 0; r < b->n_rows; r++) add_pixels(b, f, &b->rows[r], &t, VLEN, sum);
        else
            for (int r = 0; r < b->n_rows; r++) add_pixels(b, edge, &b->rows[r], &t, lanes, sum);
    }
}

/* Adds the sums of a band to what is there. */
ALWAYS_INLINE void add_vector(const band *b, form f, int64_t j, int lanes)
{
    const int taps = f.taps ? f.taps : TAPS_AT_ONCE;
    vf sum[3][5];
    UNROLLED for (int k = 0; k < 3; k++) UNROLLED for (int i = 0; i < 5; i++) sum[k][i] = vzero();
    if (f.taps)
        add_pieces(b, f, j, lanes, sum);
    else
        for (int r = 0; r < b->n_rows; r++) add_any(b, &b->rows[r], j, lanes, sum[0]);
    UNROLLED for (int k = 0; k < f.rows; k++)
    {
        if (b->at[0] + k >= b->kh) continue;
        float *to = b->sum + ((b->at[0] + k) * b->x->taps + b->at[1]) * b->sum_tap + j;
        UNROLLED for (int i = 0; i < taps; i++)
        {
            if (f.taps == 0 && i >= b->taps) continue;
            float *sum_at = to + i * b->sum_tap;
            vstore_upto(sum_at, vadd(vload_upto(sum_at, lanes), sum[k][i]), lanes);
        }
    }
}

ALWAYS_INLINE void add_channels(const band *b, form f, int64_t n_channels)
{
    int64_t j = 0;
    for (; j + VLEN <= n_channels; j += VLEN) add_vector(b, f, j, VLEN);
    if (j < n_channels) add_vector(b, f, j, (int)(n_channels - j));
}

/* clang-format off */
#ifndef SNUG_SCALAR /* which has few registers for windows, and is to be small */
static void add_3_1(const band *b, int64_t n) { add_channels(b, (form){3, 3, 1, false}, n); }
static void add_3_2(const band *b, int64_t n) { add_channels(b, (form){3, 3, 2, false}, n); }
#endif
static void add_window(const band *b, int64_t n) { add_channels(b, (form){1, 0, 1, false}, n); }
/* clang-format on */

static const struct kind {
    int64_t taps, step;
    int rows; /* of a window at a time */
    void (*add)(const band *b, int64_t n_channels);
} kinds[] = {
#ifndef SNUG_SCALAR
    {3, 1, 3, add_3_1},
    {3, 2, 3, add_3_2},
#endif
    {0, 0, 1, add_window}};

/* All taps of the window, as many as the registers hold at a time. */
static void add_band(const band *whole, const axis *x, int64_t fold, int64_t n_channels)
{
    band b = *whole;
    axis groups = *x;
    const struct kind *k = kinds;
    groups.n /= fold, groups.step *= fold;
    b.x = &groups;
    b.fold = fold, b.dy_step *= fold;
    while (k->taps > 0 && !axis_is(&groups, k->taps, k->step)) k++;
    const int64_t taps = k->taps > 0 ? k->taps : TAPS_AT_ONCE;
    for (b.at[0] = 0; b.at[0] < b.kh && groups.n > 0; b.at[0] += k->rows)
        for (b.at[1] = 0; b.at[1] < x->taps; b.at[1] += taps) {
            b.taps = min64(taps, x->taps - b.at[1]);
            k->add(&b, n_channels);
        }
}

/* ---- a sample ---------------------------------------------------------------------------------
 */

/* Pixels [from, to) of an axis; `dy` goes with them. */
static void add_part(const band *b, int64_t from, int64_t to, int64_t fold, int64_t n_channels)
{
    row_view rows[BAND_ROWS];
    band part = *b;
    axis x = *b->x;
    x.n = to - from;
    x.before -= from * x.step;
    part.rows = rows;
    for (int r = 0; r < b->n_rows; r++) {
        rows[r] = b->rows[r];
        rows[r].dy += from * b->dy_step;
    }
    add_band(&part, &x, fold, n_channels);
}

static int64_t fold_of(const job *d)
{
    return d->c > 0 && d->c < VLEN && VLEN % d->c == 0 && d->a->stride_w == 1 ? VLEN / d->c : 1;
}

/* Row r of dy, counted over all samples, channels from c0 on. */
static row_view view_of(const job *d, int64_t r, int64_t c0)
{
    const int64_t sample = r / d->oh, oy = r % d->oh;
    const int64_t top = sample * d->h + oy * d->down.step - d->down.before;
    row_view v = {.x = d->image + top * d->w * d->c + c0, .dy = d->dy + r * d->ow * d->c + c0};
    axis_taps(&d->down, oy, &v.begin, &v.end);
    return v;
}

/* Adds the sums over rows [begin, end) of dy, of the channels [block[0], block[0] + block[1]). */
static void add_rows(const job *d, int64_t begin, int64_t end, const int64_t block[2], band *b)
{
    const int64_t fold = fold_of(d), most = min64(BAND_PIXELS * fold / d->ow + 1, BAND_ROWS);
    row_view rows[BAND_ROWS];
    int64_t first, last;
    axis_interior(&d->across, &first, &last);
    last -= (last - first) % fold;
    b->rows = rows, b->x = &d->across;
    for (int64_t row = begin; row < end; row += b->n_rows) {
        b->n_rows = (int)min64(most, end - row);
        for (int r = 0; r < b->n_rows; r++) rows[r] = view_of(d, row + r, block[0]);
        if (fold == 1) {
            add_band(b, b->x, 1, block[1]);
        } else {
            add_part(b, 0, first, 1, d->c);
            add_part(b, first, last, fold, VLEN);
            add_part(b, last, d->ow, 1, d->c);
        }
    }
    b->rows = NULL;
}

/* The sums over rows [begin, end) of dy, taps sum_tap floats apart. */
static void sum_rows(const job *d, const int64_t rows[2], const int64_t block[2], float *sum,
                     int64_t sum_tap)
{
    const int64_t taps = d->kh * d->kw, fold = fold_of(d);
    float wide[MAX_TAPS * VLEN];
    band b = {.x_row = d->down.dilation * d->w * d->c,
              .x_step = d->c,
              .dy_step = d->c,
              .kh = d->kh,
              .sum = fold > 1 ? wide : sum,
              .sum_tap = fold > 1 ? VLEN : sum_tap};
    const int64_t width = fold > 1 ? VLEN : block[1];
    for (int64_t k = 0; k < taps; k++)
        memset(b.sum + k * b.sum_tap, 0, (size_t)width * sizeof *sum);
    add_rows(d, rows[0], rows[1], block, &b);
    for (int64_t k = 0; k < taps && fold > 1; k++)
        for (int64_t c = 0; c < d->c; c++) {
            float total = wide[k * VLEN + c];
            for (int64_t f = 1; f < fold; f++) total += wide[k * VLEN + f * d->c + c];
            sum[k * sum_tap + c] = total;
        }
}

/* ---- by samples: partials wait in scratch -----------------------------------------------------
 */

static void sample_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const job *d = arg;
    const int64_t sample = task / d->blocks, c0 = task % d->blocks * d->block;
    const int64_t block[] = {c0, min64(d->block, d->c - c0)};
    const int64_t rows[] = {sample * d->oh, (sample + 1) * d->oh};
    sum_rows(d, rows, block, d->partials + sample * d->kh * d->kw * d->c + c0, d->c);
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

static void by_samples(job *d, const snug_call *call)
{
    const int64_t n = d->kh * d->kw * d->c;
    d->block = d->samples < MANY_SAMPLES ? SAMPLE_BLOCK_LEAST : SAMPLE_BLOCK;
    d->blocks = (d->c + d->block - 1) / d->block;
    d->grain = SPAN_STREAM / (d->samples > 0 ? d->samples : 1) / VLEN * VLEN + VLEN;
    if (d->samples > 0) snug_parallel(call->queue, d->samples * d->blocks, sample_task, d);
    if (n > 0) snug_parallel(call->queue, (n + d->grain - 1) / d->grain, combine_task, d);
}

/* ---- by channels: a task sums its channels over all samples -----------------------------------
 */

typedef float channel_sums[FEW_TAPS * CHANNEL_BLOCK];

static void add_sums(float *to, const float *from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

static void channel_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const job *d = arg;
    const int64_t c0 = task * d->block, taps = d->kh * d->kw;
    const int64_t block[] = {c0, min64(d->block, d->c - c0)};
    channel_sums stack[SNUG_LEAF_DEPTH];
    int depth = 0;
    const int64_t slots = d->step ? d->step->leaves_here : 1;
    for (int64_t slot = 0; slot < slots; slot++) {
        int64_t begin = 0, end = d->samples;
        if (d->step) snug_leaf_range(d->step, slot, &begin, &end);
        const int64_t rows[] = {begin * d->oh, end * d->oh};
        sum_rows(d, rows, block, stack[depth++], CHANNEL_BLOCK);
        for (int m = snug_leaf_merges(slot); m > 0; m--, depth--)
            for (int64_t k = 0; k < taps; k++)
                add_sums(stack[depth - 2] + k * CHANNEL_BLOCK, stack[depth - 1] + k * CHANNEL_BLOCK,
                         block[1]);
    }
    for (int64_t k = 0; k < taps; k++)
        memcpy(d->out + k * d->c + c0, stack[0] + k * CHANNEL_BLOCK,
               (size_t)block[1] * sizeof(float));
}

/* ---- dw ---------------------------------------------------------------------------------------
 */

/* Enough channels keep the threads busy, and need no scratch; but images of them that are large are
 * better read as they lie. */
static bool by_channels(const int64_t w[4], const int64_t dy[4])
{
    return w[3] >= MANY_CHANNELS && w[0] * w[1] <= FEW_TAPS && dy[1] * dy[2] <= FEW_PIXELS;
}

static bool weight_fits(const snug_sig *sig)
{
    return depthwise_suits(sig, &sig->in[0].shape, &sig->out[0].shape);
}

static size_t weight_scratch(const snug_sig *sig, int threads)
{
    (void)threads;
    const snug_shape *w = &sig->out[0].shape;
    if (by_channels(w->dim, sig->in[1].shape.dim)) return 0;
    return (size_t)(sig->in[0].shape.dim[0] * snug_shape_elements(w)) * sizeof(float);
}

static void k_depthwise_grad_weight_f32(const snug_call *call)
{
    const snug_shape *x = &call->in[0].type.shape;
    const int64_t *in = x->dim, *w = call->out[0].type.shape.dim, *dy = call->in[1].type.shape.dim;
    const snug_conv2d_attrs *a = call->attrs;
    job d = {.a = a,
             .step = x->kind[0] == SNUG_AXIS_BATCH ? call->step : NULL,
             .samples = in[0],
             .h = in[1],
             .w = in[2],
             .c = in[3],
             .kh = w[0],
             .kw = w[1],
             .oh = dy[1],
             .ow = dy[2],
             .image = call->in[0].data,
             .dy = call->in[1].data,
             .out = call->out[0].data,
             .partials = call->scratch,
             .down = axis_down(a, in[1], w[0], dy[1]),
             .across = axis_across(a, in[2], w[1], dy[2])};
    if (by_channels(w, dy)) {
        d.block = d.c < 2 * MANY_CHANNELS ? CHANNEL_BLOCK / 2 : CHANNEL_BLOCK;
        snug_parallel(call->queue, (d.c + d.block - 1) / d.block, channel_task, &d);
    } else {
        by_samples(&d, call);
    }
}

static bool each_fits(const snug_sig *sig)
{
    snug_type t[3];
    snug_sig one = each_sig(sig, t);
    return weight_fits(&one);
}

static size_t each_weight_scratch(const snug_sig *sig, int threads)
{
    return each_scratch(sig, threads, weight_scratch);
}

static void k_depthwise_grad_weight_each_f32(const snug_call *call)
{
    snug_conv2d_each(call, k_depthwise_grad_weight_f32);
}

KERNEL_TABLE(depthwise_weight) = {
    {.op = "conv2d_grad_weight",
     .name = "k_depthwise_grad_weight_f32",
     .fits = weight_fits,
     .scratch = weight_scratch,
     .run = k_depthwise_grad_weight_f32},
    {.op = "conv2d_grad_weight_each",
     .name = "k_depthwise_grad_weight_each_f32",
     .fits = each_fits,
     .scratch = each_weight_scratch,
     .run = k_depthwise_grad_weight_each_f32},
    {0},
};
