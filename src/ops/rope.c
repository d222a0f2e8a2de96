/* SPDX-License-Identifier: Apache-2.0 */
/* rope: rotary position embedding (Su et al. 2021, equation 34). The features of a head are pairs;
 * pair i at position p turns by the angle p * base^(-2 i / width):
 *     y1 = x1 cos - x2 sin,     y2 = x2 cos + x1 sin
 * A pair is (i, i + width / 2), as Llama's weights have it in common libraries, or, interleaved,
 * (2 i, 2 i + 1), as in the paper. The gradient turns back. */
#include "ops/cases.h"
#include "ops/rules.h"
#include <math.h>

static const snug_attr attrs[] = {
    ATTR_INT(snug_rope_attrs, width, 2, 1 << 20, 2, "features of a head, an even number"),
    ATTR_INT(snug_rope_attrs, heads, 1, 1 << 20, 1, "heads to turn; columns behind them stay"),
    ATTR_FLOAT(snug_rope_attrs, base, 1, 1e9, 10000, "the slowest pair turns about this slowly"),
    ATTR_BOOL(snug_rope_attrs, interleaved, "pairs are neighbours"),
    ATTR_BOOL(snug_rope_attrs, inverse, "turn back"),
    {0}};

static snug_status rope_shape(snug_infer *f)
{
    const snug_rope_attrs *a = f->attrs;
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_rank(f, 0, 3, "[N, T, features]"));
    CHECK(a->width % 2 == 0, SNUG_EINVAL, "rope '%s': heads of %" PRId64 " features have no pairs",
          f->name, a->width);
    CHECK(x->kind[2] == SNUG_AXIS_FIXED && x->dim[2] / a->width >= a->heads, SNUG_ESHAPE,
          "rope '%s': %" PRId64 " heads of %" PRId64 " features do not fit into %s", f->name,
          a->heads, a->width, snug_shape_text(x, text, sizeof text));
    CHECK(f->n_in < 2 || (f->in[1].dtype == SNUG_I32 && f->in[1].shape.n_dims == 0), SNUG_ESHAPE,
          "rope '%s': the position is %s %s, but must be one i32 number", f->name,
          snug_dtype_get(f->in[f->n_in - 1].dtype)->name,
          snug_shape_text(&f->in[f->n_in - 1].shape, text, sizeof text));
    f->out[0] = f->in[0];
    return SNUG_OK;
}

static int rope_axes(const snug_sig *s, snug_axis_use *u)
{
    return snug_use_batch(s, u, 0, 0, 0);
}

static snug_status rope_grad(snug_grad *g)
{
    snug_rope_attrs back = *(const snug_rope_attrs *)g->attrs;
    back.inverse = !back.inverse;
    if (!g->dout[0] || !g->need[0]) return SNUG_OK;
    snug_value *in[] = {g->dout[0], g->n_in > 1 ? g->in[1] : NULL};
    return snug_apply_all(g->graph, &snug_op_rope, NULL, &back, g->n_in, in, &g->din[0]);
}

/* Pair i of one head, whose first feature is element `at`. */
static void turn(const snug_call *c, int64_t at, int64_t i, double angle)
{
    const snug_rope_attrs *a = c->attrs;
    int64_t j = at + (a->interleaved ? 2 * i : i), k = j + (a->interleaved ? 1 : a->width / 2);
    double x1 = snug_load(&c->in[0], j), x2 = snug_load(&c->in[0], k);
    snug_store(&c->out[0], j, x1 * cos(angle) - x2 * sin(angle));
    snug_store(&c->out[0], k, x2 * cos(angle) + x1 * sin(angle));
}

static void rope_ref(const snug_call *c)
{
    const snug_rope_attrs *a = c->attrs;
    const int64_t *dim = c->in[0].type.shape.dim;
    double first = c->n_in > 1 ? snug_load(&c->in[1], 0) : 0, sign = a->inverse ? -1 : 1;
    for (int64_t r = 0; r < dim[0] * dim[1]; r++) {
        for (int64_t i = 0; i < a->width / 2; i++) {
            double frequency = pow(a->base, -2.0 * (double)i / (double)a->width);
            double angle = sign * (first + (double)(r % dim[1])) * frequency;
            for (int64_t h = 0; h < a->heads; h++) turn(c, r * dim[2] + h * a->width, i, angle);
        }
        for (int64_t j = a->heads * a->width; j < dim[2]; j++)
            snug_store(&c->out[0], r * dim[2] + j, snug_load(&c->in[0], r * dim[2] + j));
    }
}

static const snug_rope_attrs one = {.width = 2, .heads = 1, .base = 100},
                             halves = {.width = 6, .heads = 2, .base = 10000},
                             wide = {.width = 38, .heads = 1, .base = 500},
                             pairs = {.width = 6, .heads = 2, .base = 10000, .interleaved = 1},
                             back = {.width = 4, .heads = 1, .base = 10, .inverse = 1},
                             llama = {.width = 32, .heads = 6, .base = 10000};

static const snug_case cases[] = {
    {.name = "one", .attrs = &one, .n_in = 1, .in = INPUTS(BATCH(1, 1, 2))},
    {.name = "halves", .attrs = &halves, .n_in = 1, .in = INPUTS(BATCH(3, 5, 17))},
    {.name = "wide", .attrs = &wide, .n_in = 1, .in = INPUTS(BATCH(2, 3, 38))},
    {.name = "interleaved", .attrs = &pairs, .n_in = 1, .in = INPUTS(BATCH(3, 5, 12))},
    {.name = "inverse", .attrs = &back, .n_in = 1, .in = INPUTS(FIXED(2, 3, 4))},
    {.name = "later",
     .attrs = &halves,
     .n_in = 2,
     .in =
         INPUTS(BATCH(3, 2, 18), {.fill = SNUG_FILL_INDEX, .integer = true, .index_below = 1000})},
    {.name = "llama", .bench = true, .attrs = &llama, .n_in = 1, .in = INPUTS(BATCH(12, 64, 256))},
    {0}};

const snug_op snug_op_rope = {
    .name = "rope",
    .doc = "rope(x [N, T, C], position i32 []?; width, heads, base, interleaved, inverse) -> y\n"
           "Turns the pairs of features of the first heads * width columns by an angle that grows\n"
           "with position + t (Su et al. 2021): pair i by (position + t) * base^(-2 i / width).\n"
           "Pairs are (i, i + width / 2), interleaved: (2 i, 2 i + 1). Other columns stay.\n"
           "Gradient: dx = rope(dy) turned back.",
    .n_in_min = 1,
    .n_in_max = 2,
    .n_out = 1,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_rope_attrs),
    .inplace = {1},
    .shape = rope_shape,
    .axes = rope_axes,
    .grad = rope_grad,
    .cost = snug_cost_elementwise,
    .ref = rope_ref,
    .cases = cases};
