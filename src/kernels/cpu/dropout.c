/* SPDX-License-Identifier: Apache-2.0 */
/* Dropout: the mask that ops/dropout_mask.h defines, with VLEN calls of Philox4x32-10 at once. */
#include "kernels/cpu/spans.h"
#include "ops/dropout_mask.h"

enum { BATCH = 4 * VLEN }; /* positions that one round of calls decides */

/* The words of positions 4 group .. 4 group + BATCH - 1, as snug_philox makes them. */
static void philox_words(const uint32_t key[2], uint64_t a, uint64_t b, int32_t words[BATCH])
{
    const vi sign = viset1(INT32_MIN), first = viset1((int32_t)(uint32_t)b);
    const vi high = viset1((int32_t)(uint32_t)(b >> 32));
    vi c0 = viset1((int32_t)(uint32_t)a), c1 = viset1((int32_t)(uint32_t)(a >> 32));
    vi c2 = viadd(first, viiota());
    vm carry = vilt(vixor(c2, sign), vixor(first, sign)); /* an unsigned comparison */
    vi c3 = viselect(carry, viadd(high, viset1(1)), high);
    const vi m0 = viset1((int32_t)SNUG_PHILOX_M0), m1 = viset1((int32_t)SNUG_PHILOX_M1);
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        vi high0 = vimulhi(m0, c0), high1 = vimulhi(m1, c2);
        vi low0 = vimul(m0, c0), low1 = vimul(m1, c2);
        c0 = vixor(vixor(high1, c1), viset1((int32_t)k0));
        c2 = vixor(vixor(high0, c3), viset1((int32_t)k1));
        c1 = low1;
        c3 = low0;
        k0 += SNUG_PHILOX_W0;
        k1 += SNUG_PHILOX_W1;
    }
    int32_t word[4][VLEN];
    vistore(word[0], c0);
    vistore(word[1], c1);
    vistore(word[2], c2);
    vistore(word[3], c3);
    for (int i = 0; i < VLEN; i++)
        for (int k = 0; k < 4; k++) words[4 * i + k] = word[k][i];
}

typedef struct keep {
    const float *x;
    const int32_t *words; /* words[i] decides element i */
    float *y;
    vi threshold; /* upper bit turned over, as signed numbers compare */
    vf scale;
} keep;

ALWAYS_INLINE void keep_at(const void *arg, int64_t i, int n)
{
    const keep *k = arg;
    vi word = n == VLEN ? viload(k->words + i) : viload_n(k->words + i, n);
    vm drop = vilt(vixor(word, viset1(INT32_MIN)), k->threshold);
    vf x = vmul(vload_upto(k->x + i, n), k->scale);
    vstore_upto(k->y + i, vselect(drop, vzero(), x), n);
}

static void dropout_span(const snug_call *c, int64_t begin, int64_t end)
{
    dropout_mask m = dropout_mask_of(c);
    const float *x = c->in[0].data;
    float *y = c->out[0].data;
    keep k = {.threshold = vixor(viset1((int32_t)m.threshold), viset1(INT32_MIN)),
              .scale = vset1((float)m.scale)};
    uint32_t key[2];
    snug_rng_key(m.seed, RNG_DROPOUT, key);
    /* `start` is the element at the batch's first position, a multiple of 4 */
    for (int64_t start = begin - (m.first + begin) % 4; start < end; start += BATCH) {
        int32_t words[BATCH];
        uint64_t group = (uint64_t)(m.first + start) / 4;
        philox_words(key, m.key, (m.step << 32) + group, words);
        int64_t first = start < begin ? begin - start : 0;
        int64_t last = end - start < BATCH ? end - start : BATCH;
        k.words = words + first;
        k.x = x + start + first;
        k.y = y + start + first;
        span_each(0, last - first, keep_at, &k);
    }
}

static void k_dropout_f32(const snug_call *c)
{
    spans_run(c, snug_shape_elements(&c->out[0].type.shape), SPAN_MATH, dropout_span);
}

KERNEL_TABLE(dropout) = {
    {.op = "dropout", .name = "k_dropout_f32", .run = k_dropout_f32},
    {0},
};
