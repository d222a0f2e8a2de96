/* SPDX-License-Identifier: Apache-2.0 */
/* Average pooling and resizing of f32 images: the matrices of ops/resample.h, or their transposes
 * for gradients, are written out once a call as rows of places and weights. Then each row of the
 * result is made by one task, channels in lanes, its terms added in the order of their places. */
#include "ops/resample.h"
#include "kernels/cpu/spans.h"
#include "ops/ops.h"

/* One term of a sum: place along the axis, weight. */
typedef struct term {
    int32_t at;
    float weight;
} term;

/* Row i of a matrix: terms [first[i], first[i + 1]). */
typedef struct table {
    int64_t *first;
    term *terms;
} table;

typedef struct job {
    const snug_call *call;
    table y, x;
    int64_t grain;
} job;

typedef void (*range_of)(const snug_resample *r, int64_t at, int64_t *begin, int64_t *end);

static int64_t rows_of(const snug_resample *r, bool back)
{
    return back ? r->in : r->out;
}

static int64_t count_terms(const snug_resample *r)
{
    int64_t n = 0, begin, end;
    for (int64_t o = 0; o < r->out; o++) {
        snug_resample_row(r, o, &begin, &end);
        n += end - begin;
    }
    return n;
}

static size_t table_bytes(const snug_resample *r, bool back)
{
    return (size_t)(rows_of(r, back) + 1) * sizeof(int64_t) + (size_t)count_terms(r) * sizeof(term);
}

/* Writes the table at p and returns what follows it. */
static char *make_table(const snug_resample *r, bool back, char *p, table *t)
{
    const range_of range = back ? snug_resample_column : snug_resample_row;
    int64_t n = 0, rows = rows_of(r, back), begin, end;
    t->first = (int64_t *)(void *)p;
    t->terms = (term *)(void *)(t->first + rows + 1);
    for (int64_t i = 0; i < rows; i++) {
        t->first[i] = n;
        range(r, i, &begin, &end);
        for (int64_t at = begin; at < end; at++, n++) {
            double w = back ? snug_resample_weight(r, at, i) : snug_resample_weight(r, i, at);
            t->terms[n] = (term){(int32_t)at, (float)w};
        }
    }
    t->first[rows] = n;
    return (char *)(t->terms + n);
}

/* n channels from j on of one pixel: the terms of rows [y0, y1) times those of columns [x0, x1). */
typedef struct pixel {
    const float *from;
    int64_t width, n_channels; /* of `from` */
    const term *y, *y_end, *x, *x_end;
} pixel;

ALWAYS_INLINE vf pixel_vector(const pixel *p, int64_t j, int n)
{
    vf sum = vzero();
    for (const term *y = p->y; y < p->y_end; y++) {
        const float *row = p->from + y->at * p->width * p->n_channels + j;
        for (const term *x = p->x; x < p->x_end; x++)
            sum =
                vfma(vload_upto(row + x->at * p->n_channels, n), vset1(y->weight * x->weight), sum);
    }
    return sum;
}

static void rows_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const job *d = arg;
    const int64_t *from = d->call->in[0].type.shape.dim, *to = d->call->out[0].type.shape.dim;
    int64_t end = (task + 1) * d->grain, rows = to[0] * to[1];
    pixel p = {.width = from[2], .n_channels = to[3]};
    for (int64_t r = task * d->grain; r < (end < rows ? end : rows); r++) {
        float *out = (float *)d->call->out[0].data + r * to[2] * to[3];
        p.from = (const float *)d->call->in[0].data + r / to[1] * from[1] * from[2] * from[3];
        p.y = d->y.terms + d->y.first[r % to[1]], p.y_end = d->y.terms + d->y.first[r % to[1] + 1];
        for (int64_t x = 0; x < to[2]; x++, out += to[3]) {
            int64_t j = 0;
            p.x = d->x.terms + d->x.first[x], p.x_end = d->x.terms + d->x.first[x + 1];
            for (; j + VLEN <= to[3]; j += VLEN) vstore(out + j, pixel_vector(&p, j, VLEN));
            if (j < to[3])
                vstore_n(out + j, pixel_vector(&p, j, (int)(to[3] - j)), (int)(to[3] - j));
        }
    }
}

static void run(const snug_call *c, snug_resample_axes axes, bool back)
{
    snug_resample r[2];
    const snug_tensor *x = back ? &c->out[0] : &c->in[0], *y = back ? &c->in[0] : &c->out[0];
    const int64_t *to = c->out[0].type.shape.dim;
    job d = {.call = c};
    axes(c->attrs, &x->type.shape, &y->type.shape, r);
    make_table(&r[1], back, make_table(&r[0], back, c->scratch, &d.y), &d.x);
    int64_t row = (c->in[0].type.shape.dim[1] / to[1] + 1) * c->in[0].type.shape.dim[2] * to[3];
    if (row < to[2] * to[3]) row = to[2] * to[3];
    if (row == 0 || to[0] == 0) return;
    d.grain = span_rows(row, SPAN_STREAM);
    snug_parallel(c->queue, (to[0] * to[1] + d.grain - 1) / d.grain, rows_task, &d);
}

static size_t scratch(const snug_sig *s, snug_resample_axes axes, bool back)
{
    snug_resample r[2];
    axes(s->attrs, back ? &s->out[0].shape : &s->in[0].shape,
         back ? &s->in[0].shape : &s->out[0].shape, r);
    return table_bytes(&r[0], back) + table_bytes(&r[1], back);
}

/* Places are held in 32 bits, and tables of them are worth it for images alone. */
static bool fits(const snug_sig *s)
{
    const int64_t *from = s->in[0].shape.dim, *to = s->out[0].shape.dim, most = 1 << 16;
    return s->in[0].dtype == SNUG_F32 && s->out[0].dtype == SNUG_F32 && from[1] <= most &&
           from[2] <= most && to[1] <= most && to[2] <= most;
}

/* clang-format off */
static size_t avg_scratch(const snug_sig *s, int t) { (void)t; return scratch(s, snug_avg_pool2d_axes, false); }
static size_t avg_grad_scratch(const snug_sig *s, int t) { (void)t; return scratch(s, snug_avg_pool2d_axes, true); }
static size_t bins_scratch(const snug_sig *s, int t) { (void)t; return scratch(s, snug_adaptive_avg_pool2d_axes, false); }
static size_t bins_grad_scratch(const snug_sig *s, int t) { (void)t; return scratch(s, snug_adaptive_avg_pool2d_axes, true); }
static size_t resize_scratch(const snug_sig *s, int t) { (void)t; return scratch(s, snug_resize2d_axes, false); }
static size_t resize_grad_scratch(const snug_sig *s, int t) { (void)t; return scratch(s, snug_resize2d_axes, true); }
static void k_avg_pool2d_f32(const snug_call *c) { run(c, snug_avg_pool2d_axes, false); }
static void k_avg_pool2d_grad_f32(const snug_call *c) { run(c, snug_avg_pool2d_axes, true); }
static void k_adaptive_avg_pool2d_f32(const snug_call *c) { run(c, snug_adaptive_avg_pool2d_axes, false); }
static void k_adaptive_avg_pool2d_grad_f32(const snug_call *c) { run(c, snug_adaptive_avg_pool2d_axes, true); }
static void k_resize2d_f32(const snug_call *c) { run(c, snug_resize2d_axes, false); }
static void k_resize2d_grad_f32(const snug_call *c) { run(c, snug_resize2d_axes, true); }

KERNEL_TABLE(resample) = {
    {.op = "avg_pool2d", .name = "k_avg_pool2d_f32", .fits = fits, .scratch = avg_scratch, .run = k_avg_pool2d_f32},
    {.op = "avg_pool2d_grad", .name = "k_avg_pool2d_grad_f32", .fits = fits, .scratch = avg_grad_scratch, .run = k_avg_pool2d_grad_f32},
    {.op = "adaptive_avg_pool2d", .name = "k_adaptive_avg_pool2d_f32", .fits = fits, .scratch = bins_scratch, .run = k_adaptive_avg_pool2d_f32},
    {.op = "adaptive_avg_pool2d_grad", .name = "k_adaptive_avg_pool2d_grad_f32", .fits = fits, .scratch = bins_grad_scratch, .run = k_adaptive_avg_pool2d_grad_f32},
    {.op = "resize2d", .name = "k_resize2d_f32", .fits = fits, .scratch = resize_scratch, .run = k_resize2d_f32},
    {.op = "resize2d_grad", .name = "k_resize2d_grad_f32", .fits = fits, .scratch = resize_grad_scratch, .run = k_resize2d_grad_f32},
    {0},
};
/* clang-format on */
