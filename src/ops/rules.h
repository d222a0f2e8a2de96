/* SPDX-License-Identifier: Apache-2.0 */
/* What the shape, axis, gradient and cost rules of operators share. Messages name the node, which
 * input is wrong, and the shapes. */
#ifndef OPS_RULES_H
#define OPS_RULES_H

#include "base/status.h"
#include "ops/ops.h"

/* One attribute row: a field of an attribute struct. */
#define ATTR_INT(type, field, min_, max_, initial_, help_)                                         \
    {                                                                                              \
        .name = #field, .kind = SNUG_ATTR_INT, .offset = offsetof(type, field), .min = min_,       \
        .max = max_, .initial = initial_, .help = help_                                            \
    }
#define ATTR_FLOAT(type, field, min_, max_, initial_, help_)                                       \
    {                                                                                              \
        .name = #field, .kind = SNUG_ATTR_FLOAT, .offset = offsetof(type, field), .min = min_,     \
        .max = max_, .initial = initial_, .help = help_                                            \
    }
#define ATTR_BOOL(type, field, help_)                                                              \
    {                                                                                              \
        .name = #field, .kind = SNUG_ATTR_BOOL, .offset = offsetof(type, field), .min = 0,         \
        .max = 1, .initial = 0, .help = help_                                                      \
    }
/* One row an axis of an array field: "start0" to "start5". */
#define ATTR_AXIS(type, field, i, min_, max_, initial_, help_)                                     \
    {                                                                                              \
        .name = #field #i, .kind = SNUG_ATTR_INT, .offset = offsetof(type, field[i]), .min = min_, \
        .max = max_, .initial = initial_, .help = help_                                            \
    }
#define ATTR_AXES(type, field, min_, max_, initial_, help_)                                        \
    ATTR_AXIS(type, field, 0, min_, max_, initial_, help_ " 0"),                                   \
        ATTR_AXIS(type, field, 1, min_, max_, initial_, help_ " 1"),                               \
        ATTR_AXIS(type, field, 2, min_, max_, initial_, help_ " 2"),                               \
        ATTR_AXIS(type, field, 3, min_, max_, initial_, help_ " 3"),                               \
        ATTR_AXIS(type, field, 4, min_, max_, initial_, help_ " 4"),                               \
        ATTR_AXIS(type, field, 5, min_, max_, initial_, help_ " 5")
/* The activation that a pass fuses into an operator; `last` is the last one it knows. */
#define ATTR_ACT(type, last)                                                                       \
    {                                                                                              \
        .name = "act", .kind = SNUG_ATTR_ENUM, .offset = offsetof(type, act), .min = ACT_NONE,     \
        .max = last, .initial = ACT_NONE, .names = snug_activation_names,                          \
        .help = "activation applied to the result"                                                 \
    }

extern const char *const snug_activation_names[]; /* of ACT_NONE and those that follow */

/* The largest extent, element count or attribute that an operator accepts: products of two of them
 * cannot overflow. */
#define MAX_EXTENT (INT64_C(1) << 40)

/* ---- shape rules ------------------------------------------------------------------------------
 */

/* a * b, or an error that names the node. Extents are not negative. */
snug_status snug_infer_mul(const snug_infer *f, int64_t a, int64_t b, int64_t *out) SNUG_MUST_USE;
/* Input i is floating; with `like` >= 0, of the type of input `like`. */
snug_status snug_infer_float(const snug_infer *f, int i, int like) SNUG_MUST_USE;
/* Input i has n_dims axes; `what` says which ("[N, H, W, C]"). */
snug_status snug_infer_rank(const snug_infer *f, int i, int n_dims, const char *what) SNUG_MUST_USE;
/* Input i has the shape of input j, kinds of axes included. */
snug_status snug_infer_same(const snug_infer *f, int i, int j) SNUG_MUST_USE;
/* Input i is a fixed vector as long as the last axis of input j. */
snug_status snug_infer_vector(const snug_infer *f, int i, int j) SNUG_MUST_USE;
/* Input i has the axis (counted from the end when negative), and it is of fixed length; *out is its
 * number. */
snug_status snug_infer_axis(const snug_infer *f, int i, int64_t axis, int *out) SNUG_MUST_USE;
/* Input i is one number of any floating type. */
snug_status snug_infer_scalar(const snug_infer *f, int i) SNUG_MUST_USE;

static inline snug_shape snug_shape_scalar(void)
{
    return (snug_shape){.n_dims = 0};
}

/* An axis counted from the end when negative; -1 when the shape has no such axis. */
static inline int snug_shape_axis(const snug_shape *s, int64_t axis)
{
    if (axis < 0) axis += s->n_dims;
    return axis >= 0 && axis < s->n_dims ? (int)axis : -1;
}

/* Elements of the axes [begin, end). */
static inline int64_t snug_shape_span(const snug_shape *s, int begin, int end)
{
    int64_t n = 1;
    for (int d = begin; d < end; d++) n *= s->dim[d];
    return n;
}

static inline bool snug_shape_has_batch(const snug_shape *s)
{
    return s->n_dims > 0 && s->kind[0] == SNUG_AXIS_BATCH;
}

/* Of n of a call's tensor that has a batch axis: how many are one sample's. */
static inline int64_t snug_each_sample(const snug_step *s, int64_t n)
{
    return s->n_here > 0 ? n / s->n_here : 0;
}

/* How many of T steps sample n has, by an i32 tensor of lengths. */
static inline int64_t snug_sequence_length(const snug_tensor *lengths, int64_t n, int64_t steps)
{
    int64_t length = ((const int32_t *)lengths->data)[n];
    return length < 0 ? 0 : length < steps ? length : steps;
}

static inline int64_t snug_shape_last(const snug_shape *s)
{
    return s->n_dims > 0 ? s->dim[s->n_dims - 1] : 1;
}

/* Elements of all axes but the last. */
static inline int64_t snug_shape_rows(const snug_shape *s)
{
    int64_t rows = 1;
    for (int i = 0; i + 1 < s->n_dims; i++) rows *= s->dim[i];
    return rows;
}

/* ---- axis rules -------------------------------------------------------------------------------
 */

/* Axis `in_axis` of input `in` goes to axis `out_axis` of output `out`, or, with out_axis -1, is
 * summed over. Uses of one summed axis stand together, one for each input. */
static inline int snug_use_axis(snug_axis_use *u, int n, int out, int out_axis, int in, int in_axis)
{
    u[n] = (snug_axis_use){.out = (int8_t)out,
                           .out_axis = (int8_t)out_axis,
                           .in = (int8_t)in,
                           .in_axis = (int8_t)in_axis,
                           .how = out_axis < 0 ? SNUG_FOLLOW_REDUCED : SNUG_FOLLOW_PARALLEL};
    return n + 1;
}

/* The same for an axis that is the batch in the inputs that have one. */
int snug_use_batch(const snug_sig *s, snug_axis_use *u, int n, int out, int in);
/* Axes [0, n_axes) of input `in` follow to the same axes of output `out`. */
int snug_use_leading(const snug_sig *s, snug_axis_use *u, int n, int out, int in, int n_axes);

/* ---- cost -------------------------------------------------------------------------------------
 */

/* Every input read once, every output written once. */
snug_cost snug_cost_of(const snug_sig *s, double flops);

#endif
