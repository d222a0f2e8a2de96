/* SPDX-License-Identifier: Apache-2.0 */
/* Dropout: the mask that ops/dropout_mask.h defines, with VLEN calls of Philox4x32-10 at once. */
#include "kernels/cpu/spans.h"
#include "ops/dropout_mask.h"

enum {
    CALLS = 2,               /* vectors of calls at once: one alone waits for its products */
    BATCH = 4 * CALLS * VLEN /* positions that they decide */
};

/* The words of positions 4 group .. 4 group + BATCH - 1, as snug_philox makes them. Lane 4 l + i
 * makes call number VLEN / 4 * i + l, so that a transpose of fours puts all words in order. The
 * calls of even lanes and those of odd ones go apart; what upper halves hold does not matter. */
ALWAYS_INLINE void philox_words(const uint32_t key[2], uint64_t a, uint64_t b, vi words[4 * CALLS])
{
    const vi sign = viset1(INT32_MIN), first = viset1((int32_t)(uint32_t)b);
    const vi high = viset1((int32_t)(uint32_t)(b >> 32));
    const vi m0 = viset1((int32_t)SNUG_PHILOX_M0), m1 = viset1((int32_t)SNUG_PHILOX_M1);
    int32_t call[VLEN];
    vi c[2 * CALLS][4];
    for (int i = 0; i < VLEN; i++) call[i] = VLEN / 4 * (i % 4) + i / 4;
    for (int h = 0; h < 2 * CALLS; h++) {
        vi c2 = viadd(viadd(first, viload(call)), viset1(h / 2 * VLEN));
        vm carry = vilt(vixor(c2, sign), vixor(first, sign)); /* an unsigned comparison */
        vi c3 = viselect(carry, viadd(high, viset1(1)), high);
        c[h][0] = viset1((int32_t)(uint32_t)a), c[h][1] = viset1((int32_t)(uint32_t)(a >> 32));
        c[h][2] = h % 2 ? vihigh64(c2) : c2, c[h][3] = h % 2 ? vihigh64(c3) : c3;
    }
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++, k0 += SNUG_PHILOX_W0, k1 += SNUG_PHILOX_W1)
        for (int h = 0; h < 2 * CALLS; h++) {
            vi p0 = vimul64(m0, c[h][0]), p1 = vimul64(m1, c[h][2]);
            c[h][0] = vixor(vixor(vihigh64(p1), c[h][1]), viset1((int32_t)k0));
            c[h][2] = vixor(vixor(vihigh64(p0), c[h][3]), viset1((int32_t)k1));
            c[h][1] = p1;
            c[h][3] = p0;
        }
    for (int h = 0; h < CALLS; h++) {
        for (int k = 0; k < 4; k++) words[4 * h + k] = vimerge64(c[2 * h][k], c[2 * h + 1][k]);
        vtranspose4(words + 4 * h);
    }
}

typedef struct keep {
    vi threshold; /* upper bit turned over, as signed numbers compare */
    vf scale;
} keep;

ALWAYS_INLINE vf keep_of(const keep *k, vi word, vf x)
{
    vm drop = vilt(vixor(word, viset1(INT32_MIN)), k->threshold);
    return vselect(drop, vzero(), vmul(x, k->scale));
}

/* Elements [first, last) of a batch. */
static void keep_some(const keep *k, const vi words[4 * CALLS], const float *x, float *y, int first,
                      int last)
{
    int32_t word[BATCH];
    for (int v = 0; v < 4 * CALLS; v++) vistore(word + v * VLEN, words[v]);
    for (int i = first; i < last; i += VLEN) {
        int n = vlanes(i, last);
        vstore_n(y + i, keep_of(k, viload_n(word + i, n), vload_n(x + i, n)), n);
    }
}

static void dropout_span(const snug_call *c, int64_t begin, int64_t end)
{
    dropout_mask m = dropout_mask_of(c);
    const float *x = c->in[0].data;
    float *y = c->out[0].data;
    const keep k = {.threshold = vixor(viset1((int32_t)m.threshold), viset1(INT32_MIN)),
                    .scale = vset1((float)m.scale)};
    uint32_t key[2];
    snug_rng_key(m.seed, RNG_DROPOUT, key);
    /* `start` is the element at the batch's first position, a multiple of 4 */
    for (int64_t start = begin - (m.first + begin) % 4; start < end; start += BATCH) {
        vi words[4 * CALLS];
        uint64_t group = (uint64_t)(m.first + start) / 4;
        philox_words(key, m.key, (m.step << 32) + group, words);
        if (start >= begin && end - start >= BATCH) {
            for (int v = 0; v < 4 * CALLS; v++)
                vstore(y + start + v * VLEN, keep_of(&k, words[v], vload(x + start + v * VLEN)));
            continue;
        }
        int first = start < begin ? (int)(begin - start) : 0;
        int last = end - start < BATCH ? (int)(end - start) : BATCH;
        keep_some(&k, words, x + start, y + start, first, last);
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
