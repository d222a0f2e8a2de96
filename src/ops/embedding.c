/* SPDX-License-Identifier: Apache-2.0 */
/* embedding: rows of a table by number, y[.., d] = table[ids[..], d], and its gradient
 * embedding_grad: dtable[v, d] = the sum of dy[.., d] over all places where ids is v, by leaves.
 * embedding_grad_onto adds that sum to what is there: a table that is also the output layer has two
 * gradients, which then need the room of one. A number that is no row of the table reads zeros and
 * gives no gradient. */
#include "ops/cases.h"
#include "ops/leaf_sum.h"
#include <snug/graph.h>

static const snug_attr grad_attrs[] = {
    ATTR_INT(snug_embedding_attrs, rows, 1, 0x1p31, 1, "rows of the table"), {0}};

/* ids, input i, are i32 and one for each row of input x, which has one axis more. */
static snug_status check_rows(const snug_infer *f, int x, int i)
{
    const snug_shape *dy = &f->in[x].shape, *ids = &f->in[i].shape;
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    bool same = dy->n_dims == ids->n_dims + 1 && dy->kind[dy->n_dims - 1] == SNUG_AXIS_FIXED;
    for (int d = 0; same && d < ids->n_dims; d++)
        same = dy->dim[d] == ids->dim[d] && dy->kind[d] == ids->kind[d];
    CHECK(same, SNUG_ESHAPE, "'%s': ids are %s, but %s needs one for each of its rows", f->name,
          snug_shape_text(ids, a, sizeof a), snug_shape_text(dy, b, sizeof b));
    return SNUG_OK;
}

/* Input `ids` holds whole numbers, input `other` is named beside it. */
static snug_status check_ids(const snug_infer *f, int ids, int other)
{
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    snug_shape_text(&f->in[ids].shape, a, sizeof a);
    snug_shape_text(&f->in[other].shape, b, sizeof b);
    CHECK(f->in[ids].dtype == SNUG_I32 && f->in[ids].shape.n_dims >= 1, SNUG_ESHAPE,
          "'%s': ids are %s %s, but must be i32 with one axis or more (beside %s)", f->name,
          snug_dtype_get(f->in[ids].dtype)->name, a, b);
    CHECK(f->in[ids].shape.n_dims < SNUG_MAX_DIMS, SNUG_ESHAPE,
          "'%s': ids %s have too many axes for rows of %s", f->name, a, b);
    return SNUG_OK;
}

static snug_status check_table(const snug_infer *f, const snug_shape *table)
{
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    CHECK(table->n_dims == 2 && table->kind[0] == SNUG_AXIS_FIXED &&
              table->kind[1] == SNUG_AXIS_FIXED,
          SNUG_ESHAPE, "'%s': the table is %s, but must be a fixed [rows, features] for ids %s",
          f->name, snug_shape_text(table, a, sizeof a),
          snug_shape_text(&f->in[f->n_in - 1].shape, b, sizeof b));
    return SNUG_OK;
}

/* ---- embedding --------------------------------------------------------------------------------
 */

static snug_status embedding_shape(snug_infer *f)
{
    const snug_shape *table = &f->in[0].shape, *ids = &f->in[1].shape;
    int64_t rows = 1, all;
    TRY(snug_infer_float(f, 0, -1));
    TRY(check_ids(f, 1, 0));
    TRY(check_table(f, table));
    for (int d = 0; d < ids->n_dims; d++) TRY(snug_infer_mul(f, rows, ids->dim[d], &rows));
    TRY(snug_infer_mul(f, rows, table->dim[1], &all));
    f->out[0] = (snug_type){.shape = *ids, .dtype = f->in[0].dtype};
    f->out[0].shape.kind[ids->n_dims] = SNUG_AXIS_FIXED;
    f->out[0].shape.dim[f->out[0].shape.n_dims++] = table->dim[1];
    return SNUG_OK;
}

static int embedding_axes(const snug_sig *s, snug_axis_use *u)
{
    int n_dims = s->in[1].shape.n_dims;
    int n = snug_use_leading(s, u, 0, 0, 1, n_dims);
    return snug_use_axis(u, n, 0, n_dims, 0, 1);
}

static snug_status embedding_grad(snug_grad *g)
{
    if (!g->dout[0] || !g->need[0]) return SNUG_OK;
    snug_embedding_attrs a = {.rows = snug_value_type(g->in[0]).shape.dim[0]};
    return snug_apply_all(g->graph, &snug_op_embedding_grad, NULL, &a, 2,
                          (snug_value *[]){g->dout[0], g->in[1]}, &g->din[0]);
}

/* The rows that are read, not the table. */
static snug_cost embedding_cost(const snug_sig *s)
{
    double bytes = (double)snug_type_bytes(&s->out[0]);
    return (snug_cost){.bytes_read = bytes, .bytes_written = bytes};
}

static void embedding_ref(const snug_call *c)
{
    int64_t rows = c->in[0].type.shape.dim[0], n_cols = c->in[0].type.shape.dim[1];
    int64_t n = snug_shape_elements(&c->out[0].type.shape);
    for (int64_t i = 0; i < n; i++) {
        int64_t id = (int64_t)snug_load(&c->in[1], i / n_cols);
        bool there = id >= 0 && id < rows;
        snug_store(&c->out[0], i, there ? snug_load(&c->in[0], id * n_cols + i % n_cols) : 0);
    }
}

static const snug_case embedding_cases[] = {
    {.name = "one", .n_in = 2, .in = INPUTS(FIXED(1, 1), INDICES(1, 1))},
    {.name = "words", .n_in = 2, .in = INPUTS(FIXED(5, 13), INDICES(5, 7))},
    {.name = "tokens", .n_in = 2, .in = INPUTS(FIXED(9, 18), INDICES(9, 7, 3))},
    {.name = "outside", .n_in = 2, .in = INPUTS(FIXED(3, 4), INDICES(6, 7, 5))},
    {.name = "gpt", .bench = true, .n_in = 2, .in = INPUTS(FIXED(65, 128), INDICES(65, 12, 64))},
    {.name = "wide",
     .bench = true,
     .n_in = 2,
     .in = INPUTS(FIXED(1000, 768), INDICES(1000, 4, 64))},
    {0}};

const snug_op snug_op_embedding = {
    .name = "embedding",
    .doc = "embedding(table [V, D], ids i32 [..]) -> y [.., D]\n"
           "y[.., d] = table[ids[..], d] (Bengio et al. 2003); zeros where an id is no row.\n"
           "Gradient: dtable = embedding_grad(dy, ids).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .shape = embedding_shape,
    .axes = embedding_axes,
    .grad = embedding_grad,
    .cost = embedding_cost,
    .ref = embedding_ref,
    .cases = embedding_cases};

/* ---- its gradient -----------------------------------------------------------------------------
 */

static snug_status grad_shape(snug_infer *f)
{
    const snug_embedding_attrs *a = f->attrs;
    int64_t all;
    TRY(snug_infer_float(f, 0, -1));
    TRY(check_ids(f, 1, 0));
    TRY(check_rows(f, 0, 1));
    TRY(snug_infer_mul(f, a->rows, snug_shape_last(&f->in[0].shape), &all));
    int64_t dim[] = {a->rows, snug_shape_last(&f->in[0].shape)};
    f->out[0] = (snug_type){.shape = snug_shape_make(2, dim), .dtype = f->in[0].dtype};
    return SNUG_OK;
}

/* dy is input x, ids the next; every axis but the last is summed over. */
static int grad_uses(const snug_sig *s, snug_axis_use *u, int n, int x)
{
    int last = s->in[x].shape.n_dims - 1;
    n = snug_use_axis(u, n, 0, 1, x, last);
    for (int d = 0; d < last && s->n_in == 2; d++) {
        n = snug_use_axis(u, n, 0, -1, x, d);
        n = snug_use_axis(u, n, 0, -1, x + 1, d);
    }
    return n;
}

static int grad_axes(const snug_sig *s, snug_axis_use *u)
{
    return grad_uses(s, u, 0, 0);
}

static snug_cost grad_cost(const snug_sig *s)
{
    return snug_cost_of(s, (double)snug_shape_elements(&s->in[s->n_in - 2].shape));
}

/* One element of the table's gradient. */
typedef struct cell {
    const snug_tensor *dy, *ids;
    int64_t row, column, n_columns;
} cell;

static double cell_partial(const void *arg, int64_t begin, int64_t end)
{
    const cell *k = arg;
    double sum = 0;
    for (int64_t r = begin; r < end; r++)
        if ((int64_t)snug_load(k->ids, r) == k->row)
            sum += snug_load(k->dy, r * k->n_columns + k->column);
    return sum;
}

/* base NULL: nothing is there before. */
static void add_rows(const snug_call *c, const snug_tensor *base, const snug_tensor *dy,
                     const snug_tensor *ids)
{
    const snug_shape *y = &c->out[0].type.shape;
    leaf_rows rows = leaf_rows_of(c, &ids->type.shape, ids->type.shape.n_dims);
    cell k = {.dy = dy, .ids = ids, .n_columns = y->dim[1]};
    for (int64_t i = 0; i < snug_shape_elements(y); i++) {
        k.row = i / k.n_columns, k.column = i % k.n_columns;
        double sum = leaf_sum(&rows, c->out[0].type.dtype, cell_partial, &k);
        snug_store(&c->out[0], i, base ? snug_load(base, i) + sum : sum);
    }
}

static void grad_ref(const snug_call *c)
{
    add_rows(c, NULL, &c->in[0], &c->in[1]);
}

static const snug_embedding_attrs one = {1}, five = {5}, nine = {9}, many = {65};

static const snug_case grad_cases[] = {
    {.name = "one", .attrs = &one, .n_in = 2, .in = INPUTS(BATCH(1, 1), INDICES(1, 1))},
    {.name = "words", .attrs = &five, .n_in = 2, .in = INPUTS(BATCH(7, 13), INDICES(5, 7))},
    {.name = "tokens", .attrs = &nine, .n_in = 2, .in = INPUTS(BATCH(7, 3, 70), INDICES(9, 7, 3))},
    {.name = "outside", .attrs = &five, .n_in = 2, .in = INPUTS(BATCH(7, 5, 3), INDICES(8, 7, 5))},
    {.name = "gpt",
     .bench = true,
     .attrs = &many,
     .n_in = 2,
     .in = INPUTS(BATCH(12, 64, 128), INDICES(65, 12, 64))},
    {0}};

const snug_op snug_op_embedding_grad = {
    .name = "embedding_grad",
    .doc = "embedding_grad(dy [.., D], ids i32 [..]; rows) -> dtable [rows, D]\n"
           "dtable[v, d] = the sum of dy[.., d] where ids is v, over samples by leaves.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_attrs,
    .attrs_bytes = sizeof(snug_embedding_attrs),
    .shape = grad_shape,
    .axes = grad_axes,
    .cost = grad_cost,
    .ref = grad_ref,
    .cases = grad_cases};

/* ---- onto another gradient --------------------------------------------------------------------
 */

static snug_status onto_shape(snug_infer *f)
{
    const snug_shape *base = &f->in[0].shape;
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_float(f, 1, 0));
    TRY(check_table(f, base));
    TRY(check_ids(f, 2, 1));
    TRY(check_rows(f, 1, 2));
    CHECK(base->dim[1] == snug_shape_last(&f->in[1].shape), SNUG_ESHAPE,
          "'%s': rows of %s do not fit a gradient %s", f->name,
          snug_shape_text(&f->in[1].shape, a, sizeof a), snug_shape_text(base, b, sizeof b));
    f->out[0] = f->in[0];
    return SNUG_OK;
}

/* What is there is not part of the sum: the summed axes are not told, so that nobody splits them.
 */
static int onto_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = snug_use_axis(u, 0, 0, 1, 0, 1);
    return grad_uses(s, u, n, 1);
}

static void onto_ref(const snug_call *c)
{
    add_rows(c, &c->in[0], &c->in[1], &c->in[2]);
}

static const snug_case onto_cases[] = {
    {.name = "one", .n_in = 3, .in = INPUTS(FIXED(1, 1), FIXED(1, 1), FIXED_INDICES(1, 1))},
    {.name = "tokens",
     .n_in = 3,
     .in = INPUTS(FIXED(9, 35), FIXED(7, 3, 35), FIXED_INDICES(9, 7, 3))},
    {.name = "outside", .n_in = 3, .in = INPUTS(FIXED(5, 3), FIXED(7, 3), FIXED_INDICES(8, 7))},
    {0}};

const snug_op snug_op_embedding_grad_onto = {
    .name = "embedding_grad_onto",
    .doc = "embedding_grad_onto(base [V, D], dy [.., D], ids i32 [..]) -> base + dtable [V, D]\n"
           "embedding_grad added to another gradient of the same table, in its place. Made by the\n"
           "fuse pass from add(base, embedding_grad(dy, ids)); the same bits.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .inplace = {1},
    .shape = onto_shape,
    .axes = onto_axes,
    .cost = grad_cost,
    .ref = onto_ref,
    .cases = onto_cases};
