/* SPDX-License-Identifier: Apache-2.0 */
/* The matrices of resample.h, and what is made of them. */
#include "ops/resample.h"

/* Where output o lies among the inputs, from 0 on. */
static double place_of(const snug_resample *r, int64_t o)
{
    if (r->corners) return r->out > 1 ? (double)(o * (r->in - 1)) / (double)(r->out - 1) : 0;
    double p = ((double)o + 0.5) * (double)r->in / (double)r->out - 0.5;
    return p > 0 ? p : 0;
}

void snug_resample_row(const snug_resample *r, int64_t o, int64_t *begin, int64_t *end)
{
    switch (r->kind) {
    case RESAMPLE_WINDOW:
        *begin = o * r->stride - r->before, *end = *begin + r->kernel;
        break;
    case RESAMPLE_BINS:
        *begin = o * r->in / r->out, *end = ((o + 1) * r->in + r->out - 1) / r->out;
        break;
    case RESAMPLE_NEAREST:
        *begin = o * r->in / r->out, *end = *begin + 1;
        break;
    case RESAMPLE_LINEAR:
        *begin = (int64_t)place_of(r, o), *end = *begin + 2;
        break;
    }
    if (*begin < 0) *begin = 0;
    if (*end > r->in) *end = r->in;
}

/* The first row that begins behind i or, with `ends`, ends behind it. */
static int64_t first_row(const snug_resample *r, int64_t i, bool ends)
{
    int64_t low = 0, high = r->out;
    while (low < high) {
        int64_t o = low + (high - low) / 2, begin, end;
        snug_resample_row(r, o, &begin, &end);
        if ((ends ? end : begin) > i)
            high = o;
        else
            low = o + 1;
    }
    return low;
}

void snug_resample_column(const snug_resample *r, int64_t i, int64_t *begin, int64_t *end)
{
    *begin = first_row(r, i, true);
    *end = first_row(r, i, false);
    if (*end < *begin) *end = *begin;
}

double snug_resample_weight(const snug_resample *r, int64_t o, int64_t i)
{
    int64_t begin, end;
    if (r->kind == RESAMPLE_NEAREST) return 1;
    snug_resample_row(r, o, &begin, &end);
    if (r->kind == RESAMPLE_WINDOW && r->count_pad) return 1 / (double)r->kernel;
    if (r->kind != RESAMPLE_LINEAR) return 1 / (double)(end - begin);
    double second = end - begin > 1 ? place_of(r, o) - (double)begin : 0;
    return i == begin ? 1 - second : second;
}

/* ---- rules ------------------------------------------------------------------------------------
 */

snug_status snug_resample_shape(snug_infer *f, int64_t h, int64_t w)
{
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    int64_t n = 1;
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_rank(f, 0, 4, "[N, H, W, C]"));
    CHECK(x->dim[1] > 0 && x->dim[2] > 0 && x->dim[1] <= MAX_EXTENT / 2 &&
              x->dim[2] <= MAX_EXTENT / 2 && x->kind[1] == SNUG_AXIS_FIXED &&
              x->kind[2] == SNUG_AXIS_FIXED,
          SNUG_ESHAPE, "'%s': height and width of %s must be fixed and positive", f->name,
          snug_shape_text(x, text, sizeof text));
    f->out[0] = f->in[0];
    f->out[0].shape.dim[1] = h, f->out[0].shape.dim[2] = w;
    for (int i = 0; i < 4; i++) TRY(snug_infer_mul(f, n, f->out[0].shape.dim[i], &n));
    return SNUG_OK;
}

int snug_resample_uses(const snug_sig *s, snug_axis_use *u)
{
    int n = snug_use_batch(s, u, 0, 0, 0);
    for (int d = 1; d <= 2; d++) {
        n = snug_use_axis(u, n, 0, d, 0, d);
        u[n - 1].how = SNUG_FOLLOW_WINDOW;
    }
    return snug_use_axis(u, n, 0, 3, 0, 3);
}

static double nonzeros(const snug_resample *r)
{
    int64_t begin, end;
    double n = 0;
    if (r->kind != RESAMPLE_BINS) {
        n = r->kind == RESAMPLE_WINDOW ? (double)r->kernel : r->kind == RESAMPLE_LINEAR ? 2 : 1;
        return n * (double)r->out;
    }
    for (int64_t o = 0; o < r->out; o++) {
        snug_resample_row(r, o, &begin, &end);
        n += (double)(end - begin);
    }
    return n;
}

snug_cost snug_resample_cost(const snug_sig *s, const snug_resample r[2])
{
    const snug_shape *x = &s->in[0].shape;
    return snug_cost_of(s, 2 * nonzeros(&r[0]) * nonzeros(&r[1]) * (double)(x->dim[0] * x->dim[3]));
}

/* ---- references -------------------------------------------------------------------------------
 */

typedef void (*range_of)(const snug_resample *r, int64_t at, int64_t *begin, int64_t *end);

/* One element of y from a range of x, or, with `back`, one of dx from a range of dy. */
static double combine(const snug_tensor *from, const snug_resample r[2], bool back,
                      const int64_t at[4])
{
    const range_of range = back ? snug_resample_column : snug_resample_row;
    const int64_t *d = from->type.shape.dim;
    int64_t y, y_end, x0, x_end;
    double sum = 0;
    range(&r[0], at[1], &y, &y_end);
    range(&r[1], at[2], &x0, &x_end);
    for (; y < y_end; y++)
        for (int64_t x = x0; x < x_end; x++) {
            double wy = back ? snug_resample_weight(&r[0], y, at[1])
                             : snug_resample_weight(&r[0], at[1], y);
            double wx = back ? snug_resample_weight(&r[1], x, at[2])
                             : snug_resample_weight(&r[1], at[2], x);
            sum += wy * wx * snug_load(from, ((at[0] * d[1] + y) * d[2] + x) * d[3] + at[3]);
        }
    return sum;
}

static void run(const snug_call *c, const snug_resample r[2], bool back)
{
    const snug_shape *s = &c->out[0].type.shape;
    for (int64_t i = 0; i < snug_shape_elements(s); i++) {
        int64_t at[4], rest = i;
        for (int d = 3; d >= 0; d--) at[d] = rest % s->dim[d], rest /= s->dim[d];
        snug_store(&c->out[0], i, combine(&c->in[0], r, back, at));
    }
}

void snug_resample_ref(const snug_call *c, snug_resample_axes axes)
{
    snug_resample r[2];
    axes(c->attrs, &c->in[0].type.shape, &c->out[0].type.shape, r);
    run(c, r, false);
}

void snug_resample_grad_ref(const snug_call *c, snug_resample_axes axes)
{
    snug_resample r[2];
    axes(c->attrs, &c->out[0].type.shape, &c->in[0].type.shape, r);
    run(c, r, true);
}
