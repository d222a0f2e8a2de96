/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of tile.h. */
#include "kernels/cpu/tile.h"

/* Where what is asked for goes: in the first it would take the place of what tiles read. */
#define SECOND_CACHE 2

/* How far a tile has come in A, B and what it asks for and packs. */
typedef struct tile_place {
    const float *a, *b, *ahead;
    float *pack;
} tile_place;

/* One run of k. `q` holds a pointer for every three rows: with a base, twice and four times a
 * register, an address takes no more instructions than a load. */
ALWAYS_INLINE void tile_k(const tile_run *t, int mr, int nv, int how, tile_place *at,
                          vf c[TILE_M][TILE_V])
{
    const int layout = how % TILE_LAYOUTS;
    const bool packs = how >= TILE_LAYOUTS;
    float *pack = at->pack;
    const int64_t row = layout == TILE_BY_K ? 1 : t->a_row;
    const int64_t step = layout == TILE_BY_K ? t->a_step : 1;
    const int64_t rarely = t->ahead_every - 1; /* -1: never */
    const float *q[(TILE_M + 2) / 3], *b = at->b, *ahead = at->ahead;
    UNROLL for (int i = 0; i < mr; i += 3)
    {
        q[i / 3] = at->a + i * row;
        if (layout == TILE_STRIDED) __asm__("" : "+r"(q[i / 3]));
    }
    for (int64_t k = t->n; k > 0; k--) {
        vf bv[TILE_V];
        UNROLL for (int v = 0; v < nv; v++) bv[v] = vload(b + v * VLEN);
        if (packs) {
            UNROLL for (int v = 0; v < nv; v++) vstore(pack + v * VLEN, bv[v]);
            pack += nv * VLEN;
        }
        UNROLL for (int i = 0; i < mr; i++)
        {
            vf ai = vset1(q[i / 3][i % 3 * row]);
            UNROLL for (int v = 0; v < nv; v++) c[i][v] = vfma(ai, bv[v], c[i][v]);
        }
        if ((k & rarely) == 0) {
            __builtin_prefetch(ahead, 0, SECOND_CACHE);
            __builtin_prefetch(ahead + t->ahead_more, 0, SECOND_CACHE);
            ahead += t->ahead_step;
        }
        UNROLL for (int i = 0; i < mr; i += 3) q[i / 3] += step;
        b += t->b_step;
    }
    at->a += t->n * step;
    at->b = b;
    at->ahead = ahead;
    at->pack = pack;
}

ALWAYS_INLINE void tile_runs(const tile_run *t, int mr, int nv, int how, tile_place *at,
                             vf c[TILE_M][TILE_V])
{
    int64_t until_jump = t->runs;
    for (int64_t left = t->runs * (t->again + 1); left > 0; left--) {
        tile_k(t, mr, nv, how, at, c);
        at->a += t->a_skip, at->b += t->b_skip;
        if (--until_jump > 0) continue;
        at->a += t->a_jump, at->b += t->b_jump;
        until_jump = t->runs;
    }
}

/* To C. */
ALWAYS_INLINE void tile_finish(const tile_run *t, int mr, int nv, vf c[TILE_M][TILE_V])
{
    if (t->bias) {
        vf bias[TILE_V];
        UNROLL for (int v = 0; v < nv; v++) bias[v] = vload(t->bias + v * VLEN);
        UNROLL for (int i = 0; i < mr; i++) UNROLL for (int v = 0; v < nv; v++) c[i][v] =
            vadd(c[i][v], bias[v]);
    }
    if (t->act != ACT_NONE)
        UNROLL for (int i = 0; i < mr; i++) UNROLL for (int v = 0; v < nv; v++) c[i][v] =
            vmax(vzero(), c[i][v]);
    if (t->act == ACT_RELU6)
        UNROLL for (int i = 0; i < mr; i++) UNROLL for (int v = 0; v < nv; v++) c[i][v] =
            vmin(vset1(6), c[i][v]);
    float *out = t->out;
    UNROLL for (int i = 0; i < mr; i++)
    {
        UNROLL for (int v = 0; v < nv; v++) vstore(out + v * VLEN, c[i][v]);
        out += t->out_ld;
    }
}

ALWAYS_INLINE void tile_any(const tile_run *t, int mr, int nv, int how)
{
    vf c[TILE_M][TILE_V];
    tile_place at = {t->a, t->b, t->ahead, t->pack};
    float *acc = t->acc;
    bool carry = t->carry;
    for (int64_t slot = t->slot, last = slot + t->more_slots;; slot++) {
        UNROLL for (int i = 0; i < mr; i++) UNROLL for (int v = 0; v < nv; v++) c[i][v] =
            carry ? vload(acc + (i * nv + v) * VLEN) : vzero();
        tile_runs(t, mr, nv, how, &at, c);
        for (int m = slot < last ? snug_leaf_merges(slot) : t->merges; m > 0; m--) {
            acc -= TILE_SIZE;
            UNROLL for (int i = 0; i < mr; i++) UNROLL for (int v = 0; v < nv; v++) c[i][v] =
                vadd(vload(acc + (i * nv + v) * VLEN), c[i][v]);
        }
        if (slot == last) break;
        UNROLL for (int i = 0; i < mr; i++) UNROLL for (int v = 0; v < nv; v++)
            vstore(acc + (i * nv + v) * VLEN, c[i][v]);
        acc += TILE_SIZE;
        carry = false;
    }
    if (t->out) {
        tile_finish(t, mr, nv, c);
        return;
    }
    UNROLL for (int i = 0; i < mr; i++) UNROLL for (int v = 0; v < nv; v++)
        vstore(acc + (i * nv + v) * VLEN, c[i][v]);
}

/* clang-format off */
static void tile_k1v1(const tile_run *t) { tile_any(t, TILE_STEP, 1, TILE_BY_K); }
static void tile_k2v1(const tile_run *t) { tile_any(t, 2 * TILE_STEP, 1, TILE_BY_K); }
static void tile_k3v1(const tile_run *t) { tile_any(t, 3 * TILE_STEP, 1, TILE_BY_K); }
static void tile_k1v2(const tile_run *t) { tile_any(t, TILE_STEP, 2, TILE_BY_K); }
static void tile_k2v2(const tile_run *t) { tile_any(t, 2 * TILE_STEP, 2, TILE_BY_K); }
static void tile_k3v2(const tile_run *t) { tile_any(t, 3 * TILE_STEP, 2, TILE_BY_K); }
static void tile_s1v1(const tile_run *t) { tile_any(t, TILE_STEP, 1, TILE_STRIDED); }
static void tile_s2v1(const tile_run *t) { tile_any(t, 2 * TILE_STEP, 1, TILE_STRIDED); }
static void tile_s3v1(const tile_run *t) { tile_any(t, 3 * TILE_STEP, 1, TILE_STRIDED); }
static void tile_s1v2(const tile_run *t) { tile_any(t, TILE_STEP, 2, TILE_STRIDED); }
static void tile_s2v2(const tile_run *t) { tile_any(t, 2 * TILE_STEP, 2, TILE_STRIDED); }
static void tile_s3v2(const tile_run *t) { tile_any(t, 3 * TILE_STEP, 2, TILE_STRIDED); }
static void tile_pk1v1(const tile_run *t) { tile_any(t, TILE_STEP, 1, TILE_BY_K + TILE_PACKS); }
static void tile_pk2v1(const tile_run *t) { tile_any(t, 2 * TILE_STEP, 1, TILE_BY_K + TILE_PACKS); }
static void tile_pk3v1(const tile_run *t) { tile_any(t, 3 * TILE_STEP, 1, TILE_BY_K + TILE_PACKS); }
static void tile_pk1v2(const tile_run *t) { tile_any(t, TILE_STEP, 2, TILE_BY_K + TILE_PACKS); }
static void tile_pk2v2(const tile_run *t) { tile_any(t, 2 * TILE_STEP, 2, TILE_BY_K + TILE_PACKS); }
static void tile_pk3v2(const tile_run *t) { tile_any(t, 3 * TILE_STEP, 2, TILE_BY_K + TILE_PACKS); }
static void tile_ps1v1(const tile_run *t) { tile_any(t, TILE_STEP, 1, TILE_STRIDED + TILE_PACKS); }
static void tile_ps2v1(const tile_run *t) { tile_any(t, 2 * TILE_STEP, 1, TILE_STRIDED + TILE_PACKS); }
static void tile_ps3v1(const tile_run *t) { tile_any(t, 3 * TILE_STEP, 1, TILE_STRIDED + TILE_PACKS); }
static void tile_ps1v2(const tile_run *t) { tile_any(t, TILE_STEP, 2, TILE_STRIDED + TILE_PACKS); }
static void tile_ps2v2(const tile_run *t) { tile_any(t, 2 * TILE_STEP, 2, TILE_STRIDED + TILE_PACKS); }
static void tile_ps3v2(const tile_run *t) { tile_any(t, 3 * TILE_STEP, 2, TILE_STRIDED + TILE_PACKS); }
/* clang-format on */

const tile_fn tiles[2 * TILE_LAYOUTS][3][2] = {
    {{tile_k1v1, tile_k1v2}, {tile_k2v1, tile_k2v2}, {tile_k3v1, tile_k3v2}},
    {{tile_s1v1, tile_s1v2}, {tile_s2v1, tile_s2v2}, {tile_s3v1, tile_s3v2}},
    {{tile_pk1v1, tile_pk1v2}, {tile_pk2v1, tile_pk2v2}, {tile_pk3v1, tile_pk3v2}},
    {{tile_ps1v1, tile_ps1v2}, {tile_ps2v1, tile_ps2v2}, {tile_ps3v1, tile_ps3v2}},
};
