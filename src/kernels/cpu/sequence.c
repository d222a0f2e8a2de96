/* SPDX-License-Identifier: Apache-2.0 */
/* sequence_mask, sequence_mean, sequence_last, sequence_max and their gradients on f32: a task for
 * a few samples, vectors along channels, steps in their order. */
#include "kernels/cpu/spans.h"
#include "ops/rules.h"

/* Samples [N, T, C], whichever side of the call has the steps. */
typedef struct steps {
    const snug_call *call;
    int64_t n, t, c, grain; /* grain: samples of a task */
    void (*sample)(const struct steps *s, int64_t n, int64_t length);
} steps;

static void sample_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const steps *s = arg;
    int64_t end = (task + 1) * s->grain;
    for (int64_t n = task * s->grain; n < end && n < s->n; n++) {
        bool given = s->call->n_in > 1 && s->call->in[1].type.shape.n_dims == 1;
        s->sample(s, n, given ? snug_sequence_length(&s->call->in[1], n, s->t) : s->t);
    }
}

static void run_samples(const snug_call *call, const snug_shape *with_steps,
                        void (*sample)(const steps *, int64_t, int64_t))
{
    const int64_t *dim = with_steps->dim;
    steps s = {call, dim[0], dim[1], dim[2], 1, sample};
    int64_t each = s.t * s.c > 0 ? s.t * s.c : 1;
    s.grain = 1 + SPAN_STREAM / each;
    snug_parallel(call->queue, (s.n + s.grain - 1) / s.grain, sample_task, &s);
}

static const float *input_of(const steps *s, int64_t offset)
{
    return (const float *)s->call->in[0].data + offset;
}

static float *output_of(const steps *s, int64_t offset)
{
    return (float *)s->call->out[0].data + offset;
}

/* ---- forward -----------------------------------------------------------------------------------
 */

static void mask_sample(const steps *s, int64_t n, int64_t length)
{
    int64_t first = n * s->t * s->c, own = length * s->c, all = s->t * s->c;
    if (own > 0) memmove(output_of(s, first), input_of(s, first), (size_t)own * sizeof(float));
    if (all > own) memset(output_of(s, first + own), 0, (size_t)(all - own) * sizeof(float));
}

static void mean_sample(const steps *s, int64_t n, int64_t length)
{
    const float *x = input_of(s, n * s->t * s->c);
    vf scale = vset1(length > 0 ? 1.0f / (float)length : 0);
    for (int64_t j = 0; j < s->c; j += VLEN) {
        int lanes = vlanes(j, s->c);
        vf sum = vzero();
        for (int64_t t = 0; t < length; t++) sum = vadd(sum, vload_upto(x + t * s->c + j, lanes));
        vstore_upto(output_of(s, n * s->c + j), vmul(sum, scale), lanes);
    }
}

static void last_sample(const steps *s, int64_t n, int64_t length)
{
    float *y = output_of(s, n * s->c);
    if (length > 0)
        memcpy(y, input_of(s, (n * s->t + length - 1) * s->c), (size_t)s->c * sizeof *y);
    else
        memset(y, 0, (size_t)s->c * sizeof *y);
}

/* v is larger, or NaN where the largest so far is not. */
static inline vm wins(vf v, vf most)
{
    return vm_or(vgt(v, most), vm_and(vm_not(veq(v, v)), veq(most, most)));
}

static void max_sample(const steps *s, int64_t n, int64_t length)
{
    const float *x = input_of(s, n * s->t * s->c);
    int32_t *places = s->call->out[1].data;
    for (int64_t j = 0; j < s->c; j += VLEN) {
        int lanes = vlanes(j, s->c);
        vf most = length > 0 ? vload_upto(x + j, lanes) : vzero();
        vi place = viset1(length > 0 ? 0 : -1);
        for (int64_t t = 1; t < length; t++) {
            vf v = vload_upto(x + t * s->c + j, lanes);
            vm m = wins(v, most);
            most = vselect(m, v, most);
            place = viselect(m, viset1((int32_t)t), place);
        }
        vstore_upto(output_of(s, n * s->c + j), most, lanes);
        if (places) vistore_n(places + n * s->c + j, place, lanes);
    }
}

/* ---- backward ----------------------------------------------------------------------------------
 */

static void clear_sample(const steps *s, int64_t n)
{
    memset(output_of(s, n * s->t * s->c), 0, (size_t)(s->t * s->c) * sizeof(float));
}

static void mean_grad_sample(const steps *s, int64_t n, int64_t length)
{
    const float *dy = input_of(s, n * s->c);
    vf scale = vset1(length > 0 ? 1.0f / (float)length : 0);
    clear_sample(s, n);
    for (int64_t t = 0; t < length; t++) {
        float *dx = output_of(s, (n * s->t + t) * s->c);
        for (int64_t j = 0; j < s->c; j += VLEN) {
            int lanes = vlanes(j, s->c);
            vstore_upto(dx + j, vmul(vload_upto(dy + j, lanes), scale), lanes);
        }
    }
}

static void last_grad_sample(const steps *s, int64_t n, int64_t length)
{
    clear_sample(s, n);
    if (length > 0)
        memcpy(output_of(s, (n * s->t + length - 1) * s->c), input_of(s, n * s->c),
               (size_t)s->c * sizeof(float));
}

static void max_grad_sample(const steps *s, int64_t n, int64_t length)
{
    const float *dy = input_of(s, n * s->c);
    const int32_t *place = (const int32_t *)s->call->in[1].data + n * s->c;
    clear_sample(s, n);
    for (int64_t j = 0; j < s->c; j++)
        if (place[j] >= 0 && place[j] < length)
            *output_of(s, (n * s->t + place[j]) * s->c + j) = dy[j];
}

/* ---- table -------------------------------------------------------------------------------------
 */

static void k_sequence_mask_f32(const snug_call *c)
{
    run_samples(c, &c->in[0].type.shape, mask_sample);
}

static void k_sequence_mean_f32(const snug_call *c)
{
    run_samples(c, &c->in[0].type.shape, mean_sample);
}

static void k_sequence_last_f32(const snug_call *c)
{
    run_samples(c, &c->in[0].type.shape, last_sample);
}

static void k_sequence_max_f32(const snug_call *c)
{
    run_samples(c, &c->in[0].type.shape, max_sample);
}

static void k_sequence_mean_grad_f32(const snug_call *c)
{
    run_samples(c, &c->out[0].type.shape, mean_grad_sample);
}

static void k_sequence_last_grad_f32(const snug_call *c)
{
    run_samples(c, &c->out[0].type.shape, last_grad_sample);
}

static void k_sequence_max_grad_f32(const snug_call *c)
{
    run_samples(c, &c->out[0].type.shape, max_grad_sample);
}

KERNEL_TABLE(sequence) = {
    {.op = "sequence_mask", .name = "k_sequence_mask_f32", .run = k_sequence_mask_f32},
    {.op = "sequence_mean", .name = "k_sequence_mean_f32", .run = k_sequence_mean_f32},
    {.op = "sequence_last", .name = "k_sequence_last_f32", .run = k_sequence_last_f32},
    {.op = "sequence_max", .name = "k_sequence_max_f32", .run = k_sequence_max_f32},
    {.op = "sequence_mean_grad",
     .name = "k_sequence_mean_grad_f32",
     .run = k_sequence_mean_grad_f32},
    {.op = "sequence_last_grad",
     .name = "k_sequence_last_grad_f32",
     .run = k_sequence_last_grad_f32},
    {.op = "sequence_max_grad", .name = "k_sequence_max_grad_f32", .run = k_sequence_max_grad_f32},
    {0},
};
