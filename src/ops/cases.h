/* SPDX-License-Identifier: Apache-2.0 */
/* Short forms for the inputs of test cases. */
#ifndef OPS_CASES_H
#define OPS_CASES_H

#include <snug/op.h>

#define CASE_DIMS(...)                                                                             \
    .n_dims = sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), .dim = {__VA_ARGS__}

/* The inputs of a case. */
#define INPUTS(...)                                                                                \
    (const snug_case_in[])                                                                         \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* Axis 0 is the batch; fill is the rest of a snug_fill's name. */
#define BATCH(...)                                                                                 \
    {                                                                                              \
        CASE_DIMS(__VA_ARGS__), .batch = true                                                      \
    }
#define BATCH_OF(fill_, ...)                                                                       \
    {                                                                                              \
        CASE_DIMS(__VA_ARGS__), .batch = true, .fill = SNUG_FILL_##fill_                           \
    }
#define FIXED(...)                                                                                 \
    {                                                                                              \
        CASE_DIMS(__VA_ARGS__)                                                                     \
    }
#define FIXED_OF(fill_, ...)                                                                       \
    {                                                                                              \
        CASE_DIMS(__VA_ARGS__), .fill = SNUG_FILL_##fill_                                          \
    }
#define SCALAR_OF(fill_)                                                                           \
    {                                                                                              \
        .n_dims = 0, .fill = SNUG_FILL_##fill_                                                     \
    }
/* The same, and the operator has no gradient for it. */
#define GIVEN_OF(fill_, ...)                                                                       \
    {                                                                                              \
        CASE_DIMS(__VA_ARGS__), .fill = SNUG_FILL_##fill_, .given = true                           \
    }
#define GIVEN_SCALAR_OF(fill_)                                                                     \
    {                                                                                              \
        .n_dims = 0, .fill = SNUG_FILL_##fill_, .given = true                                      \
    }
#define LABELS(n, classes)                                                                         \
    {                                                                                              \
        CASE_DIMS(n), .batch = true, .fill = SNUG_FILL_INDEX, .integer = true,                     \
                      .index_below = classes                                                       \
    }
/* Whole numbers below the first argument, of the shape that follows. */
#define INDICES(below, ...)                                                                        \
    {                                                                                              \
        CASE_DIMS(__VA_ARGS__), .batch = true, .fill = SNUG_FILL_INDEX, .integer = true,           \
                                .index_below = below                                               \
    }
#define FIXED_INDICES(below, ...)                                                                  \
    {                                                                                              \
        CASE_DIMS(__VA_ARGS__), .fill = SNUG_FILL_INDEX, .integer = true, .index_below = below     \
    }
#define PLACES(places, ...)                                                                        \
    {                                                                                              \
        CASE_DIMS(__VA_ARGS__), .batch = true, .fill = SNUG_FILL_INDEX, .byte = true,              \
                                .index_below = places                                              \
    }

#endif
