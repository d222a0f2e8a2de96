/* SPDX-License-Identifier: Apache-2.0 */
/* Pixels and labels as f32. */
#include "kernels/cpu/spans.h"

static void bytes_span(const snug_call *c, int64_t begin, int64_t end)
{
    const uint8_t *x = c->in[0].data;
    float *y = c->out[0].data;
    for (int64_t i = begin; i < end; i += VLEN) {
        int n = vlanes(i, end);
        vstore_upto(y + i, vi_to_vf(n == VLEN ? vload_u8(x + i) : vload_u8_n(x + i, n)), n);
    }
}

static void k_cast_u8_f32(const snug_call *c)
{
    spans_run(c, snug_shape_elements(&c->out[0].type.shape), SPAN_STREAM, bytes_span);
}

static void words_span(const snug_call *c, int64_t begin, int64_t end)
{
    const int32_t *x = c->in[0].data;
    float *y = c->out[0].data;
    for (int64_t i = begin; i < end; i += VLEN) {
        int n = vlanes(i, end);
        vstore_upto(y + i, vi_to_vf(viload_n(x + i, n)), n);
    }
}

static void k_cast_i32_f32(const snug_call *c)
{
    spans_run(c, snug_shape_elements(&c->out[0].type.shape), SPAN_STREAM, words_span);
}

static bool from_bytes(const snug_sig *s)
{
    return s->in[0].dtype == SNUG_U8 && s->out[0].dtype == SNUG_F32;
}

static bool from_words(const snug_sig *s)
{
    return s->in[0].dtype == SNUG_I32 && s->out[0].dtype == SNUG_F32;
}

KERNEL_TABLE(cast) = {
    {.op = "cast", .name = "k_cast_u8_f32", .fits = from_bytes, .run = k_cast_u8_f32},
    {.op = "cast", .name = "k_cast_i32_f32", .fits = from_words, .run = k_cast_i32_f32},
    {0},
};
