/* SPDX-License-Identifier: Apache-2.0 */
/* Element-wise kernels of two tensors of one shape. */
#include "kernels/cpu/map_tmpl.h"

MAP_KERNEL(add, SPAN_STREAM, vadd(a, b))
MAP_KERNEL(mul, SPAN_STREAM, vmul(a, b))

KERNEL_TABLE(elementwise) = {
    {.op = "add", .name = "k_add_f32", .run = k_add_f32},
    {.op = "mul", .name = "k_mul_f32", .run = k_mul_f32},
    {0},
};
