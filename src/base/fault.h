/* SPDX-License-Identifier: Apache-2.0 */
/* The test hook through which the n-th allocation, read, write, rename, sync or thread creation
 * fails. Every such call of Snug passes through base/ and asks here first. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>
#include <stdint.h>

typedef enum snug_fault {
    FAULT_ALLOC,
    FAULT_READ,
    FAULT_WRITE,
    FAULT_RENAME,
    FAULT_SYNC,
    FAULT_OPEN,
    FAULT_THREAD,
    FAULT_STEP, /* the end of a training step; only ever fatal */
    N_FAULTS
} snug_fault;

/* The n-th call of this kind from now on fails (1 is the next); 0 disarms. Process-wide, for tests;
 * the environment variable SNUG_FAULT="write:3" arms it for a command, and "write:3:kill" makes the
 * command die there as by kill -9. */
void snug_fault_arm(snug_fault kind, int64_t n);
int64_t snug_fault_count(snug_fault kind); /* calls seen since it was armed or disarmed */
bool snug_fault_hit(snug_fault kind);      /* asked by the call sites */

#endif
