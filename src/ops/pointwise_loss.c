/* SPDX-License-Identifier: Apache-2.0 */
/* What losses by element share: see pointwise_loss.h. */
#include "ops/pointwise_loss.h"

/* Axes of length 1 at the end do not count: [N] is [N, 1]. */
static int significant_axes(const snug_shape *s)
{
    int n = s->n_dims;
    while (n > 0 && s->dim[n - 1] == 1 && s->kind[n - 1] == SNUG_AXIS_FIXED) n--;
    return n;
}

static snug_status check_target(const snug_infer *f)
{
    const snug_shape *p = &f->in[0].shape, *t = &f->in[1].shape;
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_float(f, 1, -1));
    bool same = significant_axes(p) == significant_axes(t);
    for (int i = 0; same && i < significant_axes(p); i++)
        same = p->dim[i] == t->dim[i] && p->kind[i] == t->kind[i];
    CHECK(same, SNUG_ESHAPE, "'%s': prediction %s and target %s must have the same shape", f->name,
          snug_shape_text(p, a, sizeof a), snug_shape_text(t, b, sizeof b));
    return SNUG_OK;
}

static snug_status check_weight(const snug_infer *f, int i)
{
    if (i >= f->n_in) return SNUG_OK;
    TRY(snug_infer_float(f, i, -1));
    return snug_infer_vector(f, i, 0);
}

snug_status pointwise_shape(snug_infer *f)
{
    TRY(check_target(f));
    TRY(check_weight(f, 2));
    f->out[0] = (snug_type){.shape = snug_shape_scalar(),
                            .dtype = f->in[0].dtype == SNUG_F64 ? SNUG_F64 : SNUG_F32};
    return SNUG_OK;
}

snug_status pointwise_grad_shape(snug_infer *f)
{
    TRY(check_target(f));
    TRY(snug_infer_scalar(f, 2));
    TRY(check_weight(f, 3));
    f->out[0] = f->in[((const snug_loss_attrs *)f->attrs)->wrt];
    return SNUG_OK;
}

/* Only the batch: the divisor depends on the other axes' lengths. */
int pointwise_axes(const snug_sig *s, snug_axis_use *u)
{
    if (!snug_shape_has_batch(&s->in[0].shape)) return 0;
    int n = snug_use_axis(u, 0, 0, -1, 0, 0);
    return snug_use_axis(u, n, 0, -1, 1, 0);
}

int pointwise_grad_axes(const snug_sig *s, snug_axis_use *u)
{
    if (!snug_shape_has_batch(&s->in[0].shape)) return 0;
    int n = snug_use_batch(s, u, 0, 0, 0);
    return snug_use_batch(s, u, n, 0, 1);
}

snug_cost pointwise_cost(const snug_sig *s)
{
    return snug_cost_of(s, 3 * (double)snug_shape_elements(&s->in[0].shape));
}

snug_status pointwise_gradient(snug_grad *g, const snug_op *grad, const pointwise_loss *loss)
{
    CHECK(g->n_in < 3 || !g->need[2], SNUG_EUNSUPPORTED, "the weights of a loss have no gradient");
    for (int64_t i = 0; i < 2 && g->dout[0]; i++) {
        if (!g->need[i]) continue;
        CHECK(i == 0 || loss->target_slope, SNUG_EUNSUPPORTED, "the target of %s has no gradient",
              grad->name);
        snug_loss_attrs attrs = *(const snug_loss_attrs *)g->attrs;
        attrs.wrt = i;
        snug_value *in[] = {g->in[0], g->in[1], g->dout[0], g->n_in > 2 ? g->in[2] : NULL};
        TRY(snug_apply_all(g->graph, grad, NULL, &attrs, g->n_in + 1, in, &g->din[i]));
    }
    return SNUG_OK;
}

/* ---- references -------------------------------------------------------------------------------
 */

typedef struct losses {
    const snug_call *c;
    const pointwise_loss *loss;
    const leaf_rows *rows;     /* elements */
    const snug_tensor *weight; /* NULL: 1 */
    int64_t n_columns;
    double divisor;
} losses;

static losses losses_of(const snug_call *c, const pointwise_loss *loss, const leaf_rows *rows,
                        int weight)
{
    losses l = {.c = c, .loss = loss, .rows = rows, .divisor = leaf_rows_step(rows)};
    l.n_columns = snug_shape_last(&c->in[0].type.shape);
    if (weight < c->n_in) l.weight = &c->in[weight];
    if (loss->by_row) l.divisor /= (double)l.n_columns;
    return l;
}

static loss_at at(const losses *l, int64_t i)
{
    return (loss_at){.attrs = l->c->attrs,
                     .x = snug_load(&l->c->in[0], i),
                     .t = snug_load(&l->c->in[1], i),
                     .weight = l->weight ? snug_load(l->weight, i % l->n_columns) : 1};
}

static double loss_partial(const void *arg, int64_t begin, int64_t end)
{
    const losses *l = arg;
    double sum = 0;
    for (int64_t i = begin; i < end; i++) {
        loss_at e = at(l, i);
        sum += l->loss->value(&e);
    }
    return begin < end ? sum / l->divisor : 0;
}

void pointwise_ref(const snug_call *c, const pointwise_loss *loss)
{
    const snug_shape *p = &c->in[0].type.shape;
    leaf_rows rows = leaf_rows_of(c, p, p->n_dims); /* a row is an element */
    losses l = losses_of(c, loss, &rows, 2);
    snug_store(&c->out[0], 0, leaf_sum(&rows, c->out[0].type.dtype, loss_partial, &l));
}

void pointwise_grad_ref(const snug_call *c, const pointwise_loss *loss)
{
    const snug_shape *p = &c->in[0].type.shape;
    const snug_loss_attrs *a = c->attrs;
    leaf_rows rows = leaf_rows_of(c, p, p->n_dims);
    losses l = losses_of(c, loss, &rows, 3);
    double scale = snug_load(&c->in[2], 0) / l.divisor;
    double (*slope)(const loss_at *) = a->wrt ? loss->target_slope : loss->slope;
    for (int64_t i = 0; i < rows.n_rows; i++) {
        loss_at e = at(&l, i);
        snug_store(&c->out[0], i, slope ? slope(&e) * scale : 0);
    }
}
