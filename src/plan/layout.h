/* SPDX-License-Identifier: Apache-2.0 */
/* From lifetimes to offsets: blocks that live at the same time get bytes that do not overlap. */
#ifndef PLAN_LAYOUT_H
#define PLAN_LAYOUT_H

#include "base/memory.h"

typedef struct snug_block {
    size_t bytes, offset;
    int32_t first, last; /* instructions, both inclusive */
    uint8_t owner;       /* snug_owner */
} snug_block;

/* Sets every offset, a multiple of `align`; *total receives the bytes all blocks fit in. */
snug_status snug_layout(snug_block *block, int32_t n, size_t align, size_t *total) SNUG_MUST_USE;
typedef struct snug_bound {
    size_t bytes;
    int32_t where;
} snug_bound;

/* The largest sum of bytes alive at one instruction, which no layout can beat, and where it is. */
snug_status snug_layout_bound(const snug_block *block, int32_t n, int32_t n_instr, size_t align,
                              snug_bound *out) SNUG_MUST_USE;

#endif
