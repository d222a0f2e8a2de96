/* SPDX-License-Identifier: Apache-2.0 */
/* conv2d and the gradient of its input on f32 where every channel is a group with one filter: x [N,
 * H, W, C], w [KH, KW, 1, C], y [N, OH, OW, C]. Channels are lanes, nothing is gathered. A tile is
 * eight adjacent results of a row, in registers: each pixel of the image that it sees is loaded
 * once a row of the window and goes into every result that it belongs to. Where a few channels
 * divide a vector, it holds several pixels. The gradient of x is a convolution of dy: the pixels of
 * a row fall into stride_w phases, each of which sees every so many places of w; where the usual
 * sizes allow it one tile has all phases. Sums over the window go in the order of the image's
 * places, those outside the image left out. */
#include "kernels/cpu/depthwise.h"
#include "kernels/cpu/activate.h"

#define NOINLINE __attribute__((noinline)) /* one for all that need it */

enum {
    BAND_ROWS = 32,        /* rows that a task walks together */
    MAX_PHASES = 4,        /* whose rows' axes are found once a task */
    CHANNEL_BLOCK = 128,   /* channels that a strip walks together */
    TASK_ELEMENTS = 16384, /* of results */
    STRIP_BYTES = 24 << 10 /* of the image, that stay in the first-level cache */
};

/* Where the rows of a window lie for one row of results. */
typedef struct row_view {
    const float *x, *w; /* the first row inside the image, its taps */
    float *y;
    int n_rows;
} row_view;

/* Eight adjacent results of a row, of many rows. Places and steps are in floats. */
typedef struct tile {
    const row_view *rows;
    int n_rows;
    int64_t x, w, y;   /* column 0, tap 0 and result 0 in each row */
    const float *bias; /* may be NULL */
    int64_t act;
    int64_t x_row, w_row;           /* from one row of the window to the next */
    int64_t x_step, w_step, y_step; /* from one column, tap, result to the next */
    int64_t x_tile;                 /* from one tile to the next */
    int64_t taps, step, dilation;   /* for tiles of any window */
    int64_t begin, end;             /* columns inside the image */
    int64_t from, to;               /* results wanted */
} tile;

/* So many adjacent tiles of all rows. */
typedef void (*tile_fn)(const tile *t, int64_t n_channels, int64_t n_tiles);

/* The tiles of one kind of window: all columns and results there, or any of them. */
typedef struct tile_kind {
    int64_t taps, step;
    tile_fn inside, anywhere;
    int64_t columns; /* that a tile sees; 0: as many as the window says */
} tile_kind;

typedef struct job {
    const snug_conv2d_attrs *a;
    int64_t samples, h, w, c, kh, kw; /* of the image */
    const float *image, *weights, *bias;
    int64_t w_tap; /* floats of weights from one tap to the next */
    float *out;
    int64_t out_h, out_w;
    bool back;     /* the image is dy */
    int64_t grain; /* result rows of a task */
} job;

/* ---- tiles ------------------------------------------------------------------------------------
 */

/* What a tile's code is made for. `up`: column q at tap k belongs to result k + (q - the columns
 * before) * step, as in the gradient of a convolution with a stride; else column c at tap k belongs
 * to result (c - k) / step. `edge`: columns or results may be missing. */
typedef struct form {
    int taps, step;
    bool up, edge;
} form;

ALWAYS_INLINE int form_columns(form f)
{
    return f.up ? (f.taps - 1) / f.step + (PIXELS - 1) / f.step + 1
                : (PIXELS - 1) * f.step + f.taps;
}

/* The result that a column belongs to at a tap; -1: none. */
ALWAYS_INLINE int form_result(form f, int column, int tap)
{
    int r = f.up ? tap + (column - (f.taps - 1) / f.step) * f.step : column - tap;
    if (!f.up) r = r % f.step == 0 ? r / f.step : -1;
    return r < PIXELS ? r : -1;
}

/* One row of the window. */
ALWAYS_INLINE void tile_row(const tile *t, form f, const float *x, const float *w, int lanes,
                            vf sum[PIXELS])
{
    const int begin = (int)t->begin, end = (int)t->end;
    vf tap[5];
    UNROLLED for (int k = 0; k < f.taps; k++) tap[k] = vload_upto(w + k * t->w_step, lanes);
    UNROLLED for (int c = 0; c < form_columns(f); c++)
    {
        if (f.edge && c < f.taps - 1 && c < begin) continue;
        if (f.edge && c >= end) break;
        vf v = vhold(vload_upto(x + c * t->x_step, lanes));
        UNROLLED for (int k = 0; k < f.taps; k++)
        {
            int p = form_result(f, c, k);
            if (p >= 0) sum[p] = vfma(v, tap[k], sum[p]);
        }
    }
}

/* The same for a window of any size. */
ALWAYS_INLINE void any_row(const tile *t, form f, const float *x, const float *w, int lanes,
                           vf sum[PIXELS])
{
    for (int64_t k = 0; k < t->taps; k++, w += t->w_step) {
        vf tap = vload_upto(w, lanes);
        UNROLLED for (int p = 0; p < PIXELS; p++)
        {
            int64_t c = p * t->step + k * t->dilation;
            if (f.edge && (c < t->begin || c >= t->end || p >= t->to)) continue;
            sum[p] = vfma(vload_upto(x + c * t->x_step, lanes), tap, sum[p]);
        }
    }
}

static void gelu_pixels(const tile *t, float *y, int lanes)
{
    for (int64_t p = t->from; p < t->to; p++)
        vstore_upto(y + p * t->y_step, vgelu(vload_upto(y + p * t->y_step, lanes)), lanes);
}

/* A vector of channels, from `bias` on if there is one. */
ALWAYS_INLINE void tile_vector(const tile *t, form f, row_view r, const float *bias, int lanes)
{
    const int from = (int)t->from, to = (int)t->to; /* before anything is stored */
    const int64_t y_step = t->y_step;
    vf sum[PIXELS], first = bias ? vload_upto(bias, lanes) : vzero();
    UNROLLED for (int p = 0; p < PIXELS; p++) sum[p] = first;
    for (; r.n_rows > 0; r.n_rows--, r.x += t->x_row, r.w += t->w_row) {
        if (f.taps)
            tile_row(t, f, r.x, r.w, lanes, sum);
        else
            any_row(t, f, r.x, r.w, lanes, sum);
    }
    if (t->act == ACT_RELU || t->act == ACT_RELU6) {
        UNROLLED for (int p = 0; p < PIXELS; p++) sum[p] = vcut(t->act, sum[p]);
    }
    UNROLLED for (int p = 0; p < PIXELS; p++)
    {
        if (f.edge && (f.up || p > 0) && p >= to) break;
        if (f.edge && f.up && p < from) continue;
        vstore_upto(r.y + p * y_step, sum[p], lanes);
    }
    if (t->act == ACT_GELU) gelu_pixels(t, r.y, lanes);
}

/* The last channels, which fill no vector. */
typedef void (*tail_fn)(const tile *t, row_view r, const float *bias, int lanes);

ALWAYS_INLINE void tile_channels(const tile *t, form f, tail_fn tail, row_view r,
                                 int64_t n_channels)
{
    const float *bias = t->bias;
    int64_t left = n_channels;
    for (; left >= VLEN; left -= VLEN, r.x += VLEN, r.w += VLEN, r.y += VLEN) {
        tile_vector(t, f, r, bias, VLEN);
        if (bias) bias += VLEN;
    }
    if (left > 0) tail(t, r, bias, (int)left);
}

ALWAYS_INLINE void run_tiles(const tile *t, form f, tail_fn tail, int64_t n_channels,
                             int64_t n_tiles)
{
    for (int i = 0; i < t->n_rows; i++) {
        row_view r = t->rows[i];
        r.x += t->x, r.w += t->w, r.y += t->y;
        for (int64_t n = n_tiles; n > 0; n--, r.x += t->x_tile, r.y += PIXELS * t->y_step)
            tile_channels(t, f, tail, r, n_channels);
    }
}

#ifndef SNUG_SCALAR /* which has few registers for tiles, and is to be small */
NOINLINE static void tail_3_1(const tile *t, row_view r, const float *bias, int lanes)
{
    tile_vector(t, (form){3, 1, false, true}, r, bias, lanes);
}

NOINLINE static void tail_3_2(const tile *t, row_view r, const float *bias, int lanes)
{
    tile_vector(t, (form){3, 2, false, true}, r, bias, lanes);
}

NOINLINE static void tail_5_1(const tile *t, row_view r, const float *bias, int lanes)
{
    tile_vector(t, (form){5, 1, false, true}, r, bias, lanes);
}

NOINLINE static void tail_5_2(const tile *t, row_view r, const float *bias, int lanes)
{
    tile_vector(t, (form){5, 2, false, true}, r, bias, lanes);
}
#endif

NOINLINE static void tail_up(const tile *t, row_view r, const float *bias, int lanes)
{
    tile_vector(t, (form){3, 2, true, true}, r, bias, lanes);
}

NOINLINE static void tail_any(const tile *t, row_view r, const float *bias, int lanes)
{
    tile_vector(t, (form){0, 1, false, true}, r, bias, lanes);
}

/* clang-format off */
#ifndef SNUG_SCALAR
static void inside_3_1(const tile *t, int64_t c, int64_t n) { run_tiles(t, (form){3, 1, false, false}, tail_3_1, c, n); }
static void edge_3_1(const tile *t, int64_t c, int64_t n) { run_tiles(t, (form){3, 1, false, true}, tail_3_1, c, n); }
static void inside_3_2(const tile *t, int64_t c, int64_t n) { run_tiles(t, (form){3, 2, false, false}, tail_3_2, c, n); }
static void edge_3_2(const tile *t, int64_t c, int64_t n) { run_tiles(t, (form){3, 2, false, true}, tail_3_2, c, n); }
static void inside_5_1(const tile *t, int64_t c, int64_t n) { run_tiles(t, (form){5, 1, false, false}, tail_5_1, c, n); }
static void edge_5_1(const tile *t, int64_t c, int64_t n) { run_tiles(t, (form){5, 1, false, true}, tail_5_1, c, n); }
static void inside_5_2(const tile *t, int64_t c, int64_t n) { run_tiles(t, (form){5, 2, false, false}, tail_5_2, c, n); }
static void edge_5_2(const tile *t, int64_t c, int64_t n) { run_tiles(t, (form){5, 2, false, true}, tail_5_2, c, n); }
#endif
static void inside_up(const tile *t, int64_t c, int64_t n) { run_tiles(t, (form){3, 2, true, false}, tail_up, c, n); }
static void edge_up(const tile *t, int64_t c, int64_t n) { run_tiles(t, (form){3, 2, true, true}, tail_up, c, n); }
static void inside_any(const tile *t, int64_t c, int64_t n) { run_tiles(t, (form){0, 1, false, false}, tail_any, c, n); }
static void edge_any(const tile *t, int64_t c, int64_t n) { run_tiles(t, (form){0, 1, false, true}, tail_any, c, n); }
/* clang-format on */

static const tile_kind kinds[] = {
#ifndef SNUG_SCALAR
    {3, 1, inside_3_1, edge_3_1, PIXELS + 2},
    {3, 2, inside_3_2, edge_3_2, 2 * PIXELS + 1},
    {5, 1, inside_5_1, edge_5_1, PIXELS + 4},
    {5, 2, inside_5_2, edge_5_2, 2 * PIXELS + 3},
#endif
    {0, 0, inside_any, edge_any, 0}};
static const tile_kind kind_up = {3, 2, inside_up, edge_up, PIXELS / 2 + 1};

static const tile_kind *kind_of(const axis *x)
{
    const tile_kind *k = kinds;
    while (k->taps > 0 && !axis_is(x, k->taps, k->step)) k++;
    return k;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

/* Rows of results, all along one axis of columns. */
typedef struct band {
    const job *d;
    const axis *x;
    const tile_kind *kind; /* NULL: as the axis says */
    int64_t fold;          /* pixels in a vector */
    int64_t advance;       /* columns from one tile to the next */
    int64_t begin, end;    /* tiles that see all their columns */
    tile t;                /* what all tiles share */
} band;

/* Tiles [i, i + n) of all rows, channels from c0 on. */
static void run_tile(band *b, int64_t i, int64_t n, const int64_t block[2])
{
    const axis *x = b->x;
    const int64_t column = i * b->advance - x->before, c = b->d->c, c0 = block[0];
    const bool inside = i >= b->begin && i < b->end;
    b->t.x = column * c + c0;
    b->t.w = x->w0 * b->d->w_tap + c0;
    b->t.y = (x->first + i * PIXELS * x->stride) * c + c0;
    b->t.bias = b->d->bias ? b->d->bias + c0 : NULL;
    b->t.begin = -column;
    b->t.end = x->extent - column - (b->fold - 1);
    b->t.from = i == 0 && x->first < 0 ? -x->first : 0;
    b->t.to = min64(x->n - i * PIXELS, PIXELS);
    (inside ? b->kind->inside : b->kind->anywhere)(&b->t, block[1], n);
}

/* Which tiles see all their columns and have all their results. */
static void find_inside(band *b)
{
    const axis *x = b->x;
    int64_t columns = b->kind->columns;
    if (columns == 0) columns = (PIXELS - 1) * x->step + (x->taps - 1) * x->dilation + 1;
    int64_t room = x->extent - (b->fold - 1) - columns + x->before;
    b->advance = b->kind == &kind_up ? PIXELS / x->step : PIXELS * x->step;
    b->begin = round_up_div(x->before, b->advance);
    if (b->begin == 0 && x->first < 0) b->begin = 1;
    b->end = min64(room >= 0 ? room / b->advance + 1 : 0, x->n / PIXELS);
}

/* Strips of results that the first-level cache holds the image of, all rows of each. */
static void run_band(band *b, int64_t n_channels)
{
    const int64_t tiles = (b->x->n + PIXELS - 1) / PIXELS;
    find_inside(b);
    for (int64_t c0 = 0; c0 < n_channels; c0 += CHANNEL_BLOCK) {
        const int64_t block[] = {c0, min64(CHANNEL_BLOCK, n_channels - c0)};
        int64_t bytes = (int64_t)sizeof(float) * block[1] * b->d->kh * b->advance;
        int64_t strip = bytes < STRIP_BYTES ? STRIP_BYTES / bytes : 1;
        for (int64_t i = 0, n; i < tiles; i += n) {
            bool inside = i >= b->begin && i < b->end;
            n = inside ? min64(strip, b->end - i) : 1;
            run_tile(b, i, n, block);
        }
    }
}

/* Results [from, to) of an axis. */
static axis axis_part(const axis *a, int64_t from, int64_t to)
{
    axis part = *a;
    part.n = to - from;
    part.before -= from * a->step;
    part.first += from * a->stride;
    return part;
}

static void run_part(const band *whole, const axis *x, int64_t fold)
{
    band b = *whole;
    axis groups = *x;
    groups.n /= fold, groups.step *= fold, groups.stride *= fold;
    b.x = &groups;
    b.fold = fold;
    if (!b.kind) b.kind = kind_of(&groups);
    b.t.y_step *= groups.stride;
    b.t.x_tile = (b.kind == &kind_up ? PIXELS / x->step : PIXELS * groups.step) * b.d->c;
    b.t.taps = x->taps, b.t.step = groups.step, b.t.dilation = x->dilation;
    b.t.w_step = b.d->w_tap * x->w_step;
    if (groups.n > 0) run_band(&b, b.d->c * fold);
}

static int64_t fold_of(const job *d)
{
    return d->c > 0 && d->c < VLEN && VLEN % d->c == 0 ? VLEN / d->c : 1;
}

/* The first and the last result of every row, half a vector each; false: one sees more taps than
 * the other. */
static bool run_ends(const band *b, const axis *x)
{
    const job *d = b->d;
    const int64_t far = x->n - 1, tap = d->w_tap * x->w_step;
    int64_t left, all, none, n_taps;
    axis_taps(x, 0, &left, &all);
    axis_taps(x, far, &none, &n_taps);
    if (none > 0 || all - left != n_taps) return false;
    const int64_t near = (left * x->dilation - x->before) * d->c;
    for (int i = 0; i < b->t.n_rows; i++) {
        row_view r = b->t.rows[i];
        const float *w = r.w + x->w0 * d->w_tap;
        vf sum = d->bias ? vload(d->bias) : vzero();
        for (; r.n_rows > 0; r.n_rows--, r.x += b->t.x_row, w += b->t.w_row)
            for (int64_t k = 0; k < n_taps; k++) {
                const float *p = r.x + near + k * x->dilation * d->c;
                const float *q = r.x + (far - x->before + k * x->dilation) * d->c;
                const vf t = vload2(w + (left + k) * tap, VLEN / 2, w + k * tap, VLEN / 2);
                sum = vfma(vload2(p, VLEN / 2, q, VLEN / 2), t, sum);
            }
        vstore2(r.y, VLEN / 2, r.y + far * d->c, VLEN / 2, vactivate(b->t.act, sum));
    }
    return true;
}

/* All results along x. Pixels of few channels that see all taps are one run of floats. */
static void run_axis(const band *b, const axis *x)
{
    int64_t fold = fold_of(b->d), begin, end;
    axis_interior(x, &begin, &end);
    end -= (end - begin) % fold;
    if (fold == 1 || x->step != 1 || x->stride != 1 || begin == end || b->kind) {
        run_part(b, x, 1);
        return;
    }
    const axis left = axis_part(x, 0, begin), middle = axis_part(x, begin, end),
               right = axis_part(x, end, x->n);
    run_part(b, &middle, fold);
    if (fold == 2 && left.n == 1 && right.n == 1 && run_ends(b, x)) return;
    run_part(b, &left, 1);
    run_part(b, &right, 1);
}

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

/* The axis of columns whose results have all phases: the first may lie before the row, so that
 * tiles begin with the same phase. */
static axis phases_of(const job *d)
{
    const snug_conv2d_attrs *a = d->a;
    int64_t stride = a->stride_w, before = a->pad_left % stride;
    return (axis){.n = d->out_w + before,
                  .extent = d->w,
                  .step = stride,
                  .dilation = 1,
                  .before = (d->kw - 1) / stride - a->pad_left / stride,
                  .taps = d->kw,
                  .w_step = 1,
                  .first = -before,
                  .stride = 1};
}

static axis down_axis(const job *d, int64_t place)
{
    const snug_conv2d_attrs *a = d->a;
    const int64_t steps[] = {a->stride_h, a->dilation_h, a->pad_top};
    if (!d->back) return axis_down(a, d->h, d->kh, d->out_h);
    return phase_of(place % a->stride_h, steps, d->kh, (int64_t[]){d->out_h, d->h});
}

/* How rows look at the image: all alike, or stride_h kinds of them in turn. */
typedef struct row_axes {
    axis of[MAX_PHASES];
    int64_t n;
} row_axes;

static void find_axes(const job *d, row_axes *y)
{
    y->n = d->back ? min64(d->a->stride_h, MAX_PHASES) : 1;
    for (int64_t i = 0; i < y->n; i++) y->of[i] = down_axis(d, i);
}

static row_view view_of(const job *d, const row_axes *axes, int64_t row)
{
    const int64_t sample = row / d->out_h, place = row % d->out_h;
    const int64_t stride = d->back ? d->a->stride_h : 1;
    const int64_t o = stride == 1 ? place : place / stride, phase = place - o * stride;
    const axis far = phase < axes->n ? (axis){0} : down_axis(d, phase);
    const axis *y = phase < axes->n ? &axes->of[phase] : &far;
    int64_t begin, end;
    axis_taps(y, o, &begin, &end);
    int64_t first = sample * d->h + o * y->step + begin * y->dilation - y->before;
    return (row_view){.x = d->image + first * d->w * d->c,
                      .w = d->weights + (y->w0 + begin * y->w_step) * d->kw * d->w_tap,
                      .y = d->out + row * d->out_w * d->c,
                      .n_rows = (int)(end - begin)};
}

static void run_rows(const job *d, band *b)
{
    const snug_conv2d_attrs *a = d->a;
    if (!d->back) {
        const axis x = axis_across(a, d->w, d->kw, d->out_w);
        run_axis(b, &x);
    } else if (d->kw == kind_up.taps && a->stride_w == kind_up.step && a->dilation_w == 1) {
        const axis x = phases_of(d);
        b->kind = &kind_up;
        run_axis(b, &x);
    } else {
        const int64_t steps[] = {a->stride_w, a->dilation_w, a->pad_left};
        for (int64_t first = 0; first < a->stride_w && first < d->out_w; first++) {
            const axis x = phase_of(first, steps, d->kw, (int64_t[]){d->out_w, d->w});
            run_axis(b, &x);
        }
    }
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

static void rows_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    job own = *(const job *)arg, *d = &own;
    float wide[(MAX_TAPS + 1) * VLEN];
    row_view rows[BAND_ROWS];
    if (fold_of(d) > 1) widen(d, wide);
    row_axes axes = {.n = 0};
    find_axes(d, &axes);
    const axis *y = &axes.of[0];
    const int64_t end = min64((task + 1) * d->grain, d->samples * d->out_h);
    for (int64_t row = task * d->grain; row < end; row += BAND_ROWS) {
        band b = {.d = d};
        b.t = (tile){.rows = rows,
                     .n_rows = (int)min64(BAND_ROWS, end - row),
                     .x_row = y->dilation * d->w * d->c,
                     .w_row = y->w_step * d->kw * d->w_tap,
                     .x_step = d->c,
                     .y_step = d->c,
                     .act = d->back ? ACT_NONE : d->a->act};
        for (int r = 0; r < b.t.n_rows; r++) rows[r] = view_of(d, &axes, row + r);
        run_rows(d, &b);
    }
}

static void rows_parallel(job *d, const snug_call *call)
{
    int64_t row = d->out_w * d->c, rows = d->samples * d->out_h;
    if (rows == 0 || row == 0) return;
    d->grain = span_rows(row, TASK_ELEMENTS);
    snug_parallel(call->queue, (rows + d->grain - 1) / d->grain, rows_task, d);
}

/* The image and w of a call, y or dx. */
static job job_of(const snug_call *call, const snug_tensor *y)
{
    const int64_t *x = call->in[0].type.shape.dim, *k = call->in[1].type.shape.dim;
    return (job){.a = call->attrs,
                 .samples = x[0],
                 .h = x[1],
                 .w = x[2],
                 .c = x[3],
                 .kh = k[0],
                 .kw = k[1],
                 .image = call->in[0].data,
                 .weights = call->in[1].data,
                 .w_tap = x[3],
                 .out = y->data,
                 .out_h = y->type.shape.dim[1],
                 .out_w = y->type.shape.dim[2]};
}

static void k_depthwise_f32(const snug_call *call)
{
    job d = job_of(call, &call->out[0]);
    d.bias = call->n_in > 2 ? call->in[2].data : NULL;
    rows_parallel(&d, call);
}

static void k_depthwise_grad_input_f32(const snug_call *call)
{
    job d = job_of(call, &call->out[0]);
    d.back = true;
    rows_parallel(&d, call);
}

static bool forward_fits(const snug_sig *sig)
{
    return depthwise_suits(sig, &sig->in[0].shape, &sig->in[1].shape);
}

static bool input_fits(const snug_sig *sig)
{
    return depthwise_suits(sig, &sig->out[0].shape, &sig->in[1].shape);
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
    {0},
};
