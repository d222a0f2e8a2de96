/* SPDX-License-Identifier: Apache-2.0 */
/* quantize of f32, and dequantize of 8-bit integers to f32, with the reference's bits: the quotient
 * is rounded to f32, then to an integer. Elements of one scale lie together, or scales lie beside
 * each other as the elements do. */
#include "ops/quantize.h"
#include "kernels/cpu/spans.h"

typedef struct row {
    const float *scale;
    const int32_t *zero; /* NULL: 0 */
    bool each;           /* a scale for each element; else one for all */
    bool is_unsigned;
} row;

ALWAYS_INLINE vf scale_at(const row *r, int64_t i, int n)
{
    return r->each ? vload_upto(r->scale + i, n) : vset1(*r->scale);
}

ALWAYS_INLINE vf zero_at(const row *r, int64_t i, int n)
{
    if (!r->zero) return vzero();
    if (!r->each) return vset1((float)*r->zero);
    return vi_to_vf(n == VLEN ? viload(r->zero + i) : viload_n(r->zero + i, n));
}

/* Zero points of 8-bit types are whole in f32; others would not be. */
static void quantize_row(const row *r, const float *x, uint8_t *q, int64_t n)
{
    vf low = vset1(r->is_unsigned ? 0 : -128), high = vset1(r->is_unsigned ? 255 : 127);
    for (int64_t i = 0; i < n; i += VLEN) {
        int lanes = vlanes(i, n);
        vf v = vdiv(vload_upto(x + i, lanes), scale_at(r, i, lanes));
        v = vselect(veq(v, v), vround(v), vzero());
        v = vmin(vmax(vadd(v, zero_at(r, i, lanes)), low), high);
        vi b = viand(vf_to_vi(v), viset1(255));
        if (lanes == VLEN)
            vstore_u8(q + i, b);
        else
            vstore_u8_n(q + i, b, lanes);
    }
}

static void dequantize_row(const row *r, const uint8_t *q, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += VLEN) {
        int lanes = vlanes(i, n);
        vi v = lanes == VLEN ? vload_u8(q + i) : vload_u8_n(q + i, lanes);
        if (!r->is_unsigned) v = visub(vixor(v, viset1(128)), viset1(128));
        vf d = vsub(vi_to_vf(v), zero_at(r, i, lanes));
        vstore_upto(y + i, vmul(d, scale_at(r, i, lanes)), lanes);
    }
}

/* Elements [begin, end), in pieces that have one scale, or scales beside each other. */
ALWAYS_INLINE void each_row(const snug_call *c, int64_t begin, int64_t end, bool back)
{
    snug_channels k = snug_channels_of(c->attrs, &c->in[0].type.shape, &c->in[1].type.shape);
    bool each = k.inner == 1 && k.n > 1;
    int64_t period = each ? k.n : k.inner;
    snug_dtype type = back ? c->in[0].type.dtype : c->out[0].type.dtype;
    for (int64_t i = begin, n; i < end; i += n) {
        int64_t left = period - i % period, at = snug_channel(&k, i);
        n = left < end - i ? left : end - i;
        row r = {.scale = (const float *)c->in[1].data + at, .each = each};
        r.zero = c->n_in > 2 ? (const int32_t *)c->in[2].data + at : NULL;
        r.is_unsigned = type == SNUG_U8;
        if (back)
            dequantize_row(&r, (const uint8_t *)c->in[0].data + i, (float *)c->out[0].data + i, n);
        else
            quantize_row(&r, (const float *)c->in[0].data + i, (uint8_t *)c->out[0].data + i, n);
    }
}

static void quantize_span(const snug_call *c, int64_t begin, int64_t end)
{
    each_row(c, begin, end, false);
}

static void dequantize_span(const snug_call *c, int64_t begin, int64_t end)
{
    each_row(c, begin, end, true);
}

static void k_quantize_f32(const snug_call *c)
{
    spans_run(c, snug_shape_elements(&c->out[0].type.shape), SPAN_STREAM, quantize_span);
}

static bool fits_quantize(const snug_sig *s)
{
    return s->in[0].dtype == SNUG_F32 && s->in[1].dtype == SNUG_F32;
}

static bool fits_dequantize(const snug_sig *s)
{
    return (s->in[0].dtype == SNUG_U8 || s->in[0].dtype == SNUG_I8) && s->in[1].dtype == SNUG_F32;
}

static void k_dequantize_f32(const snug_call *c)
{
    spans_run(c, snug_shape_elements(&c->out[0].type.shape), SPAN_STREAM, dequantize_span);
}

KERNEL_TABLE(quantize) = {
    {.op = "quantize", .name = "k_quantize_f32", .fits = fits_quantize, .run = k_quantize_f32},
    {.op = "dequantize",
     .name = "k_dequantize_f32",
     .fits = fits_dequantize,
     .run = k_dequantize_f32},
    {0},
};
