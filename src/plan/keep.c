/* SPDX-License-Identifier: Apache-2.0 */
/* What kernels keep of weights. Where the prologue makes the same in every step, it runs once for
 * many, and a kernel may make something of its in[1] there, in its own layout, and read that
 * instead. What the prologue made is dropped for it; of parameters, which stay, copies are kept up
 * to a bound. */
#include "plan/lower.h"

#define KEPT_PARAMETERS ((size_t)8 << 20)

/* No step of this plan changes it. */
static bool lasts(const snug_value *v)
{
    return v->role != SNUG_ROLE_INPUT && !v->assigned_by;
}

bool snug_lower_steady(const snug_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const snug_node *n = g->nodes[i];
        if (n->section != SECTION_PROLOGUE) continue;
        if (n->op->flags & (SNUG_OP_RANDOM | SNUG_OP_EFFECT | SNUG_OP_UPDATE)) return false;
        for (int j = 0; j < n->n_in; j++)
            if (!n->in[j]->producer && !lasts(n->in[j])) return false;
    }
    return true;
}

/* Whether in[1] depends on parameters alone; *parameter: its bytes are one's own. */
static bool same_each_step(const snug_node *n, bool *parameter)
{
    if (n->section != SECTION_BODY || n->n_in < 2) return false;
    snug_value *v = n->in[1], *root = snug_value_root(v);
    *parameter = root->role == SNUG_ROLE_PARAM;
    if (*parameter) return lasts(root);
    return (v->producer && v->producer->section == SECTION_PROLOGUE);
}

static snug_status keep_of(const snug_lowering *l, const snug_node *n, snug_keep *out)
{
    snug_type in_type[SNUG_MAX_IN], out_type[SNUG_MAX_OUT];
    snug_sig sig;
    const snug_kernel *k;
    snug_node_sig(n, in_type, out_type, &sig);
    TRY(snug_lower_kernel(l, n->op->name, &sig, &k));
    *out = (snug_keep){.bytes = k && snug_kernel_can(k)->keep_bytes ? k->more->keep_bytes(&sig) : 0,
                       .kernel = k,
                       .way = sig.way};
    return SNUG_OK;
}

snug_status snug_lower_keeps(snug_lowering *l, snug_bump *work)
{
    const snug_graph *g = l->graph;
    const size_t n_ids = (size_t)g->next_node_id + 1;
    size_t parameters = 0;
    l->keep = snug_bump_alloc(work, n_ids * sizeof *l->keep);
    l->first_keeper = snug_bump_alloc(work, n_ids * sizeof(snug_node *));
    if (!l->keep || !l->first_keeper) return SNUG_ENOMEM;
    for (int i = g->n_nodes - 1; i >= 0 && l->plan->steady; i--) {
        snug_node *n = g->nodes[i];
        bool parameter;
        if (!same_each_step(n, &parameter)) continue;
        snug_keep keep;
        TRY(keep_of(l, n, &keep));
        if (keep.bytes == 0 || (parameter && parameters + keep.bytes > KEPT_PARAMETERS)) continue;
        if (parameter) parameters += keep.bytes;
        const snug_node *maker = n->in[1]->producer;
        snug_node **first = &l->first_keeper[maker ? maker->id : g->next_node_id];
        keep.next = *first;
        l->keep[n->id] = keep;
        *first = n;
    }
    return SNUG_OK;
}
