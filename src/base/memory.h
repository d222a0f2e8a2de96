/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of three kinds: tagged allocations for long-lived objects, bump arenas for things that die
 * together (one a graph, one a parse), and the plan's one block of tensors (snug_reserve).
 * A failed allocation records SNUG_ENOMEM. The fault hook (fault.h) makes the n-th of them fail. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include "base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum snug_tag {
    TAG_CONTEXT,
    TAG_GRAPH,
    TAG_PLAN,
    TAG_DATA,
    TAG_RECIPE,
    TAG_TRAIN,
    TAG_FILE,
    TAG_TEST,
    N_TAGS
} snug_tag;

/* Zeroed memory, or NULL with SNUG_ENOMEM recorded. */
void *snug_alloc(snug_tag tag, size_t bytes);
void *snug_alloc_array(snug_tag tag, size_t n, size_t each); /* n * each checked for overflow */
void *snug_realloc(snug_tag tag, void *p, size_t bytes);     /* new bytes are not zeroed */
char *snug_strdup(snug_tag tag, const char *s);
void snug_free(void *p); /* safe on NULL */
size_t snug_tag_bytes(snug_tag tag);
size_t snug_tag_peak(snug_tag tag);

typedef struct snug_bump snug_bump;
snug_bump *snug_bump_create(snug_tag tag);
void snug_bump_destroy(snug_bump *b);
void *snug_bump_alloc(snug_bump *b,
                      size_t bytes); /* zeroed, 16-byte aligned; NULL: ENOMEM recorded */
char *snug_bump_strdup(snug_bump *b, const char *s);
char *snug_bump_printf(snug_bump *b, const char *fmt, ...) SNUG_PRINTF(2, 3);

/* Page-aligned zero pages of the process's own, faulted in at once, huge pages where the system has
 * them; bytes is rounded up to whole pages. Not counted by tags. */
snug_status snug_map(size_t bytes, void **out) SNUG_MUST_USE;
/* Likewise, but each page is faulted in by the thread that first writes to it. Refused when the
 * system has less memory free than that: it would end the process later, in the midst of work. */
snug_status snug_reserve(size_t bytes, void **out) SNUG_MUST_USE;
void snug_unmap(void *p, size_t bytes);

bool snug_size_mul(size_t a, size_t b, size_t *out); /* false on overflow */
bool snug_size_add(size_t a, size_t b, size_t *out);
static inline size_t snug_round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

#endif
