/* SPDX-License-Identifier: Apache-2.0 */
/* The blocked matrix product of gemm.h. C is cut into blocks by its size alone; a task computes one
 * block: it packs A and B a piece of k at a time and runs register tiles over them, whose partial
 * sums wait in scratch between pieces. Where C is too small to feed many threads and k has leaves,
 * tasks also divide the leaf slots into aligned groups, whose sums are combined at the end. */
#include "kernels/cpu/packed.h"
#include "kernels/cpu/tile.h"
#include <assert.h>

#define SERIAL_MACS    100000 /* below this, waking threads costs more than the work */
#define TASK_MACS      500000 /* that a task should have at least */
#define TASKS_A_THREAD 4
#define PREPACK_BYTES  ((int64_t)1 << 20)
/* Rows of C from which all of B is packed before (packed.c): of a short k, of a B that is to be
 * turned, the same with more rows than columns, and of any other; and the k that it goes up to. */
#define SHORT_K        64
#define SHORT_ROWS     144
#define TURNED_ROWS    192
#define LONG_ROWS      64
#define PREPACK_ROWS   768
#define PREPACK_K      512
#define TURNED_K       1536
#define STRIP_ROWS     9      /* from which a B that is to be turned is packed strip by strip, */
#define STRIP_FLOATS   100000 /* if it has so many at most */
#define NARROW         64     /* columns of C */
#define LONG_K         640    /* from which on turning C costs little */
#define FEW_TILES      24     /* of C: tasks divide k rather than C */
#define LINE           16     /* floats of a cache line */
#define LINES          (TILE_N > LINE ? TILE_N / LINE : 1) /* across a strip */
#define STRAIGHT_K     512  /* of k at a time, where A and B are read where they are; */
#define PREPACKED_K    1024 /* or A is and B is packed; BLOCK_K elsewhere */
#define STRAIGHT_TILES 8    /* of a strip, at most, that read B where it is */

/* How a product is cut. */
typedef struct blocking {
    int64_t bm, bn, n_m, n_n; /* block sizes and counts */
    int64_t parts;            /* groups of leaf slots */
    bool prepack;             /* B is packed once, before the blocks */
    bool straight_a;          /* whole tiles read A where it is */
    bool straight_b;          /* whole strips are read where B is; else the first tile packs them */
    int64_t bk;               /* of k at a time, at most */
    int depth;                /* partials a tile's stack needs */
    bool many_pieces;         /* tiles' stacks must outlive a piece of k */
} blocking;

typedef struct work {
    const gemm *g;
    blocking cut;
    int64_t leaves, leaf_k; /* leaves >= 1 */
    const float *packed_b;  /* shared: [groups][strips of k rows] */
    float *to_pack, *parts; /* the same to be written; [parts][groups * m][n] */
    float *own;             /* a thread's own buffers, own_floats apart */
    size_t own_floats, a_floats, b_floats;
} work;

/* Tasks that keep so many threads busy to the end, none so small that handing it out costs more
 * than a few per cent. */
static int64_t wanted_tasks(const gemm *g, int threads)
{
    int64_t worth = g->groups * g->m * g->n * g->k / TASK_MACS;
    int64_t most = threads > 1 ? TASKS_A_THREAD * threads : 1;
    return worth < threads ? threads : min64(worth, most);
}

/* Cut the side whose cutting copies less again: columns repeat A's packing, rows B's. False: blocks
 * are as small as they should be. */
static bool cut_finer(const gemm *g, blocking *c)
{
    const bool n = g->n > c->n_n * TILE_N, m = g->m > c->n_m * TILE_M;
    if (!n && !m) return false;
    int64_t again_a = c->straight_a ? 0 : g->m, again_b = c->prepack ? 0 : g->n;
    /* Nothing is copied: the longer side. */
    if (again_a + again_b == 0) again_a = g->m / c->n_m, again_b = g->n / c->n_n;
    if (n && (!m || again_a <= again_b))
        c->n_n *= 2;
    else
        c->n_m *= 2;
    return true;
}

/* Whether B is packed as a whole before: where blocks must copy A, or B is to be turned, and often
 * enough. */
static bool prepacks(const gemm *g)
{
    if (g->packed) return true;
    const int64_t rows = g->lda == 0 ? BLOCK_M : 2 * BLOCK_M;
    return (g->lda == 0 || g->b_by_n) && g->m > rows &&
           g->groups * g->k * round_up(g->n, VLEN) * 4 <= PREPACK_BYTES;
}

/* Rows of a block at most: where A is read in place, a tile more rather than another block. */
static int64_t most_rows(const gemm *g)
{
    return g->lda > 0 && g->m <= BLOCK_M + TILE_M ? BLOCK_M + TILE_M : BLOCK_M;
}

/* More of k at a time where A is read in place and no block packs its B. */
static int64_t k_at_a_time(const gemm *g, const blocking *c)
{
    if (c->straight_a && c->prepack) return PREPACKED_K;
    return c->straight_a && g->b && c->straight_b ? STRAIGHT_K : BLOCK_K;
}

static blocking cut_product(const gemm *g, int threads)
{
    const int64_t m_all = g->m + !g->m, n_all = g->n + !g->n;
    blocking c = {.n_m = ceil_div(m_all, most_rows(g)),
                  .n_n = ceil_div(n_all, BLOCK_N),
                  .parts = 1,
                  .prepack = prepacks(g),
                  .straight_a = g->lda > 0,
                  .depth = snug_leaf_depth(g->leaves),
                  .many_pieces = g->k > BLOCK_K};
    const int64_t wanted = wanted_tasks(g, threads);
    const bool few = g->groups * ceil_div(m_all, TILE_M) * ceil_div(n_all, TILE_N) <= FEW_TILES;
    while (g->groups * c.n_m * c.n_n * c.parts < wanted) {
        if (few && c.parts < GEMM_PARTS && c.parts < g->leaves)
            c.parts *= 2;
        else if (!cut_finer(g, &c))
            break;
    }
    c.bm = round_up(ceil_div(m_all, c.n_m), TILE_STEP), c.n_m = ceil_div(m_all, c.bm);
    c.bn = round_up(ceil_div(n_all, c.n_n), TILE_N), c.n_n = ceil_div(n_all, c.bn);
    /* Rows that far apart meet in the same sets of the nearest cache. */
    const int64_t straight = g->ldb % 1024 == 0 ? 2 : STRAIGHT_TILES;
    c.straight_b = c.bm <= straight * TILE_M;
    c.bk = k_at_a_time(g, &c);
    return c;
}

/* ---- packing ----------------------------------------------------------------------------------
 */

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
    int64_t whole, level;         /* the first slots, if whole; where partials of slot0 wait */
    const float *a;
    float *b;               /* strips that are packed */
    int64_t b_skip;         /* floats of those before them that are not */
    int64_t a_ld, straight; /* rows of the block before `straight` are read where A is */
} piece;

typedef struct block {
    const work *w;
    int64_t group, i0, ni, j0, nj;
    int64_t slot0, slot1; /* of this task */
    float *acc;           /* stacks of tiles */
} block;

/* Tiles down a block at most: rows that fill no step are a tile apart where A is read in place. */
static int64_t tiles_down(int64_t rows, bool straight_a)
{
    return ceil_div(rows, TILE_M) + straight_a;
}

/* The next piece from k0 on, in whole slots where several fit, else cutting a slot evenly. */
static piece next_piece(const block *b, int64_t k0)
{
    const work *w = b->w;
    int64_t k_end = min64(b->slot1 * w->leaf_k, w->g->k), slot = k0 / w->leaf_k;
    piece p = {.k0 = k0, .slot0 = slot};
    if (k_end - k0 <= w->cut.bk) {
        p.k1 = k_end;
    } else if (w->leaf_k > w->cut.bk) {
        int64_t left = min64((slot + 1) * w->leaf_k, k_end) - k0;
        p.k1 = k0 + ceil_div(left, ceil_div(left, w->cut.bk));
    } else {
        p.k1 = min64((slot + w->cut.bk / w->leaf_k) * w->leaf_k, k_end);
    }
    p.slot1 = p.k1 == k_end ? b->slot1 : ceil_div(p.k1, w->leaf_k);
    if (k0 == slot * w->leaf_k) p.whole = (p.k1 - k0) / w->leaf_k;
    p.level = __builtin_popcountll((unsigned long long)(slot - b->slot0)) * TILE_SIZE;
    return p;
}

/* What runs over a piece of whole slots alone have in common: one call does them all. */
static void set_whole(const block *b, const piece *p, tile_run *run)
{
    run->n = b->w->leaf_k;
    run->carry = false;
    run->slot = p->slot0 - b->slot0, run->more_slots = p->whole - 1;
    run->merges = snug_leaf_merges(run->slot + run->more_slots);
}

/* One tile over a piece: a run for the slots that are whole, one for each other. `stack` is the
 * tile's; the last run's result may go to C at once. */
static void run_tile(const block *b, const piece *p, tile_run *run, float *stack, tile_fn fn)
{
    const work *w = b->w;
    const int64_t leaf = w->leaf_k;
    float *const out = run->out;
    const float *const begin_b = run->b;
    run->acc = stack + p->level;
    if (p->whole == p->slot1 - p->slot0) {
        fn(run);
        return;
    }
    for (int64_t slot = p->slot0, slots; slot < p->slot1; slot += slots) {
        int64_t begin = slot * leaf, end = min64(begin + leaf, w->g->k);
        int64_t k = begin < p->k0 ? p->k0 : begin, stop = end < p->k1 ? end : p->k1;
        int64_t number = slot - b->slot0;
        slots = slot == p->slot0 && p->whole > 0 ? p->whole : 1;
        run->n = stop > k ? stop - k : 0;
        run->acc = stack + __builtin_popcountll((unsigned long long)number) * TILE_SIZE;
        run->carry = k > begin && begin < end;
        run->slot = number, run->more_slots = slots - 1;
        run->merges = stop >= end ? snug_leaf_merges(number + slots - 1) : 0;
        run->out = slot + slots == p->slot1 ? out : NULL;
        fn(run);
        const int64_t n = run->n * slots;
        run->a += n * run->a_step;
        run->b += n * run->b_step;
        if (run->ahead_every) run->ahead += n / run->ahead_every * run->ahead_step;
        if (run->pack) run->pack += n * run->pack_step;
    }
    run->b = begin_b;
}

/* Whether a strip of B can be read from where B is: it ends with whole vectors. */
static bool whole_strip(const block *b, int64_t s)
{
    const gemm *g = b->w->g;
    int64_t end = min64((s + 1) * TILE_N, round_up(b->nj - s * TILE_N, VLEN) + s * TILE_N);
    return g->b && b->j0 + end <= g->n;
}

/* Where a strip of B is, and from one k to the next. */
static void strip_of_b(const block *b, const piece *p, int64_t s, bool first, tile_run *run)
{
    const work *w = b->w;
    const gemm *g = w->g;
    int64_t offset = 0, j = b->j0 + s * TILE_N;
    const int64_t packed_step = gemm_strip(b->nj, p->k1 - p->k0, s, &offset) * VLEN;
    run->pack = NULL;
    if (w->cut.prepack) {
        run->b_step = gemm_strip(g->n, g->k, j / TILE_N, &offset) * VLEN;
        run->b =
            w->packed_b + b->group * round_up(g->n, VLEN) * g->k + offset + p->k0 * run->b_step;
    } else if (whole_strip(b, s) && (first || w->cut.straight_b)) {
        run->b_step = g->ldb;
        run->b = g->b + b->group * g->n + p->k0 * g->ldb + j;
        run->pack_step = packed_step;
        if (!w->cut.straight_b && b->ni > TILE_M) run->pack = p->b + offset;
    } else {
        run->b_step = packed_step;
        run->b = p->b + offset - p->b_skip;
    }
}

/* Tiles of a strip that share what is to be asked for, a power of two. */
static int64_t sharing_tiles(const block *b)
{
    const int64_t others = tiles_down(b->ni, false) - 1;
    return others >= 8 ? 8 : others >= 4 ? 4 : others >= 2 ? 2 : 1;
}

/* B is asked for by the tiles before those that need it: by the first of a strip somewhat ahead, by
 * those behind it for the strip to come, each for some of its rows: what comes from memory should
 * come evenly. */
static void ask_for_b(const block *b, const piece *p, int64_t s, int64_t i, tile_run *run)
{
    const gemm *g = b->w->g;
    const int64_t next = (s + 1) * TILE_N, sharing = sharing_tiles(b);
    const bool more = next < b->nj;
    run->ahead_more = (LINES - 1) * LINE;
    if (i == 0) {
        run->ahead = run->b + TILE_AHEAD * run->b_step;
        run->ahead_step = run->b_step;
        run->ahead_every = 1;
    } else if (i <= sharing && (more || p->k1 < g->k)) {
        const int64_t k = (more ? p->k0 : p->k1) + (i - 1) * (p->k1 - p->k0) / sharing;
        run->ahead = g->b + b->group * g->n + k * g->ldb + b->j0 + (more ? next : 0);
        run->ahead_step = g->ldb;
        run->ahead_every = sharing;
    }
}

/* What the i-th tile of a strip asks for. Where B is packed, the next tile's rows of A, if they lie
 * one behind the other. */
static void ask_ahead(const block *b, const piece *p, int64_t s, int64_t i, tile_run *run)
{
    const gemm *g = b->w->g;
    run->ahead_every = 0;
    if (g->b && !b->w->cut.prepack) {
        ask_for_b(b, p, s, i, run);
    } else if (s == 0 && p->straight > 0 && !g->a_by_k && g->lda == p->k1 - p->k0) {
        run->ahead = run->a + TILE_M * g->lda;
        run->ahead_more = 0, run->ahead_step = TILE_M, run->ahead_every = 1;
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
    int how = g->a_by_k ? TILE_BY_K : TILE_STRIDED;
    if (run->pack) how += TILE_PACKS;
    const int64_t left = (straight ? p->straight : b->ni) - i;
    *rows = min64(TILE_M, left);
    /* A low tile at the end is slow: two of half the height. */
    if (left > TILE_M && left < 2 * TILE_M) *rows = round_up(ceil_div(left, 2), TILE_STEP);
    run->a_row = straight ? g->lda : p->a_ld;
    run->a_step = g->a_by_k ? run->a_row : 1;
    if (straight)
        run->a = g->a + (g->a_by_k ? p->k0 * g->lda + b->i0 + i : (b->i0 + i) * g->lda + p->k0);
    else
        run->a = p->a + (i - p->straight) * (g->a_by_k ? 1 : p->a_ld);
    return tile_of(how, *rows, nv);
}

static void run_strip(const block *b, const piece *p, int64_t s, bool last, float *stack)
{
    const work *w = b->w;
    const gemm *g = w->g;
    const int64_t stack_step = w->cut.many_pieces ? w->cut.depth * TILE_SIZE : 0;
    tile_run run = {.runs = 1, .out_ld = g->ldc, .act = g->act};
    gemm_tile t = {.group = b->group, .j0 = b->j0 + s * TILE_N};
    t.nv = (int)min64(TILE_V, ceil_div(b->nj - s * TILE_N, VLEN));
    if (g->bias) run.bias = g->bias + t.group * g->n + t.j0;
    if (p->whole > 0) set_whole(b, p, &run);
    for (int64_t i = 0, number = 0; i < b->ni; i += t.n, number++, stack += stack_step) {
        if (number <= 1) strip_of_b(b, p, s, number == 0, &run);
        tile_fn fn = tile_at(b, p, i, t.nv, &t.n, &run);
        ask_ahead(b, p, s, number, &run);
        t.i0 = b->i0 + i, t.sums = stack;
        run.out = last && w->cut.parts == 1 ? gemm_place_finished(g, &t) : NULL;
        run_tile(b, p, &run, stack, fn);
        if (last && !run.out) finish_tile(b, &t);
    }
}

static void run_piece(const block *b, const piece *p)
{
    const work *w = b->w;
    const bool last = p->k1 == min64(b->slot1 * w->leaf_k, w->g->k);
    float *stack = b->acc;
    for (int64_t s = 0; s * TILE_N < b->nj; s++) {
        run_strip(b, p, s, last, stack);
        if (w->cut.many_pieces)
            stack += tiles_down(b->ni, w->cut.straight_a) * w->cut.depth * TILE_SIZE;
    }
}

/* Rows that only fill up the last tile: numbers, so that nothing slow is computed and dropped. */
static void zero_padding(const gemm_block *a, bool by_k)
{
    const int64_t end = round_up(a->ni, TILE_STEP), more = end - a->ni;
    for (int64_t i = a->ni; i < end && !by_k; i++) gemm_zero(a->out + i * a->ld, a->nk);
    if (more == 0 || !by_k) return;
    float *to = a->out + a->ni;
    for (int64_t k = a->nk; k > 0; k--, to += a->ld) vstore_n(to, vzero(), (int)more);
}

/* What of a piece's A and B no tile can read where it is. */
static void pack_piece(const block *b, piece *p, float *a)
{
    const gemm *g = b->w->g;
    const int64_t nk = p->k1 - p->k0;
    const int64_t i = p->straight;
    const gemm_block rows = {b->group, b->i0 + i, b->ni - i, p->k0, nk, p->a_ld, a};
    if (rows.ni > 0) g->pack_a(g, &rows);
    zero_padding(&rows, g->a_by_k);
    if (b->w->cut.prepack) return;
    int64_t j = 0;
    while (j < b->nj && whole_strip(b, j / TILE_N)) j += TILE_N;
    if (b->w->cut.straight_b) p->b_skip = j * nk;
    float *to = p->b + j * nk - p->b_skip;
    const gemm_block columns = {b->group, b->j0 + j, b->nj - j, p->k0, nk, 0, to};
    if (columns.ni > 0) g->pack_b(g, &columns);
}

/* Of a block's rows those that are read where they are: all that fill steps, unless so few that one
 * tile of copied rows does for all. */
static int64_t straight_rows(int64_t rows)
{
    return rows < 2 * TILE_STEP && rows % TILE_STEP > 0 ? 0 : rows / TILE_STEP * TILE_STEP;
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
    float *a = w->own + (size_t)thread * w->own_floats, *packed = a + w->a_floats;
    b.acc = packed + w->b_floats;
    int64_t k_end = min64(b.slot1 * w->leaf_k, g->k), k0 = min64(b.slot0 * w->leaf_k, k_end);
    do {
        piece p = next_piece(&b, k0);
        if (k0 >= k_end) p = (piece){.k0 = k0, .k1 = k0, .slot0 = b.slot0, .slot1 = b.slot1};
        p.straight = c->straight_a ? straight_rows(b.ni) : 0;
        p.a_ld = g->a_by_k ? round_up(b.ni - p.straight, TILE_STEP)
                           : (c->straight_a ? min64(g->k, c->bk) + 16 : BLOCK_LDA);
        p.a = a, p.b = packed;
        pack_piece(&b, &p, a);
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

/* Lays out scratch for products up to these sizes: a thread's buffers, then what is shared. Smaller
 * products are cut into blocks that are no larger, but may pack B where the largest do not. Returns
 * the bytes. */
static size_t lay_out(work *w, const gemm *g, int threads, float *scratch)
{
    const blocking *c = &w->cut;
    const int64_t most = c->straight_a ? BLOCK_M + TILE_M : BLOCK_M;
    int64_t bk = min64(g->k, BLOCK_K), bm = round_up(min64(g->m, most), TILE_M);
    int64_t bn = round_up(min64(g->n, BLOCK_N), TILE_N);
    /* Where A is read in place, rows that fill no step are packed. */
    int64_t far = min64(g->k, c->prepack ? PREPACKED_K : STRAIGHT_K);
    int64_t by_row = c->straight_a ? 2 * TILE_STEP * (far + 16) : bm * BLOCK_LDA;
    int64_t by_k = (c->straight_a ? 2 * TILE_STEP * far : bm * bk) + VLEN;
    int64_t strip = min64(g->k, STRAIGHT_K) * TILE_N;
    int64_t strips = bk * bn > strip ? bk * bn : strip;
    int64_t stacks = c->many_pieces ? tiles_down(bm, c->straight_a) * (bn / TILE_N) : 1;
    w->a_floats = (size_t)round_up(g->a_by_k ? by_k : by_row, 16);
    w->b_floats = (size_t)round_up(strips, 16);
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

/* ---- C transposed ------------------------------------------------------------------------------
 *
 * C = A B with B's rows along k is computed as the transpose of B^T A^T where turning A and C
 * copies less than turning B: B^T is read where it is. So is C = A^T B of few columns, whose rows
 * fill tiles better than its columns. The chains are the same. */

static void pack_across_a(const gemm *g, const gemm_block *p)
{
    const gemm *of = g->arg;
    if (g->a_by_k) {
        const float *from = of->b + p->k0 * of->ldb + p->i0;
        gemm_copy_rows(p->out, p->ld, from, of->ldb, p->nk, p->ni);
        return;
    }
    const float *from = g->a + p->i0 * g->lda + p->k0;
    for (int64_t i = 0; i < p->ni; i++) gemm_copy(p->out + i * p->ld, from + i * g->lda, p->nk);
}

static void pack_across_b(const gemm *g, const gemm_block *p)
{
    const gemm *of = g->arg;
    if (g->a_by_k)
        gemm_pack_b(p, of->a + p->k0 * of->lda + p->i0, of->lda);
    else
        gemm_pack_bt(p, of->a + p->i0 * of->lda + p->k0, of->lda, 0, p->nk);
}

/* Whether it pays, from more than half a vector of rows on; the largest m for which it may. */
static int64_t most_across(const gemm *g)
{
    if (!g->b_by_n || g->a_by_k || g->packed || g->rows || g->groups != 1 || g->lda == 0) return 0;
    return (g->n * g->k - 1) / (g->n + g->k);
}

/* Elements that whole vectors and steps of rows have. */
static int64_t filled(int64_t m, int64_t n)
{
    return round_up(m, TILE_STEP) * round_up(n, VLEN);
}

/* Whether it pays for A^T B: where less is filled up, or the larger of both can be B, which is read
 * in longer runs, and asked for ahead where one block's columns are all that a long A meets. */
static bool turns_by_k(const gemm *g)
{
    const int64_t here = filled(g->m, g->n), across = filled(g->n, g->m);
    const bool can = g->a_by_k && !g->b_by_n && g->groups == 1 && g->lda > 0 && !g->bias;
    const bool narrow = g->n <= NARROW && g->m > g->n && across <= here;
    const bool once = g->n <= BLOCK_N && g->m >= 2 * g->n && g->k >= LONG_K && across <= here;
    return can && (narrow || once || 5 * across < 4 * here);
}

static gemm turn(const gemm *g)
{
    gemm t = {.groups = 1,
              .m = g->n,
              .n = g->m,
              .k = g->k,
              .pack_a = pack_across_a,
              .pack_b = pack_across_b,
              .arg = g,
              .a = g->bt,
              .lda = g->b_by_n ? g->k : 0,
              .b_by_n = g->b_by_n,
              .c = g->c,
              .ldc = g->ldc,
              .bias = g->bias,
              .act = g->act,
              .across = true};
    if (!g->a_by_k) return t;
    t.a_by_k = true;
    t.a = g->b, t.lda = g->n;
    t.b = g->a, t.ldb = g->lda;
    t.leaves = g->leaves, t.leaf_k = g->leaf_k;
    return t;
}

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t bytes_of(const gemm *g, int threads)
{
    work w = {.g = g, .cut = cut_product(g, threads)};
    static float nowhere[1];
    return lay_out(&w, g, threads, nowhere);
}

/* Rows from which B is packed as a whole for packed_run. */
static int64_t rows_for_whole(const gemm *g)
{
    if (g->k <= SHORT_K) return SHORT_ROWS;
    if (!g->b_by_n) return PREPACK_ROWS;
    return g->k > g->n ? LONG_ROWS : TURNED_ROWS;
}

static bool could_be_packed(const gemm *g)
{
    gemm packed = *g;
    packed.packed = !g->packed;
    return packed_suits(&packed);
}

static bool packs_strips(const gemm *g)
{
    return g->b_by_n && g->m >= STRIP_ROWS && g->k <= TURNED_K && g->n * g->k <= STRIP_FLOATS &&
           could_be_packed(g);
}

static bool packs_whole(const gemm *g)
{
    return g->m >= rows_for_whole(g) && g->k <= (g->b_by_n ? TURNED_K : PREPACK_K) && !g->leaves &&
           could_be_packed(g) && gemm_keep_bytes(g) <= PREPACK_BYTES;
}

size_t gemm_scratch(const gemm *g, int threads)
{
    gemm few = *g, h = turn(g);
    const size_t whole = packs_whole(g) ? gemm_keep_bytes(g) : 0;
    if (whole) few.m = rows_for_whole(g) - 1;
    if (!turns_by_k(g)) h.n = min64(few.m, most_across(g));
    const size_t across = h.n > 0 ? bytes_of(&h, threads) : 0, bytes = bytes_of(&few, threads);
    const size_t strips = packs_strips(g) ? packed_strips_scratch(g, threads) : 0;
    return max_size(max_size(whole, strips), max_size(bytes, across));
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

static void run_blocks(const gemm *g, const snug_call *call)
{
    const int threads = snug_queue_threads(call->queue);
    work w = {.g = g, .cut = cut_product(g, threads), .leaves = 1, .leaf_k = g->k > 0 ? g->k : 1};
    if (g->leaves) w.leaves = g->leaves, w.leaf_k = g->leaf_k;
    const blocking *c = &w.cut;
    size_t bytes = lay_out(&w, g, threads, call->scratch);
    /* Of fewer samples B may be small enough to be packed as a whole where the plan's is not. */
    if (bytes > call->scratch_bytes) {
        w.cut.prepack = g->packed;
        w.cut.bk = k_at_a_time(g, c); /* blocks pack their own */
        bytes = lay_out(&w, g, threads, call->scratch);
    }
    assert(bytes <= call->scratch_bytes);
    (void)bytes;
    if (c->prepack && !g->packed)
        gemm_parallel(g, call->queue, g->groups * ceil_div(g->n, TILE_N), prepack_task, &w);
    gemm_parallel(g, call->queue, g->groups * c->n_m * c->n_n * c->parts, block_task, &w);
    if (c->parts > 1) gemm_combine(g, call->queue, w.parts, c->parts);
}

static void run_whole(const gemm *g, const snug_call *call)
{
    gemm packed = *g;
    snug_call keeping = *call;
    packed.packed = true, packed.kept = keeping.kept = call->scratch;
    gemm_keep(g, &keeping);
    packed_run(&packed, call);
}

static void halve_slots(gemm *g, const snug_step *step)
{
    const int times = gemm_halvings(step->leaf_samples, g->leaf_k, step->n_step);
    g->leaf_k >>= times;
    g->leaves = min64(g->leaves << times, gemm_max_leaves(step->n_here));
}

void gemm_run(const gemm *g, const snug_call *call)
{
    gemm own = *g;
    if (g->leaves) halve_slots(&own, call->step);
    if (g->groups * g->m * g->n == 0 || gemm_few(&own, call->queue)) return;
    if (packs_whole(g)) {
        run_whole(g, call);
        return;
    }
    if (packs_strips(g)) {
        packed_strips_run(g, call);
        return;
    }
    const gemm h = turn(&own);
    const bool turns =
        (turns_by_k(g) && g->k >= SHORT_K / 2) || (2 * g->m > VLEN && g->m <= most_across(g));
    run_blocks(turns ? &h : &own, call);
}
