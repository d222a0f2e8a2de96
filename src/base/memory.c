/* SPDX-License-Identifier: Apache-2.0 */
/* Tagged allocations and bump arenas. Every block carries a 16-byte header with its size and tag,
 * so that freeing needs neither and the sums per tag always hold. */
#include "base/memory.h"
#include "base/fault.h"
#include "base/os.h"
#include "base/os_calls.h"
#include <stdalign.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct header {
    alignas(16) size_t bytes;
    snug_tag tag;
} header;

static atomic_size_t in_use[N_TAGS], peak[N_TAGS];

static void count_in(snug_tag tag, size_t bytes)
{
    size_t now = atomic_fetch_add(&in_use[tag], bytes) + bytes;
    size_t seen = atomic_load(&peak[tag]);
    while (now > seen && !atomic_compare_exchange_weak(&peak[tag], &seen, now)) continue;
}

static void *no_memory(size_t bytes)
{
    (void)FAIL(SNUG_ENOMEM, "out of memory: the system refused %zu bytes", bytes);
    return NULL;
}

void *snug_alloc(snug_tag tag, size_t bytes)
{
    size_t total;
    if (!snug_size_add(bytes, sizeof(header), &total)) return no_memory(bytes);
    header *h = snug_fault_hit(FAULT_ALLOC) ? NULL : calloc(1, total);
    if (!h) return no_memory(bytes);
    *h = (header){bytes, tag};
    count_in(tag, bytes);
    return h + 1;
}

void *snug_alloc_array(snug_tag tag, size_t n, size_t each)
{
    size_t bytes;
    if (!snug_size_mul(n, each, &bytes)) return no_memory(SIZE_MAX);
    return snug_alloc(tag, bytes);
}

void *snug_realloc(snug_tag tag, void *p, size_t bytes)
{
    if (!p) return snug_alloc(tag, bytes);
    header *old = (header *)p - 1;
    header before = *old;
    size_t total;
    if (!snug_size_add(bytes, sizeof(header), &total)) return no_memory(bytes);
    header *h = snug_fault_hit(FAULT_ALLOC) ? NULL : realloc(old, total);
    if (!h) return no_memory(bytes);
    *h = (header){bytes, tag};
    atomic_fetch_sub(&in_use[before.tag], before.bytes);
    count_in(tag, bytes);
    return h + 1;
}

char *snug_strdup(snug_tag tag, const char *s)
{
    size_t bytes = strlen(s) + 1;
    char *copy = snug_alloc(tag, bytes);
    if (copy) memcpy(copy, s, bytes);
    return copy;
}

void snug_free(void *p)
{
    if (!p) return;
    header *h = (header *)p - 1;
    atomic_fetch_sub(&in_use[h->tag], h->bytes);
    free(h);
}

size_t snug_tag_bytes(snug_tag tag)
{
    return atomic_load(&in_use[tag]);
}

size_t snug_tag_peak(snug_tag tag)
{
    return atomic_load(&peak[tag]);
}

/* ---- bump arenas: a list of blocks, each twice the one before, up to a limit ---- */

#define BUMP_FIRST_BYTES 1024
#define BUMP_LAST_BYTES  ((size_t)64 << 10)

typedef struct block {
    alignas(16) struct block *next;
    size_t capacity, used;
} block;

struct snug_bump {
    snug_tag tag;
    size_t next_capacity;
    block *blocks; /* the newest first */
};

snug_bump *snug_bump_create(snug_tag tag)
{
    snug_bump *b = snug_alloc(tag, sizeof *b);
    if (b) *b = (snug_bump){.tag = tag, .next_capacity = BUMP_FIRST_BYTES};
    return b;
}

void snug_bump_destroy(snug_bump *b)
{
    if (!b) return;
    for (block *it = b->blocks, *next; it; it = next) {
        next = it->next;
        snug_free(it);
    }
    snug_free(b);
}

static block *add_block(snug_bump *b, size_t bytes)
{
    size_t capacity = bytes > b->next_capacity ? bytes : b->next_capacity, total;
    if (!snug_size_add(capacity, sizeof(block), &total)) return no_memory(bytes);
    block *it = snug_alloc(b->tag, total);
    if (!it) return NULL;
    *it = (block){.next = b->blocks, .capacity = capacity};
    b->blocks = it;
    if (b->next_capacity < BUMP_LAST_BYTES) b->next_capacity *= 2;
    return it;
}

void *snug_bump_alloc(snug_bump *b, size_t bytes)
{
    if (bytes > SIZE_MAX - 15) return no_memory(bytes);
    bytes = snug_round_up(bytes, 16);
    block *it = b->blocks;
    if (!it || it->capacity - it->used < bytes) it = add_block(b, bytes);
    if (!it) return NULL;
    void *p = (char *)(it + 1) + it->used;
    it->used += bytes;
    return p;
}

char *snug_bump_strdup(snug_bump *b, const char *s)
{
    size_t bytes = strlen(s) + 1;
    char *copy = snug_bump_alloc(b, bytes);
    if (copy) memcpy(copy, s, bytes);
    return copy;
}

char *snug_bump_printf(snug_bump *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int length = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (length < 0) return no_memory(0);
    char *text = snug_bump_alloc(b, (size_t)length + 1);
    if (!text) return NULL;
    va_start(args, fmt);
    vsnprintf(text, (size_t)length + 1, fmt, args);
    va_end(args);
    return text;
}

/* ---- pages ---- */

static snug_status map(size_t bytes, void *(*how)(size_t bytes), void **out)
{
    CHECK(bytes <= SIZE_MAX / 2, SNUG_ENOMEM, "out of memory: %zu bytes cannot be mapped", bytes);
    void *p = snug_fault_hit(FAULT_ALLOC) ? NULL : how(bytes);
    CHECK(p, SNUG_ENOMEM,
          "out of memory: the system refused %zu bytes for tensors; "
          "lower the budget (--memory) or free memory",
          bytes);
    *out = p;
    return SNUG_OK;
}

snug_status snug_map(size_t bytes, void **out)
{
    return map(bytes, snug_os_map, out);
}

snug_status snug_reserve(size_t bytes, void **out)
{
    const uint64_t room = snug_os_free_memory();
    char need[32], have[32];
    CHECK(bytes <= room, SNUG_ENOMEM,
          "out of memory: the tensors need %s, and %s are free; "
          "lower the budget (--memory) or free memory",
          snug_format_size((double)bytes, need, sizeof need),
          snug_format_size((double)room, have, sizeof have));
    return map(bytes, snug_os_reserve, out);
}

void snug_unmap(void *p, size_t bytes)
{
    if (p) snug_os_unmap(p, bytes);
}

bool snug_size_mul(size_t a, size_t b, size_t *out)
{
    if (b && a > SIZE_MAX / b) return false;
    *out = a * b;
    return true;
}

bool snug_size_add(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b) return false;
    *out = a + b;
    return true;
}
