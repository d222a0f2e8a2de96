/* SPDX-License-Identifier: Apache-2.0 */
/* gather by whole runs of any element type, and its gradient for f32 where indices do not count
 * samples: parts are added in their order, so that the result depends on nothing else. */
#include "ops/gather.h"
#include "kernels/cpu/spans.h"

/* ---- gather -----------------------------------------------------------------------------------
 */

static bool moves_elements(const snug_sig *s)
{
    return snug_dtype_get(s->in[0].dtype)->block_elements == 1;
}

/* Runs [begin, end) of [outer, picked]. */
static void gather_runs(const snug_call *c, int64_t begin, int64_t end)
{
    snug_gathered g = snug_gathered_of(c->attrs, &c->in[0].type.shape, &c->in[1].type.shape);
    size_t run = (size_t)g.inner * snug_dtype_get(c->in[0].type.dtype)->block_bytes;
    const int32_t *ids = c->in[1].data;
    for (int64_t i = begin; i < end; i++) {
        int64_t id = ids[i % g.picked], from = i / g.picked * g.n + id;
        char *to = (char *)c->out[0].data + (size_t)i * run;
        if (id >= 0 && id < g.n)
            memcpy(to, (const char *)c->in[0].data + (size_t)from * run, run);
        else
            memset(to, 0, run);
    }
}

static void k_gather(const snug_call *c)
{
    snug_gathered g = snug_gathered_of(c->attrs, &c->in[0].type.shape, &c->in[1].type.shape);
    spans_run(c, g.outer * g.picked, span_rows(g.inner, SPAN_STREAM), gather_runs);
}

/* ---- gather_grad ------------------------------------------------------------------------------
 */

static bool fits_grad(const snug_sig *s)
{
    return s->in[0].dtype == SNUG_F32 && !snug_shape_has_batch(&s->in[1].shape);
}

static void add_run(const float *dy, float *dx, int64_t n)
{
    for (int64_t i = 0; i < n; i += VLEN) {
        int lanes = vlanes(i, n);
        vstore_upto(dx + i, vadd(vload_upto(dx + i, lanes), vload_upto(dy + i, lanes)), lanes);
    }
}

static void add_outer(const snug_call *c, int64_t begin, int64_t end)
{
    snug_gathered g = snug_gathered_of(c->attrs, &c->out[0].type.shape, &c->in[1].type.shape);
    const int32_t *ids = c->in[1].data;
    for (int64_t o = begin; o < end; o++) {
        const float *dy = (const float *)c->in[0].data + o * g.picked * g.inner;
        float *dx = (float *)c->out[0].data + o * g.n * g.inner;
        memset(dx, 0, (size_t)(g.n * g.inner) * sizeof *dx);
        for (int64_t p = 0; p < g.picked; p++)
            if (ids[p] >= 0 && ids[p] < g.n)
                add_run(dy + p * g.inner, dx + ids[p] * g.inner, g.inner);
    }
}

static void k_gather_grad_f32(const snug_call *c)
{
    snug_gathered g = snug_gathered_of(c->attrs, &c->out[0].type.shape, &c->in[1].type.shape);
    int64_t each = (g.n + g.picked) * g.inner;
    spans_run(c, g.outer, span_rows(each, SPAN_STREAM), add_outer);
}

KERNEL_TABLE(gather) = {
    {.op = "gather", .name = "k_gather", .fits = moves_elements, .run = k_gather},
    {.op = "gather_grad", .name = "k_gather_grad_f32", .fits = fits_grad, .run = k_gather_grad_f32},
    {0},
};
