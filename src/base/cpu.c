/* SPDX-License-Identifier: Apache-2.0 */
/* What the CPU is. A tier counts only when the CPU has its instructions and the system saves its
 * registers. */
#include "base/cpu.h"
#include "base/file.h"
#include "base/str.h"
#include <stdio.h>
#include <string.h>

static void add_simd(snug_cpu_info *out, const char *name)
{
    int n = 0;
    while (out->simd[n]) n++;
    if (n < 15) out->simd[n] = name;
}

#if defined(__x86_64__)
#include <cpuid.h>

typedef struct feature {
    const char *name;
    uint32_t leaf, subleaf;
    int reg; /* 0 eax, 1 ebx, 2 ecx, 3 edx */
    int bit;
    uint32_t state; /* bits of XCR0 that the system must have set */
    uint32_t tiers; /* tiers that need it */
} feature;

#define YMM    0x06u
#define ZMM    0xe6u
#define AVX2   (1u << SNUG_TIER_AVX2)
#define AVX512 (1u << SNUG_TIER_AVX512)

static const feature features[] = {
    {"avx2", 7, 0, 1, 5, YMM, AVX2 | AVX512},  {"fma", 1, 0, 2, 12, YMM, AVX2 | AVX512},
    {"f16c", 1, 0, 2, 29, YMM, AVX2 | AVX512}, {"avx512f", 7, 0, 1, 16, ZMM, AVX512},
    {"avx512bw", 7, 0, 1, 30, ZMM, AVX512},    {"avx512dq", 7, 0, 1, 17, ZMM, AVX512},
    {"avx512vl", 7, 0, 1, 31, ZMM, AVX512},    {"avx512_vnni", 7, 0, 2, 11, ZMM, 0},
    {"avx512_bf16", 7, 1, 0, 5, ZMM, 0},       {"avx512_fp16", 7, 0, 3, 23, ZMM, 0},
    {"avx_vnni", 7, 1, 0, 4, YMM, 0},          {"amx_tile", 7, 0, 3, 24, 0x60000u, 0},
    {"amx_bf16", 7, 0, 3, 22, 0x60000u, 0},    {"amx_int8", 7, 0, 3, 25, 0x60000u, 0},
};
#define N_FEATURES (sizeof features / sizeof features[0])

/* Registers that the system saves; 0 without XSAVE. */
static uint32_t saved_state(void)
{
    uint32_t a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static bool has(const feature *f, uint32_t state)
{
    uint32_t r[4];
    if ((state & f->state) != f->state) return false;
    if (!__get_cpuid_count(f->leaf, f->subleaf, &r[0], &r[1], &r[2], &r[3])) return false;
    return r[f->reg] >> f->bit & 1;
}

uint32_t snug_cpu_tiers(void)
{
    uint32_t state = saved_state(), tiers = 1u << SNUG_TIER_SCALAR | AVX2 | AVX512;
    for (size_t i = 0; i < N_FEATURES; i++)
        if (!has(&features[i], state)) tiers &= ~features[i].tiers;
    return tiers;
}

/* Sizes by the cache leaf: 4 with Intel, 0x8000001d with AMD, of one layout. */
static void describe_caches(snug_cpu_info *out, uint32_t leaf)
{
    uint32_t a, b, c, d;
    for (uint32_t i = 0; i < 16 && __get_cpuid_count(leaf, i, &a, &b, &c, &d); i++) {
        uint32_t type = a & 31, level = a >> 5 & 7;
        if (type == 0) return;
        int64_t bytes =
            ((int64_t)(b >> 22) + 1) * ((b >> 12 & 1023) + 1) * ((b & 4095) + 1) * ((int64_t)c + 1);
        if (level == 1 && type == 1) out->l1d_bytes = bytes;
        if (level == 2) out->l2_bytes = bytes;
        if (level == 3) out->l3_bytes = bytes;
    }
}

static void describe_name(snug_cpu_info *out)
{
    uint32_t r[12] = {0};
    for (uint32_t i = 0; i < 3; i++)
        __get_cpuid(0x80000002u + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2], &r[4 * i + 3]);
    char text[sizeof r + 1] = {0};
    memcpy(text, r, sizeof r);
    size_t length = strlen(text);
    while (length && text[length - 1] == ' ') text[--length] = '\0';
    snprintf(out->name, sizeof out->name, "%s", text + strspn(text, " "));
}

void snug_cpu_describe(snug_cpu_info *out)
{
    *out = (snug_cpu_info){0};
    uint32_t a, vendor[3] = {0}, state = saved_state();
    __get_cpuid(0, &a, &vendor[0], &vendor[2], &vendor[1]);
    memcpy(out->vendor, vendor, sizeof vendor);
    describe_name(out);
    describe_caches(out, strcmp(out->vendor, "AuthenticAMD") ? 4 : 0x8000001du);
    for (size_t i = 0; i < N_FEATURES; i++)
        if (has(&features[i], state)) add_simd(out, features[i].name);
}

#else

uint32_t snug_cpu_tiers(void)
{
#if defined(__aarch64__)
    return 1u << SNUG_TIER_SCALAR | 1u << SNUG_TIER_NEON;
#else
    return 1u << SNUG_TIER_SCALAR;
#endif
}

/* The first word of a file that describes cache `index`; "" when there is none. */
static void cache_word(int index, const char *file, char *buf, size_t buf_bytes)
{
    char path[96], *text;
    size_t bytes;
    buf[0] = '\0';
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, file);
    if (!snug_path_exists(path) || snug_file_slurp(path, 4096, &text, &bytes) != SNUG_OK) return;
    snprintf(buf, buf_bytes, "%.*s", (int)strcspn(text, "\n"), text);
    snug_free(text);
}

static void describe_caches(snug_cpu_info *out)
{
    char level[8], type[16], size[16];
    for (int i = 0; i < 8; i++) {
        int64_t bytes;
        cache_word(i, "level", level, sizeof level);
        cache_word(i, "type", type, sizeof type);
        cache_word(i, "size", size, sizeof size);
        if (!*size || snug_parse_size(size, &bytes) != SNUG_OK) continue;
        if (*level == '1' && strcmp(type, "Instruction") != 0) out->l1d_bytes = bytes;
        if (*level == '2') out->l2_bytes = bytes;
        if (*level == '3') out->l3_bytes = bytes;
    }
}

void snug_cpu_describe(snug_cpu_info *out)
{
    *out = (snug_cpu_info){0};
    describe_caches(out);
#if defined(__aarch64__)
    snprintf(out->name, sizeof out->name, "aarch64");
    add_simd(out, "neon");
#endif
}
#endif
