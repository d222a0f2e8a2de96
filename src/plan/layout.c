/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets by greedy placement: blocks in some order, each at the lowest offset free through its
 * whole life. Two orders are tried, by size and by size times life; the better one stays. (The
 * problem is dynamic storage allocation, NP-hard; greedy by size comes within a few percent of the
 * bound on training graphs: Pisarchyk and Lee, "Efficient memory management for deep neural net
 * inference", 2020.) */
#include "plan/layout.h"
#include <stdlib.h>
#include <string.h>

typedef struct ranked {
    double rank;
    int32_t index;
} ranked;

static int by_rank(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->rank != y->rank) return x->rank > y->rank ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static bool overlap(const snug_block *a, const snug_block *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* `placed` lists block numbers by rising offset. */
static size_t lowest_gap(const snug_block *block, const int32_t *placed, int32_t n,
                         const snug_block *want, size_t align)
{
    size_t at = 0;
    for (int32_t i = 0; i < n; i++) {
        const snug_block *b = &block[placed[i]];
        if (!overlap(b, want)) continue;
        if (b->offset >= at + want->bytes) break;
        size_t end = snug_round_up(b->offset + b->bytes, align);
        if (end > at) at = end;
    }
    return at;
}

static size_t place_all(snug_block *block, int32_t n, const ranked *order, int32_t *placed,
                        size_t align)
{
    size_t total = 0;
    for (int32_t i = 0; i < n; i++) {
        snug_block *b = &block[order[i].index];
        b->offset = lowest_gap(block, placed, i, b, align);
        if (b->offset + b->bytes > total) total = b->offset + b->bytes;
        int32_t at = i;
        for (; at > 0 && block[placed[at - 1]].offset > b->offset; at--)
            placed[at] = placed[at - 1];
        placed[at] = order[i].index;
    }
    return snug_round_up(total, align);
}

static size_t try_order(snug_block *block, int32_t n, bool by_life, ranked *order, int32_t *placed,
                        size_t align)
{
    for (int32_t i = 0; i < n; i++) {
        double life = by_life ? block[i].last - block[i].first + 1 : 1;
        order[i] = (ranked){(double)block[i].bytes * life, i};
    }
    qsort(order, (size_t)n, sizeof *order, by_rank);
    return place_all(block, n, order, placed, align);
}

enum { MOST_FOR_TWO_ORDERS = 4000 }; /* above, planning time counts more than the last percent */

snug_status snug_layout(snug_block *block, int32_t n, size_t align, size_t *total)
{
    ranked *order = snug_alloc_array(TAG_PLAN, (size_t)n + 1, sizeof *order);
    int32_t *placed = snug_alloc_array(TAG_PLAN, (size_t)n + 1, sizeof *placed);
    snug_status s = order && placed ? SNUG_OK : SNUG_ENOMEM;
    if (s == SNUG_OK) {
        size_t by_size = try_order(block, n, false, order, placed, align);
        if (n <= MOST_FOR_TWO_ORDERS && try_order(block, n, true, order, placed, align) >= by_size)
            try_order(block, n, false, order, placed, align);
        *total = 0;
        for (int32_t i = 0; i < n; i++) {
            size_t end = snug_round_up(block[i].offset + block[i].bytes, align);
            if (end > *total) *total = end;
        }
    }
    snug_free(order);
    snug_free(placed);
    return s;
}

snug_status snug_layout_bound(const snug_block *block, int32_t n, int32_t n_instr, size_t align,
                              snug_bound *out)
{
    int64_t *change = snug_alloc_array(TAG_PLAN, (size_t)n_instr + 2, sizeof *change);
    int64_t now = 0, most = 0;
    if (!change) return SNUG_ENOMEM;
    out->where = 0;
    for (int32_t i = 0; i < n; i++) {
        int64_t bytes = (int64_t)snug_round_up(block[i].bytes, align);
        change[block[i].first] += bytes;
        change[block[i].last + 1] -= bytes;
    }
    for (int32_t i = 0; i <= n_instr; i++) {
        now += change[i];
        if (now > most) {
            most = now;
            out->where = i;
        }
    }
    snug_free(change);
    out->bytes = (size_t)most;
    return SNUG_OK;
}
