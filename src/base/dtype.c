/* SPDX-License-Identifier: Apache-2.0 */
/* Element types, one row each, and shapes.
 *
 * The narrow floats are described by a few numbers and share one conversion: round to nearest, ties
 * to even, subnormals kept. FP8 as in Micikevicius et al., "FP8 formats for deep learning" (2022):
 * E4M3 has no infinity, and what does not fit becomes its largest number; E5M2 overflows to
 * infinity. */
#include <inttypes.h>
#include <math.h>
#include <snug/tensor.h>
#include <stdio.h>
#include <string.h>

typedef struct narrow {
    int exponent_bits, mantissa_bits;
    bool has_infinity;
    uint32_t overflow, nan; /* codes, without the sign */
} narrow;

static const narrow bf16 = {8, 7, true, 0x7f80, 0x7fc0};
static const narrow f16 = {5, 10, true, 0x7c00, 0x7e00};
static const narrow f8e4m3 = {4, 3, false, 0x7e, 0x7f};
static const narrow f8e5m2 = {5, 2, true, 0x7c, 0x7f};

static inline int bias_of(const narrow *f)
{
    return (1 << (f->exponent_bits - 1)) - 1;
}

static double decode(const narrow *f, uint32_t code)
{
    int man = f->mantissa_bits, top = (1 << f->exponent_bits) - 1;
    int exponent = (int)(code >> man) & top;
    uint32_t mantissa = code & ((1u << man) - 1);
    double sign = code >> (man + f->exponent_bits) & 1 ? -1.0 : 1.0;
    if (exponent == top && f->has_infinity) return mantissa ? NAN : sign * INFINITY;
    if (exponent == top && mantissa == (1u << man) - 1) return NAN;
    if (exponent == 0) return sign * ldexp(mantissa, 1 - bias_of(f) - man);
    return sign * ldexp((double)(mantissa | 1u << man), exponent - bias_of(f) - man);
}

static uint32_t encode(const narrow *f, double v)
{
    int man = f->mantissa_bits, lowest = 1 - bias_of(f);
    uint32_t sign = (uint32_t)(signbit(v) != 0) << (man + f->exponent_bits);
    if (isnan(v)) return sign | f->nan;
    if (isinf(v)) return sign | f->overflow;
    int exponent;
    frexp(v, &exponent); /* |v| in [2^(exponent - 1), 2^exponent) */
    int unit = (v == 0 || exponent - 1 < lowest ? lowest : exponent - 1) - man;
    if (unit + man > bias_of(f) + 1) return sign | f->overflow;
    uint32_t steps = (uint32_t)rint(ldexp(fabs(v), -unit)); /* at most 2^(man + 1) */
    /* A carry out of the mantissa runs into the exponent, which is what rounding up means; below
     * the normal range the exponent field comes out as 0. */
    uint32_t code = ((uint32_t)(unit + man + bias_of(f)) << man) + steps - (1u << man);
    return sign | (code < f->overflow ? code : f->overflow);
}

#define U8(base)  ((uint8_t *)(base))
#define U16(base) ((uint16_t *)(base))

static double load_f64(const void *p, int64_t i)
{
    return ((const double *)p)[i];
}
static void store_f64(void *p, int64_t i, double v)
{
    ((double *)p)[i] = v;
}
static double load_f32(const void *p, int64_t i)
{
    return (double)((const float *)p)[i];
}
static void store_f32(void *p, int64_t i, double v)
{
    ((float *)p)[i] = (float)v;
}
/* bf16 is the upper half of an f32. */
static double load_bf16(const void *p, int64_t i)
{
    uint32_t bits = (uint32_t)((const uint16_t *)p)[i] << 16;
    float v;
    memcpy(&v, &bits, sizeof v);
    return (double)v;
}
static void store_bf16(void *p, int64_t i, double v)
{
    U16(p)[i] = (uint16_t)encode(&bf16, v);
}
static double load_f16(const void *p, int64_t i)
{
    return decode(&f16, ((const uint16_t *)p)[i]);
}
static void store_f16(void *p, int64_t i, double v)
{
    U16(p)[i] = (uint16_t)encode(&f16, v);
}
static double load_f8e4m3(const void *p, int64_t i)
{
    return decode(&f8e4m3, ((const uint8_t *)p)[i]);
}
static void store_f8e4m3(void *p, int64_t i, double v)
{
    U8(p)[i] = (uint8_t)encode(&f8e4m3, v);
}
static double load_f8e5m2(const void *p, int64_t i)
{
    return decode(&f8e5m2, ((const uint8_t *)p)[i]);
}
static void store_f8e5m2(void *p, int64_t i, double v)
{
    U8(p)[i] = (uint8_t)encode(&f8e5m2, v);
}

/* To the nearest integer in [low, high]; NaN is 0. Bounds are exact doubles but for INT64_MAX. */
static double saturate(double v, double low, double high)
{
    if (isnan(v)) return 0;
    v = rint(v);
    return v < low ? low : v > high ? high : v;
}

static double load_i64(const void *p, int64_t i)
{
    return (double)((const int64_t *)p)[i];
}
static void store_i64(void *p, int64_t i, double v)
{
    ((int64_t *)p)[i] = v >= 0x1p63 ? INT64_MAX : (int64_t)saturate(v, -0x1p63, 0x1p63);
}
static double load_i32(const void *p, int64_t i)
{
    return ((const int32_t *)p)[i];
}
static void store_i32(void *p, int64_t i, double v)
{
    ((int32_t *)p)[i] = (int32_t)saturate(v, INT32_MIN, INT32_MAX);
}
static double load_i16(const void *p, int64_t i)
{
    return ((const int16_t *)p)[i];
}
static void store_i16(void *p, int64_t i, double v)
{
    ((int16_t *)p)[i] = (int16_t)saturate(v, INT16_MIN, INT16_MAX);
}
static double load_i8(const void *p, int64_t i)
{
    return ((const int8_t *)p)[i];
}
static void store_i8(void *p, int64_t i, double v)
{
    ((int8_t *)p)[i] = (int8_t)saturate(v, INT8_MIN, INT8_MAX);
}
static double load_u8(const void *p, int64_t i)
{
    return ((const uint8_t *)p)[i];
}
static void store_u8(void *p, int64_t i, double v)
{
    U8(p)[i] = (uint8_t)saturate(v, 0, UINT8_MAX);
}
static double load_bool(const void *p, int64_t i)
{
    return ((const uint8_t *)p)[i] != 0;
}
static void store_bool(void *p, int64_t i, double v)
{
    U8(p)[i] = v != 0;
}

/* name, safetensors, npy, elements and bytes of a block, float, signed */
static const snug_dtype_info rows[SNUG_N_DTYPES] = {
    [SNUG_F64] = {"f64", "F64", "<f8", 1, 8, true, true, load_f64, store_f64},
    [SNUG_F32] = {"f32", "F32", "<f4", 1, 4, true, true, load_f32, store_f32},
    [SNUG_BF16] = {"bf16", "BF16", NULL, 1, 2, true, true, load_bf16, store_bf16},
    [SNUG_F16] = {"f16", "F16", "<f2", 1, 2, true, true, load_f16, store_f16},
    [SNUG_F8E4M3] = {"f8e4m3", "F8_E4M3", NULL, 1, 1, true, true, load_f8e4m3, store_f8e4m3},
    [SNUG_F8E5M2] = {"f8e5m2", "F8_E5M2", NULL, 1, 1, true, true, load_f8e5m2, store_f8e5m2},
    [SNUG_I64] = {"i64", "I64", "<i8", 1, 8, false, true, load_i64, store_i64},
    [SNUG_I32] = {"i32", "I32", "<i4", 1, 4, false, true, load_i32, store_i32},
    [SNUG_I16] = {"i16", "I16", "<i2", 1, 2, false, true, load_i16, store_i16},
    [SNUG_I8] = {"i8", "I8", "|i1", 1, 1, false, true, load_i8, store_i8},
    [SNUG_U8] = {"u8", "U8", "|u1", 1, 1, false, false, load_u8, store_u8},
    [SNUG_BOOL] = {"bool", "BOOL", "|b1", 1, 1, false, false, load_bool, store_bool},
};

const snug_dtype_info *snug_dtype_get(snug_dtype t)
{
    return &rows[t];
}

int64_t snug_shape_elements(const snug_shape *s)
{
    int64_t n = 1;
    for (int i = 0; i < s->n_dims; i++) n *= s->dim[i];
    return n;
}

size_t snug_type_bytes(const snug_type *t)
{
    const snug_dtype_info *info = &rows[t->dtype];
    size_t elements = (size_t)snug_shape_elements(&t->shape);
    size_t blocks = (elements + info->block_elements - 1) / info->block_elements;
    return blocks * info->block_bytes;
}

bool snug_shape_equal(const snug_shape *a, const snug_shape *b)
{
    if (a->n_dims != b->n_dims) return false;
    for (int i = 0; i < a->n_dims; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

const char *snug_shape_text(const snug_shape *s, char *buf, size_t buf_bytes)
{
    size_t at = 0;
    if (buf_bytes) buf[0] = '\0';
    for (int i = 0; i < s->n_dims && at < buf_bytes; i++)
        at += (size_t)snprintf(buf + at, buf_bytes - at, "%s%" PRId64, i ? ", " : "[", s->dim[i]);
    if (at < buf_bytes) snprintf(buf + at, buf_bytes - at, s->n_dims ? "]" : "[]");
    return buf;
}

snug_shape snug_shape_make(int n_dims, const int64_t *dim)
{
    snug_shape s = {.n_dims = n_dims};
    for (int i = 0; i < n_dims; i++) s.dim[i] = dim[i];
    return s;
}
