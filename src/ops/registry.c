/* SPDX-License-Identifier: Apache-2.0 */
/* The table of Snug's own operators, made from ops.def, and the context that knows them. */
#include "base/context.h"
#include "base/status.h"
#include "ops/ops.h"

#define SNUG_OP(id) &snug_op_##id,
static const snug_op *const table[] = {
#include "ops/ops.def"
};
#undef SNUG_OP

const snug_op *const *snug_builtin_ops(int *n)
{
    *n = (int)(sizeof table / sizeof table[0]);
    return table;
}

snug_status snug_context_create(const snug_context_config *config, snug_context **out)
{
    int n;
    const snug_op *const *ops = snug_builtin_ops(&n);
    TRY(snug_context_create_with(config, ops, n, out));
    return SNUG_OK;
}
