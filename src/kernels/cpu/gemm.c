/* SPDX-License-Identifier: Apache-2.0 */
/* The blocked matrix product of gemm.h. C is cut into blocks by its size alone; a task computes one
 * block: it packs A and B a piece of k at a time and runs register tiles over them, whose partial
 * sums wait in scratch between pieces. Where C is too small to feed many threads and k has leaves,
 * tasks also divide the leaf slots into aligned groups, whose sums are combined at the end. */
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/activate.h"
#include "kernels/cpu/tile.h"
#include <assert.h>

#define SERIAL_MACS   50000 /* below this, waking threads costs more than the work */
#define PREPACK_BYTES ((int64_t)1 << 20)

/* How a product is cut. */
typedef struct blocking {
    int64_t bm, bn, n_m, n_n; /* block sizes and counts */
    int64_t parts;            /* groups of leaf slots */
    bool prepack;             /* B is packed once, before the blocks */
    bool straight_a;          /* whole tiles read A where it is */
    int depth;                /* partials a tile's stack needs */
    bool many_pieces;         /* tiles' stacks must outlive a piece of k */
} blocking;

typedef struct work {
    const gemm *g;
    blocking cut;
    int64_t tasks, leaves, leaf_k; /* leaves >= 1 */
    const float *packed_b;         /* shared: [groups][strips of k rows] */
    float *to_pack, *parts;        /* the same to be written; [parts][groups * m][n] */
    float *own;                    /* a thread's own buffers, own_floats apart */
    size_t own_floats, a_floats, b_floats;
} work;

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Whether whole tiles can read A in place: rows that are not a multiple of the cache's way apart
 * stay out of each other's sets. */
static bool straight_a(const gemm *g)
{
    return g->lda > 0;
}

/* Halve the blocks along the side whose halving copies less again: columns repeat A's packing, rows
 * B's. False: they are as small as they should be. */
static bool cut_finer(const gemm *g, blocking *c)
{
    const bool n = c->bn > TILE_N, m = c->bm > TILE_M;
    if (!n && !m) return false;
    const int64_t again_a = c->straight_a ? 0 : g->m, again_b = c->prepack ? 0 : g->n;
    if (n && (!m || again_a <= again_b))
        c->bn = round_up(c->bn / 2, TILE_N);
    else
        c->bm = round_up(c->bm / 2, TILE_STEP);
    return true;
}

static blocking cut_product(const gemm *g)
{
    blocking c = {.bm = min64(round_up(g->m + !g->m, TILE_STEP), BLOCK_M),
                  .bn = min64(round_up(g->n, TILE_N), BLOCK_N),
                  .parts = 1,
                  .straight_a = straight_a(g),
                  .depth = snug_leaf_depth(g->leaves),
                  .many_pieces = g->k > BLOCK_K};
    c.prepack = g->packed || (g->leaves == 0 && g->m > BLOCK_M &&
                              g->groups * g->k * round_up(g->n, VLEN) * 4 <= PREPACK_BYTES);
    for (;;) {
        c.n_m = ceil_div(g->m, c.bm), c.n_n = ceil_div(g->n, c.bn);
        int64_t tasks = g->groups * c.n_m * c.n_n * c.parts;
        if (tasks >= GEMM_TASKS || tasks == 0) break;
        if (tasks < GEMM_PARTS && c.parts < g->leaves)
            c.parts *= 2;
        else if (!cut_finer(g, &c))
            break;
    }
    return c;
}

/* ---- packing ----------------------------------------------------------------------------------
 */

void gemm_pack_b(const gemm_block *b, const float *from, int64_t ld)
{
    for (int64_t s = 0; s * TILE_N < b->ni; s++) {
        int64_t offset, n0 = s * TILE_N;
        int nv = gemm_strip(b->ni, b->nk, s, &offset);
        int last = vlanes(n0 + (nv - 1) * VLEN, b->ni);
        float *to = b->out + offset;
        const float *row = from + n0;
        for (int64_t k = 0; k < b->nk; k++, to += nv * VLEN, row += ld) {
            for (int v = 0; v + 1 < nv; v++) vstore(to + v * VLEN, vload(row + v * VLEN));
            vstore(to + (nv - 1) * VLEN, vload_n(row + (nv - 1) * VLEN, last));
        }
    }
}

/* VLEN columns of B, nk <= VLEN of k. */
static void pack_square(float *to, int64_t to_ld, const float *from, int64_t ld, int columns,
                        int nk)
{
    vf r[VLEN];
    for (int i = 0; i < VLEN; i++) r[i] = i < columns ? vload_n(from + i * ld, nk) : vzero();
    vtranspose(r);
    for (int k = 0; k < nk; k++) vstore(to + k * to_ld, r[k]);
}

void gemm_pack_bt(const gemm_block *b, const float *from, int64_t ld, int64_t at, int64_t rows)
{
    for (int64_t s = 0; s * TILE_N < b->ni; s++) {
        int64_t offset;
        int nv = gemm_strip(b->ni, rows, s, &offset);
        for (int v = 0; v < nv; v++) {
            int64_t n0 = s * TILE_N + v * VLEN;
            float *to = b->out + offset + at * nv * VLEN + v * VLEN;
            for (int64_t k = 0; k < b->nk; k += VLEN)
                pack_square(to + k * nv * VLEN, nv * VLEN, from + n0 * ld + k, ld,
                            vlanes(n0, b->ni), vlanes(k, b->nk));
        }
    }
}

static void prepack_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const work *w = arg;
    const gemm *g = w->g;
    int64_t strips = ceil_div(g->n, TILE_N), group = task / strips, i0 = task % strips * TILE_N;
    g->pack_b(g,
              &(gemm_block){.group = group,
                            .i0 = i0,
                            .ni = min64(TILE_N, g->n - i0),
                            .nk = g->k,
                            .out = w->to_pack + group * round_up(g->n, VLEN) * g->k + i0 * g->k});
}

/* ---- a block of C ------------------------------------------------------------------------------
 */

/* A piece of k, the leaf slots it touches, and where its panels are. */
typedef struct piece {
    int64_t k0, k1, slot0, slot1; /* slots [slot0, slot1) */
    const float *a, *b;           /* b NULL: straight from the source */
    float *pack;                  /* b again, when the first tile of each strip packs it */
    int64_t a_ld, straight;       /* rows of the block before `straight` are read where A is */
} piece;

typedef struct block {
    const work *w;
    int64_t group, i0, ni, j0, nj;
    int64_t slot0, slot1; /* of this task */
    float *acc;           /* stacks of tiles */
} block;

/* The next piece from k0 on, in whole slots where several fit, else cutting a slot evenly. */
static piece next_piece(const block *b, int64_t k0)
{
    const work *w = b->w;
    int64_t k_end = min64(b->slot1 * w->leaf_k, w->g->k), slot = k0 / w->leaf_k;
    piece p = {.k0 = k0, .slot0 = slot};
    if (k_end - k0 <= BLOCK_K) {
        p.k1 = k_end;
    } else if (w->leaf_k > BLOCK_K) {
        int64_t left = min64((slot + 1) * w->leaf_k, k_end) - k0;
        p.k1 = k0 + ceil_div(left, ceil_div(left, BLOCK_K));
    } else {
        p.k1 = min64((slot + BLOCK_K / w->leaf_k) * w->leaf_k, k_end);
    }
    p.slot1 = p.k1 == k_end ? b->slot1 : ceil_div(p.k1, w->leaf_k);
    return p;
}

/* One tile over a piece: a run for each leaf slot. `stack` is the tile's; the last run's result may
 * go to C at once. */
static void run_tile(const block *b, const piece *p, const tile_run *whole, float *stack,
                     tile_fn fn)
{
    const work *w = b->w;
    tile_run run = *whole;
    for (int64_t slot = p->slot0; slot < p->slot1; slot++) {
        int64_t begin = slot * w->leaf_k, end = min64(begin + w->leaf_k, w->g->k);
        int64_t k = begin < p->k0 ? p->k0 : begin, stop = end < p->k1 ? end : p->k1;
        int64_t number = slot - b->slot0, done = stop > k ? k - p->k0 : 0;
        run.n = stop > k ? stop - k : 0;
        run.a = whole->a + done * run.a_step;
        run.b = whole->b + done * run.b_step;
        run.pack = whole->pack ? whole->pack + done * run.pack_step : NULL;
        run.acc = stack + __builtin_popcountll((unsigned long long)number) * TILE_SIZE;
        run.carry = k > begin && begin < end;
        run.merges = stop >= end ? snug_leaf_merges(number) : 0;
        run.out = slot + 1 == p->slot1 ? whole->out : NULL;
        fn(&run);
    }
}

static void store_rows(const gemm *g, const gemm_tile *t, float *const *rows)
{
    const float *sums = t->sums;
    int64_t j = t->j0;
    for (int v = 0; v < t->nv; v++, j += VLEN, sums += VLEN) {
        int lanes = vlanes(j, g->n);
        vf bias = g->bias ? vload_n(g->bias + t->group * g->n + j, lanes) : vzero();
        for (int64_t r = 0; r < t->n; r++) {
            vf x = vload(sums + r * t->nv * VLEN);
            if (g->bias) x = vadd(x, bias);
            x = vactivate(g->act, x);
            if (lanes == VLEN)
                vstore(rows[r] + j, x);
            else
                vstore_n(rows[r] + j, x, lanes);
        }
    }
}

void gemm_store(const gemm *g, const gemm_tile *t)
{
    float *rows[TILE_M];
    if (g->rows) g->rows(g, t->group, t->i0, t->n, rows);
    for (int64_t r = 0; r < t->n && !g->rows; r++)
        rows[r] = g->c + t->group * g->n + (t->i0 + r) * g->ldc;
    store_rows(g, t, rows);
}

void gemm_store_part(const gemm *g, const gemm_tile *t, float *part)
{
    float *rows[TILE_M];
    for (int64_t r = 0; r < t->n; r++) rows[r] = part + (t->group * g->m + t->i0 + r) * g->n;
    store_rows(g, t, rows);
}

/* Where a strip of B is, and from one k to the next; for its first tile where the program has it,
 * when that tile packs it. */
static void strip_of_b(const block *b, const piece *p, int64_t s, bool first, tile_run *run)
{
    const work *w = b->w;
    const gemm *g = w->g;
    int64_t offset = 0, j = b->j0 + s * TILE_N;
    const int64_t packed_step = gemm_strip(b->nj, p->k1 - p->k0, s, &offset) * VLEN;
    run->pack = NULL;
    if (p->b && !(first && p->pack)) {
        run->b_step = packed_step;
        run->b = p->b + offset;
    } else if (w->cut.prepack) {
        run->b_step = gemm_strip(g->n, g->k, j / TILE_N, &offset) * VLEN;
        run->b =
            w->packed_b + b->group * round_up(g->n, VLEN) * g->k + offset + p->k0 * run->b_step;
    } else {
        run->b_step = g->ldb;
        run->b = g->b + b->group * g->n + p->k0 * g->ldb + j;
        run->pack_step = packed_step;
        if (p->pack) run->pack = p->pack + offset;
    }
}

static void finish_tile(const block *b, const gemm_tile *t)
{
    const work *w = b->w;
    int64_t part = b->slot0 / (b->slot1 - b->slot0);
    if (w->cut.parts == 1)
        gemm_store(w->g, t);
    else
        gemm_store_part(w->g, t, w->parts + part * w->g->groups * w->g->m * w->g->n);
}

/* The tile at row i of a block: how many rows it has, and where A's are. */
static tile_fn tile_at(const block *b, const piece *p, int64_t i, int nv, int64_t *rows,
                       tile_run *run)
{
    const gemm *g = b->w->g;
    const bool straight = i < p->straight;
    int how = g->a_by_k ? TILE_BY_K : straight ? TILE_STRIDED : TILE_ROWS;
    if (run->pack) how += TILE_PACKS;
    *rows = min64(TILE_M, (straight ? p->straight : b->ni) - i);
    if (g->a_by_k)
        run->a = p->a + i;
    else if (straight)
        run->a = g->a + (b->i0 + i) * g->lda + p->k0;
    else
        run->a = p->a + (i - p->straight) * BLOCK_LDA;
    return tile_of(how, *rows, nv);
}

static void run_piece(const block *b, const piece *p)
{
    const work *w = b->w;
    const gemm *g = w->g;
    const bool last = p->k1 == min64(b->slot1 * w->leaf_k, g->k);
    int64_t number = 0;
    for (int64_t s = 0; s * TILE_N < b->nj; s++) {
        tile_run run = {.a_step = g->a_by_k ? p->a_ld : 1, .a_row = g->lda, .runs = 1};
        int nv = (int)min64(TILE_V, ceil_div(b->nj - s * TILE_N, VLEN));
        for (int64_t i = 0, rows; i < b->ni; i += rows, number++) {
            strip_of_b(b, p, s, i == 0, &run);
            tile_fn fn = tile_at(b, p, i, nv, &rows, &run);
            float *stack = b->acc + (w->cut.many_pieces ? number * w->cut.depth * TILE_SIZE : 0);
            const gemm_tile t = {stack, b->group, b->i0 + i, rows, b->j0 + s * TILE_N, nv};
            run.out = last && w->cut.parts == 1 ? gemm_place(g, &t) : NULL;
            run.out_ld = g->ldc;
            run_tile(b, p, &run, stack, fn);
            if (last && !run.out) finish_tile(b, &t);
        }
    }
}

/* Rows that only fill up the last tile: numbers, so that nothing slow is computed and dropped. */
static void zero_padding(const gemm_block *a, bool by_k)
{
    int64_t end = round_up(a->ni, TILE_STEP);
    for (int64_t i = a->ni; i < end && !by_k; i++) gemm_zero(a->out + i * BLOCK_LDA, a->nk);
    for (int64_t k = 0; k < a->nk && by_k; k++)
        for (int64_t i = a->ni; i < end; i++) a->out[k * a->ld + i] = 0;
}

static void block_task(void *arg, int64_t task, int thread)
{
    const work *w = arg;
    const gemm *g = w->g;
    const blocking *c = &w->cut;
    int64_t column = task % c->n_n, row = task / c->n_n % c->n_m;
    int64_t part = task / (c->n_n * c->n_m) % c->parts, slots = w->leaves / c->parts;
    block b = {.w = w, .group = task / (c->n_n * c->n_m * c->parts)};
    b.i0 = row * c->bm, b.ni = min64(c->bm, g->m - b.i0);
    b.j0 = column * c->bn, b.nj = min64(c->bn, g->n - b.j0);
    b.slot0 = part * slots, b.slot1 = b.slot0 + slots;
    float *own = w->own + (size_t)thread * w->own_floats;
    float *a = own, *packed = own + w->a_floats;
    b.acc = packed + w->b_floats;
    const bool whole = g->b && b.nj % VLEN == 0, straight = whole && g->m <= TILE_M;
    const bool on_the_way = whole && !straight && !c->prepack;
    int64_t k_end = min64(b.slot1 * w->leaf_k, g->k), k0 = min64(b.slot0 * w->leaf_k, k_end);
    do {
        piece p = next_piece(&b, k0);
        if (k0 >= k_end) p = (piece){.k0 = k0, .k1 = k0, .slot0 = b.slot0, .slot1 = b.slot1};
        p.a_ld = round_up(b.ni, TILE_STEP);
        p.a = a;
        p.straight = c->straight_a ? b.ni / TILE_STEP * TILE_STEP : 0;
        gemm_block pack = {b.group, b.i0 + p.straight, b.ni - p.straight, p.k0, p.k1 - p.k0, p.a_ld,
                           a};
        if (pack.ni > 0) g->pack_a(g, &pack);
        zero_padding(&pack, g->a_by_k);
        if (!c->prepack && !straight) {
            p.b = packed;
            p.pack = on_the_way ? packed : NULL;
            if (!on_the_way)
                g->pack_b(g, &(gemm_block){b.group, b.j0, b.nj, p.k0, p.k1 - p.k0, 0, packed});
        }
        run_piece(&b, &p);
        k0 = p.k1;
    } while (k0 < k_end);
}

/* ---- the whole ---------------------------------------------------------------------------------
 */

void gemm_parallel(const gemm *g, snug_queue *q, int64_t n_tasks, void (*fn)(void *, int64_t, int),
                   void *arg)
{
    if (g->groups * g->m * g->n * g->k >= SERIAL_MACS) {
        snug_parallel(q, n_tasks, fn, arg);
        return;
    }
    for (int64_t i = 0; i < n_tasks; i++) fn(arg, i, 0);
}

typedef struct combination {
    const gemm *g;
    const float *parts;
    int64_t n;
} combination;

static void combine_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const combination *c = arg;
    const gemm *g = c->g;
    int64_t all = g->groups * g->m, rows = ceil_div(all, GEMM_TASKS), n = g->n;
    int64_t begin = task * rows, end = min64(begin + rows, all);
    for (int64_t r = begin; r < end; r++) {
        float *to = g->c + r / g->m * n + r % g->m * g->ldc;
        for (int64_t j = 0; j < n; j += VLEN) {
            int lanes = vlanes(j, n);
            vf sum[GEMM_PARTS];
            for (int64_t p = 0; p < c->n; p++)
                sum[p] = vload_n(c->parts + (p * all + r) * n + j, lanes);
            for (int64_t d = 1; d < c->n; d *= 2)
                for (int64_t p = 0; p < c->n; p += 2 * d) sum[p] = vadd(sum[p], sum[p + d]);
            vstore_n(to + j, sum[0], lanes);
        }
    }
}

void gemm_combine(const gemm *g, snug_queue *q, const float *parts, int64_t n_parts)
{
    gemm_parallel(g, q, GEMM_TASKS, combine_task, &(combination){g, parts, n_parts});
}

/* Lays out scratch for products up to these sizes: a thread's buffers, then what is shared. Smaller
 * products are cut into blocks that are no larger, but may pack B where the largest do not. Returns
 * the bytes. */
static size_t lay_out(work *w, const gemm *g, int threads, float *scratch)
{
    const blocking *c = &w->cut;
    int64_t bk = min64(g->k, BLOCK_K), bm = round_up(c->bm, TILE_M);
    int64_t by_row = bm * BLOCK_LDA, by_k = bk * bm + VLEN;
    int64_t tiles_m = bm / TILE_M + c->straight_a; /* rows that fill no step are a tile apart */
    int64_t stacks = c->many_pieces ? tiles_m * (c->bn / TILE_N) : 1;
    w->a_floats = (size_t)round_up(g->a_by_k ? by_k : by_row, 16);
    w->b_floats = (size_t)round_up(bk * c->bn, 16);
    w->own_floats = w->a_floats + w->b_floats + (size_t)(stacks * c->depth * TILE_SIZE);
    size_t own = w->own_floats * (size_t)threads;
    size_t b = c->prepack && !g->packed
                   ? (size_t)round_up(g->groups * round_up(g->n, VLEN) * g->k, 16)
                   : 0;
    size_t parts = c->parts > 1 ? (size_t)(c->parts * g->groups * g->m * g->n) : 0;
    w->own = scratch;
    w->to_pack = scratch + own;
    w->packed_b = g->packed ? g->kept : w->to_pack;
    w->parts = scratch + own + b;
    return (own + b + parts) * sizeof(float);
}

size_t gemm_scratch(const gemm *g, int threads)
{
    work w = {.g = g, .cut = cut_product(g)};
    static float nowhere[1];
    return lay_out(&w, g, threads, nowhere);
}

size_t gemm_keep_bytes(const gemm *g)
{
    return (size_t)(g->groups * round_up(g->n, VLEN) * g->k) * sizeof(float);
}

void gemm_keep(const gemm *g, const snug_call *call)
{
    work w = {.g = g, .to_pack = call->kept};
    snug_parallel(call->queue, g->groups * ceil_div(g->n, TILE_N), prepack_task, &w);
}

void gemm_run(const gemm *g, const snug_call *call)
{
    if (g->groups * g->m * g->n == 0) return;
    work w = {.g = g, .cut = cut_product(g), .leaves = 1, .leaf_k = g->k > 0 ? g->k : 1};
    if (g->leaves) w.leaves = g->leaves, w.leaf_k = g->leaf_k;
    const blocking *c = &w.cut;
    size_t bytes = lay_out(&w, g, snug_queue_threads(call->queue), call->scratch);
    assert(bytes <= call->scratch_bytes);
    (void)bytes;
    if (c->prepack && !g->packed)
        gemm_parallel(g, call->queue, g->groups * ceil_div(g->n, TILE_N), prepack_task, &w);
    gemm_parallel(g, call->queue, g->groups * c->n_m * c->n_n * c->parts, block_task, &w);
    if (c->parts > 1) gemm_combine(g, call->queue, w.parts, c->parts);
}
