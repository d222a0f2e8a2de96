/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes of elements copied one by one: the reference of every operator that only moves them. */
#include "ops/moves.h"

#include <string.h>

void snug_steps(const snug_shape *s, int64_t step[SNUG_MAX_DIMS])
{
    int64_t n = 1;
    for (int d = s->n_dims - 1; d >= 0; d--) step[d] = n, n *= s->dim[d];
}

void snug_move_ref(const snug_call *c, const snug_move *m)
{
    const snug_box *b = &m->box;
    size_t bytes = snug_dtype_get(c->out[m->out].type.dtype)->block_bytes;
    const char *in = c->in[m->in].data;
    char *out = c->out[m->out].data;
    int64_t n = 1;
    for (int d = 0; d < b->n_dims; d++) n *= b->dim[d];
    for (int64_t i = 0; i < n; i++) {
        int64_t from = b->from_first, to = b->to_first, rest = i;
        for (int d = b->n_dims - 1; d >= 0; d--) {
            from += rest % b->dim[d] * b->from[d];
            to += rest % b->dim[d] * b->to[d];
            rest /= b->dim[d];
        }
        memcpy(out + (size_t)to * bytes, in + (size_t)from * bytes, bytes);
    }
}

void snug_moves_ref(const snug_call *c, int (*moves)(const snug_call *, snug_move *))
{
    snug_move m[MAX_MOVES];
    int n = moves(c, m);
    for (int i = 0; i < n; i++)
        if (c->out[m[i].out].data) snug_move_ref(c, &m[i]);
}
