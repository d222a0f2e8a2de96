/* SPDX-License-Identifier: Apache-2.0 */
/* Element types, shapes and tensors: plain data, freely copied.
 *
 * A tensor is contiguous, last axis fastest. Images are [N, H, W, C]; weights of a linear layer are
 * [in, out]; weights of a convolution are [KH, KW, C_in / groups, C_out].
 */
#ifndef SNUG_TENSOR_H
#define SNUG_TENSOR_H

#include <snug/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SNUG_MAX_DIMS 6

typedef enum snug_dtype {
    SNUG_F64,
    SNUG_F32,
    SNUG_BF16,
    SNUG_F16,
    SNUG_F8E4M3,
    SNUG_F8E5M2,
    SNUG_I64,
    SNUG_I32,
    SNUG_I16,
    SNUG_I8,
    SNUG_U8,
    SNUG_BOOL,
    SNUG_N_DTYPES
} snug_dtype;

/* What an axis length means: fixed, or an upper bound that a run may stay below (a last batch, one
 * sample). A bounded axis of length d runs at d * actual / bound. */
typedef enum snug_axis_kind { SNUG_AXIS_FIXED, SNUG_AXIS_BATCH, SNUG_AXIS_SEQUENCE } snug_axis_kind;

typedef struct snug_shape {
    int64_t dim[SNUG_MAX_DIMS];
    uint8_t kind[SNUG_MAX_DIMS]; /* snug_axis_kind */
    int32_t n_dims;              /* 0: a scalar */
} snug_shape;

typedef struct snug_type {
    snug_shape shape;
    snug_dtype dtype;
} snug_type;

typedef struct snug_tensor {
    void *data;
    snug_type type;
} snug_tensor;

/* One row of the element types. Block types store `block_elements` elements in `block_bytes`. */
typedef struct snug_dtype_info {
    const char *name;        /* "f32" */
    const char *safetensors; /* "F32"; NULL: not storable there */
    const char *npy;         /* "<f4"; NULL: not storable there */
    uint16_t block_elements, block_bytes;
    bool is_float, is_signed;
    double (*load)(const void *base, int64_t i);
    void (*store)(void *base, int64_t i, double v); /* rounds to nearest even, saturates integers */
} snug_dtype_info;

SNUG_API const snug_dtype_info *snug_dtype_get(snug_dtype t);

SNUG_API int64_t snug_shape_elements(const snug_shape *s);
/* Bytes of a tensor of this type, rounded up to whole blocks. */
SNUG_API size_t snug_type_bytes(const snug_type *t);
SNUG_API bool snug_shape_equal(const snug_shape *a, const snug_shape *b);
/* "[64, 28, 28, 1]" into buf; returns buf. A buffer of SNUG_SHAPE_TEXT bytes always suffices. */
#define SNUG_SHAPE_TEXT 160
SNUG_API const char *snug_shape_text(const snug_shape *s, char *buf, size_t buf_bytes);

/* A fixed shape from n_dims lengths. */
SNUG_API snug_shape snug_shape_make(int n_dims, const int64_t *dim);

static inline double snug_load(const snug_tensor *t, int64_t i)
{
    return snug_dtype_get(t->type.dtype)->load(t->data, i);
}

static inline void snug_store(const snug_tensor *t, int64_t i, double v)
{
    snug_dtype_get(t->type.dtype)->store(t->data, i, v);
}

#ifdef __cplusplus
}
#endif
#endif
