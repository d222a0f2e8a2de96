/* SPDX-License-Identifier: Apache-2.0 */
/* Comparisons, logic and choice, element by element, with NumPy's broadcasting. What is true is 1,
 * what is not is 0, as numbers: a mask multiplies, is summed, and chooses (where) alike. */
#include "ops/binary_tmpl.h"
#include <snug/graph.h>

/* The inputs are of one type; a mask of theirs, or of f32 when they are whole numbers. */
static snug_status compare_shape(snug_infer *f)
{
    const snug_dtype_info *a = snug_dtype_get(f->in[0].dtype), *b = snug_dtype_get(f->in[1].dtype);
    char s[SNUG_SHAPE_TEXT], t[SNUG_SHAPE_TEXT];
    CHECK(a == b, SNUG_ESHAPE, "'%s': %s %s is compared with %s %s: element types must agree",
          f->name, a->name, snug_shape_text(&f->in[0].shape, s, sizeof s), b->name,
          snug_shape_text(&f->in[1].shape, t, sizeof t));
    f->out[0].dtype = a->is_float ? f->in[0].dtype : SNUG_F32;
    return snug_infer_broadcast(f, &f->out[0].shape);
}

static snug_status no_slope(snug_grad *g)
{
    (void)g;
    return SNUG_OK;
}

#define COMPARE(name_)                                                                             \
    .name = #name_, .n_in_min = 2, .n_in_max = 2, .n_out = 1, .shape = compare_shape,              \
    .axes = snug_axes_broadcast, .grad = no_slope, .cost = snug_cost_elementwise,                  \
    .ref = name_##_ref, .cases = compare_cases
/* Whole numbers are equal now and then. */
static const snug_case compare_cases[] = {
    BINARY_CASES(NORMAL, NORMAL),
    {.name = "labels", .n_in = 2, .in = INPUTS(LABELS(17, 3), LABELS(17, 3))},
    {.name = "tokens",
     .n_in = 2,
     .no_grad = true,
     .in = INPUTS({CASE_DIMS(7, 13), .batch = true, .fill = SNUG_FILL_INDEX, .index_below = 3},
                  {CASE_DIMS(13), .fill = SNUG_FILL_INDEX, .index_below = 3})},
    BINARY_BENCH,
    {0}};

BINARY_FUNCTION(equal, a == b)
BINARY_FUNCTION(not_equal, a != b)
BINARY_FUNCTION(less, a < b)
BINARY_FUNCTION(less_equal, a <= b)
BINARY_FUNCTION(greater, a > b)
BINARY_FUNCTION(greater_equal, a >= b)

#define COMPARE_DOC(name, sign)                                                                    \
    name "(a, b) -> y\n"                                                                           \
         "y = 1 where a " sign " b, else 0, with broadcasting; of the inputs' type, or f32 when\n" \
         "they are whole numbers.\n"                                                               \
         "Gradient: zero."

const snug_op snug_op_equal = {COMPARE(equal), .doc = COMPARE_DOC("equal", "==")};
const snug_op snug_op_not_equal = {COMPARE(not_equal), .doc = COMPARE_DOC("not_equal", "!=")};
const snug_op snug_op_less = {COMPARE(less), .doc = COMPARE_DOC("less", "<")};
const snug_op snug_op_less_equal = {COMPARE(less_equal), .doc = COMPARE_DOC("less_equal", "<=")};
const snug_op snug_op_greater = {COMPARE(greater), .doc = COMPARE_DOC("greater", ">")};
const snug_op snug_op_greater_equal = {COMPARE(greater_equal),
                                       .doc = COMPARE_DOC("greater_equal", ">=")};

/* ---- logic -------------------------------------------------------------------------------------
 */

BINARY_FUNCTION(logical_and, a != 0 && b != 0)
BINARY_FUNCTION(logical_or, a != 0 || b != 0)
BINARY_FUNCTION(logical_xor, (a != 0) != (b != 0))

#define LOGIC_DOC(name, words)                                                                     \
    name "(a, b) -> y\n"                                                                           \
         "y = 1 where " words " not 0, else 0, with broadcasting; of the inputs' type, or f32\n"   \
         "when they are whole numbers.\n"                                                          \
         "Gradient: zero."

const snug_op snug_op_logical_and = {COMPARE(logical_and),
                                     .doc = LOGIC_DOC("logical_and", "both a and b are")};
const snug_op snug_op_logical_or = {COMPARE(logical_or),
                                    .doc = LOGIC_DOC("logical_or", "a or b or both are")};
const snug_op snug_op_logical_xor = {
    COMPARE(logical_xor), .doc = LOGIC_DOC("logical_xor", "one of a and b, but not both, is")};

static snug_status not_shape(snug_infer *f)
{
    f->out[0] = f->in[0];
    if (!snug_dtype_get(f->in[0].dtype)->is_float) f->out[0].dtype = SNUG_F32;
    return SNUG_OK;
}

static void not_ref(const snug_call *c)
{
    int64_t n = snug_shape_elements(&c->out[0].type.shape);
    for (int64_t i = 0; i < n; i++) snug_store(&c->out[0], i, snug_load(&c->in[0], i) == 0);
}

static const snug_case not_cases[] = {{.name = "odd", .n_in = 1, .in = INPUTS(BATCH(7, 13))},
                                      {.name = "labels", .n_in = 1, .in = INPUTS(LABELS(17, 3))},
                                      {.name = "bytes", .n_in = 1, .in = INPUTS(PLACES(2, 7, 13))},
                                      {0}};

const snug_op snug_op_logical_not = {
    .name = "logical_not",
    .doc = "logical_not(x) -> y\n"
           "y = 1 where x is 0, else 0; of the input's type, or f32 when it is a whole number.\n"
           "Gradient: zero.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .shape = not_shape,
    .axes = snug_axes_same,
    .grad = no_slope,
    .cost = snug_cost_elementwise,
    .ref = not_ref,
    .cases = not_cases};

/* ---- where -------------------------------------------------------------------------------------
 */

static snug_status where_shape(snug_infer *f)
{
    TRY(snug_infer_float(f, 1, -1));
    TRY(snug_infer_float(f, 2, 1));
    f->out[0].dtype = f->in[1].dtype;
    return snug_infer_broadcast(f, &f->out[0].shape);
}

/* da = where(cond, dy, 0), db = where(cond, 0, dy) */
static snug_status where_gradient(snug_grad *g)
{
    static const double nothing = 0; /* its bytes are zero in every type */
    for (int i = 1; i < 3 && g->dout[0]; i++) {
        snug_value *d;
        if (!g->need[i]) continue;
        snug_type scalar = {.dtype = snug_value_type(g->dout[0]).dtype};
        snug_value *zero = snug_constant(g->graph, "zero", scalar, &nothing);
        snug_value *in[] = {g->in[0], i == 1 ? g->dout[0] : zero, i == 2 ? g->dout[0] : zero};
        TRY(snug_apply_all(g->graph, &snug_op_where, NULL, NULL, 3, in, &d));
        TRY(snug_grad_broadcast(g, i, d));
    }
    return SNUG_OK;
}

static void where_ref(const snug_call *c)
{
    snug_broadcast m;
    snug_broadcast_of(c, &m);
    for (int64_t i = 0; i < snug_shape_elements(&c->out[0].type.shape); i++) {
        int k = snug_load(&c->in[0], snug_broadcast_at(&m, 0, i)) != 0 ? 1 : 2;
        snug_store(&c->out[0], i, snug_load(&c->in[k], snug_broadcast_at(&m, k, i)));
    }
}

#define CHOICES(...)                                                                               \
    {                                                                                              \
        CASE_DIMS(__VA_ARGS__), .batch = true, .fill = SNUG_FILL_INDEX, .index_below = 2           \
    }
static const snug_case where_cases[] = {
    {.name = "odd",
     .no_grad = true,
     .n_in = 3,
     .in = INPUTS(CHOICES(7, 13), BATCH(7, 13), BATCH(7, 13))},
    {.name = "bytes", .n_in = 3, .in = INPUTS(PLACES(2, 7, 13), BATCH(7, 13), BATCH(7, 13))},
    {.name = "column", .n_in = 3, .in = INPUTS(PLACES(2, 7, 1), BATCH(7, 13), FIXED(13))},
    {.name = "numbers", .n_in = 3, .in = INPUTS(PLACES(2, 7, 13), SCALAR_OF(NORMAL), FIXED(1, 13))},
    {.name = "masked",
     .no_grad = true,
     .n_in = 3,
     .in = INPUTS(CHOICES(7, 1, 13), BATCH(7, 5, 13), SCALAR_OF(NORMAL))},
    {.name = "mlp",
     .bench = true,
     .n_in = 3,
     .in = INPUTS(BATCH(64, 512), BATCH(64, 512), BATCH(64, 512))},
    {0}};

const snug_op snug_op_where = {
    .name = "where",
    .doc =
        "where(condition, a, b) -> y\n"
        "y = a where the condition is not 0, else b, with broadcasting. The condition is of any\n"
        "type.\n"
        "Gradient: da = where(condition, dy, 0), db = where(condition, 0, dy), each summed where\n"
        "it was repeated.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .shape = where_shape,
    .axes = snug_axes_broadcast,
    .grad = where_gradient,
    .cost = snug_cost_elementwise,
    .ref = where_ref,
    .cases = where_cases};
