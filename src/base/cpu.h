/* SPDX-License-Identifier: Apache-2.0 */
/* What the CPU is: tiers it can run, caches, name. */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#include <snug/context.h>

uint32_t snug_cpu_tiers(void); /* mask of tiers that this build has and this CPU runs */
typedef struct snug_cpu_info {
    char name[64], vendor[16];
    int64_t l1d_bytes, l2_bytes, l3_bytes;
    const char *simd[16]; /* "avx2", "fma", "avx512f", "avx512_vnni", ...; NULL-terminated */
} snug_cpu_info;
void snug_cpu_describe(snug_cpu_info *out);

#endif
