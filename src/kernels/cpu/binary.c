/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic, comparison and choice with broadcasting. */
#include "kernels/cpu/broadcast_tmpl.h"

/* 1 where m, else 0 */
static inline vf mask(vm m)
{
    return vselect(m, vset1(1), vzero());
}

static inline vm is_true(vf a)
{
    return vm_not(veq(a, vzero()));
}

/* vmin and vmax give their second argument when either is NaN. */
static inline vf nan_or(vf a, vf otherwise)
{
    return vselect(veq(a, a), otherwise, a);
}

BROADCAST_KERNEL(add, vadd(a, b))
BROADCAST_KERNEL(sub, vsub(a, b))
BROADCAST_KERNEL(mul, vmul(a, b))
BROADCAST_KERNEL(div, vdiv(a, b))
BROADCAST_KERNEL(minimum, nan_or(a, vmin(a, b)))
BROADCAST_KERNEL(maximum, nan_or(a, vmax(a, b)))
BROADCAST_KERNEL(equal, mask(veq(a, b)))
BROADCAST_KERNEL(not_equal, mask(vm_not(veq(a, b))))
BROADCAST_KERNEL(less, mask(vlt(a, b)))
BROADCAST_KERNEL(less_equal, mask(vle(a, b)))
BROADCAST_KERNEL(greater, mask(vgt(a, b)))
BROADCAST_KERNEL(greater_equal, mask(vge(a, b)))
BROADCAST_KERNEL(logical_and, mask(vm_and(is_true(a), is_true(b))))
BROADCAST_KERNEL(logical_or, mask(vm_or(is_true(a), is_true(b))))
BROADCAST_KERNEL(where, vselect(veq(a, vzero()), c, b))

/* Whole numbers may be compared, and choose, as well. */
static bool all_f32(const snug_sig *s)
{
    for (int i = 0; i < s->n_in; i++)
        if (s->in[i].dtype != SNUG_F32) return false;
    return true;
}

KERNEL_TABLE(binary) = {
    {.op = "add", .name = "k_add_f32", .run = k_add_f32},
    {.op = "sub", .name = "k_sub_f32", .run = k_sub_f32},
    {.op = "mul", .name = "k_mul_f32", .run = k_mul_f32},
    {.op = "div", .name = "k_div_f32", .run = k_div_f32},
    {.op = "minimum", .name = "k_minimum_f32", .run = k_minimum_f32},
    {.op = "maximum", .name = "k_maximum_f32", .run = k_maximum_f32},
    {.op = "equal", .name = "k_equal_f32", .fits = all_f32, .run = k_equal_f32},
    {.op = "not_equal", .name = "k_not_equal_f32", .fits = all_f32, .run = k_not_equal_f32},
    {.op = "less", .name = "k_less_f32", .fits = all_f32, .run = k_less_f32},
    {.op = "less_equal", .name = "k_less_equal_f32", .fits = all_f32, .run = k_less_equal_f32},
    {.op = "greater", .name = "k_greater_f32", .fits = all_f32, .run = k_greater_f32},
    {.op = "greater_equal",
     .name = "k_greater_equal_f32",
     .fits = all_f32,
     .run = k_greater_equal_f32},
    {.op = "logical_and", .name = "k_logical_and_f32", .fits = all_f32, .run = k_logical_and_f32},
    {.op = "logical_or", .name = "k_logical_or_f32", .fits = all_f32, .run = k_logical_or_f32},
    {.op = "where", .name = "k_where_f32", .fits = all_f32, .run = k_where_f32},
    {0},
};
