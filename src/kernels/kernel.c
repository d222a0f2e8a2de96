/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of all families and tiers of this build, and the choice among them. */
#include "kernels/kernel.h"
#include <string.h>

#if defined(SNUG_SCALAR_ONLY)
#define EACH_TIER(X, family) X(family, scalar)
#elif defined(__x86_64__)
#define EACH_TIER(X, family) X(family, scalar) X(family, avx2) X(family, avx512)
#elif defined(__aarch64__)
#define EACH_TIER(X, family) X(family, scalar) X(family, neon)
#else
#define EACH_TIER(X, family) X(family, scalar)
#endif

#define DECLARE(family, tier)                                                                      \
    extern const snug_kernel snug_kernels_##family##_##tier[]; /* in kernels/cpu/<family>.c */
#define KERNEL_FAMILY(family) EACH_TIER(DECLARE, family)
#include "kernels/families.def"
#undef KERNEL_FAMILY

enum {
    tier_scalar = SNUG_TIER_SCALAR,
    tier_neon = SNUG_TIER_NEON,
    tier_avx2 = SNUG_TIER_AVX2,
    tier_avx512 = SNUG_TIER_AVX512
};

static const struct table {
    int tier;
    const snug_kernel *rows;
} tables[] = {
#define ROW(family, tier)     {tier_##tier, snug_kernels_##family##_##tier},
#define KERNEL_FAMILY(family) EACH_TIER(ROW, family)
#include "kernels/families.def"
#undef KERNEL_FAMILY
};
enum { N_TABLES = sizeof tables / sizeof tables[0] };

static bool floats_are_f32(const snug_sig *sig)
{
    for (int i = 0; i < sig->n_in + sig->n_out; i++) {
        snug_dtype t = i < sig->n_in ? sig->in[i].dtype : sig->out[i - sig->n_in].dtype;
        if (t != SNUG_F32 && snug_dtype_get(t)->is_float) return false;
    }
    return true;
}

static bool kernel_fits(const snug_kernel *k, const snug_sig *sig)
{
    return k->fits ? k->fits(sig) : floats_are_f32(sig);
}

const snug_kernel *snug_kernel_find(uint32_t tiers, const char *op, const snug_sig *sig)
{
    for (int tier = SNUG_N_TIERS - 1; tier >= 0; tier--) {
        if (!(tiers >> tier & 1)) continue;
        for (int t = 0; t < N_TABLES; t++) {
            if (tables[t].tier != tier) continue;
            for (const snug_kernel *k = tables[t].rows; k->op; k++)
                if (strcmp(k->op, op) == 0 && kernel_fits(k, sig)) return k;
        }
    }
    return NULL;
}

const snug_kernel *snug_kernel_row(snug_tier tier, int i)
{
    for (int t = 0; t < N_TABLES; t++) {
        if (tables[t].tier != (int)tier) continue;
        for (const snug_kernel *k = tables[t].rows; k->op; k++)
            if (i-- == 0) return k;
    }
    return NULL;
}
