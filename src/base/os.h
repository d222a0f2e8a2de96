/* SPDX-License-Identifier: Apache-2.0 */
/* The operating system, behind one file (os_posix.c): clocks, memory of the process, threads'
 * stacks. */
#ifndef BASE_OS_H
#define BASE_OS_H

#include "base/status.h"
#include <snug/text.h> /* snug_now, snug_terminal_columns */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

double snug_wall_time(void);          /* seconds since 1970 */
double snug_os_process_seconds(void); /* since this process began */
int snug_os_cores(void);              /* that this process may run on */
uint64_t snug_os_memory(void); /* bytes of the machine, or of the control group when that is less */
/* What the machine, swap included, or the control groups (of version 2) could give to processes
 * now. */
uint64_t snug_os_free_memory(void);
uint64_t snug_os_rss(void);      /* resident now (VmRSS) */
uint64_t snug_os_peak_rss(void); /* the largest resident size so far (VmHWM) */
/* Ticks the hypervisor took from this machine's CPUs, in seconds, since boot. */
double snug_os_steal_seconds(void);

/* Make the process's memory predictable, once, before anything is measured: one malloc arena, fixed
 * trim and mmap thresholds, every page of code and libraries resident. */
void snug_os_settle(void);
/* Give what was freed back to the system. */
void snug_os_trim(void);
/* Bytes of file-backed pages of this process (its code and libraries), resident now. */
uint64_t snug_os_code_bytes(void);

/* How often this process has asked for memory so far, as a counting library that was loaded before
 * it tells (tests/support/count_alloc.c); NULL: none was. */
typedef long long (*snug_os_counter)(void);
snug_os_counter snug_os_alloc_counter(void);

/* Die at once, as by kill -9: nothing is flushed, nothing cleaned up. For tests of crashes. */
void snug_os_die(void);

#endif
