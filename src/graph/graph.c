/* SPDX-License-Identifier: Apache-2.0 */
/* Making a graph: values, nodes, names and the sticky error. Everything lives in the graph's bump
 * arena. Always holds: unless the graph has failed, each node's types are what its shape rule says.
 */
#include "graph/graph.h"
#include "base/rng.h"
#include <stdio.h>
#include <string.h>

snug_status snug_graph_create(snug_context *ctx, snug_mode mode, snug_graph **out)
{
    CHECK(ctx && out, SNUG_EINVAL, "snug_graph_create needs a context and a place for the graph");
    snug_bump *bump = snug_bump_create(TAG_GRAPH);
    if (!bump) return snug_error_status();
    snug_graph *g = snug_bump_alloc(bump, sizeof *g);
    if (!g) {
        snug_bump_destroy(bump);
        return SNUG_ENOMEM;
    }
    g->ctx = ctx;
    g->bump = bump;
    g->mode = mode;
    *out = g;
    return SNUG_OK;
}

void snug_graph_destroy(snug_graph *g)
{
    if (!g) return;
    snug_free(g->nodes);
    snug_free(g->values);
    snug_bump_destroy(g->bump);
}

snug_mode snug_graph_mode(const snug_graph *g)
{
    return g->mode;
}

snug_status snug_graph_fail(snug_graph *g, snug_status s)
{
    if (!g->failed) {
        g->failed = true;
        snug_error_take(&g->error);
        g->error.status = s;
    }
    return g->error.status;
}

snug_status snug_graph_check(snug_graph *g)
{
    if (g->failed) return snug_error_give(&g->error);
    return snug_graph_validate(g);
}

/* ---- names ------------------------------------------------------------------------------------
 */

void snug_graph_push_scope(snug_graph *g, const char *name)
{
    if (!g || g->failed) return;
    size_t used = strlen(g->scope), more = strlen(name) + 1;
    if (used + more >= sizeof g->scope || g->n_scopes == SNUG_MAX_SCOPES) {
        snug_graph_fail(g, FAIL(SNUG_EINVAL,
                                "scope '%s%s' is longer than %zu characters or deeper than %d",
                                g->scope, name, sizeof g->scope - 2, SNUG_MAX_SCOPES));
        return;
    }
    g->scope_begin[g->n_scopes++] = (uint8_t)used;
    snprintf(g->scope + used, sizeof g->scope - used, "%s.", name);
}

void snug_graph_pop_scope(snug_graph *g)
{
    if (!g || g->failed || g->n_scopes == 0) return;
    g->scope[g->scope_begin[--g->n_scopes]] = 0;
}

static bool name_taken(const snug_graph *g, const char *name)
{
    const snug_name_entry *e = snug_names_find(&g->names, name);
    return e && (e->value || e->node);
}

const char *snug_graph_free_name(snug_graph *g, const char *wanted)
{
    if (!name_taken(g, wanted)) return snug_bump_strdup(g->bump, wanted);
    snug_name_entry *e = snug_names_find(&g->names, wanted);
    uint32_t i = e->next ? e->next : 2;
    for (;; i++) {
        const char *name = snug_bump_printf(g->bump, "%s_%u", wanted, i);
        if (!name || !name_taken(g, name)) {
            e->next = i + 1;
            return name;
        }
    }
}

/* "conv1": the scope, and the operator's name or the node whose gradient is being made. */
static const char *default_name(snug_graph *g, const snug_op *op)
{
    const char *wanted = g->naming ? snug_bump_printf(g->bump, "%s/%s", g->naming, op->name)
                                   : snug_bump_printf(g->bump, "%s%s", g->scope, op->name);
    return wanted ? snug_graph_free_name(g, wanted) : NULL;
}

/* ---- values ------------------------------------------------------------------------------------
 */

static snug_status push(void *array, int32_t *n, int32_t *capacity, void *item)
{
    void ***items = array;
    if (*n == *capacity) {
        int32_t grown = *capacity ? *capacity * 2 : 64;
        void **p = snug_realloc(TAG_GRAPH, *items, (size_t)grown * sizeof *p);
        if (!p) return SNUG_ENOMEM;
        *items = p;
        *capacity = grown;
    }
    (*items)[(*n)++] = item;
    return SNUG_OK;
}

/* What a program gives has no empty axes, so neither has what operators make of it. */
static snug_status check_type(const char *name, const snug_type *t, snug_role role)
{
    const int64_t least = role == SNUG_ROLE_ACTIVATION ? 0 : 1;
    char text[SNUG_SHAPE_TEXT];
    CHECK((unsigned)t->dtype < SNUG_N_DTYPES, SNUG_EINVAL, "'%s': unknown element type %d", name,
          (int)t->dtype);
    CHECK(t->shape.n_dims >= 0 && t->shape.n_dims <= SNUG_MAX_DIMS, SNUG_ESHAPE,
          "'%s' has %d axes; at most %d are possible", name, t->shape.n_dims, SNUG_MAX_DIMS);
    int64_t total = 1;
    for (int i = 0; i < t->shape.n_dims; i++) {
        CHECK(t->shape.dim[i] >= least, SNUG_ESHAPE,
              "'%s': axis %d of %s must be %" PRId64 " or more", name, i,
              snug_shape_text(&t->shape, text, sizeof text), least);
        CHECK(!__builtin_mul_overflow(total, t->shape.dim[i], &total) && total < INT64_MAX / 64,
              SNUG_ESHAPE, "'%s': a tensor of shape %s is too large", name,
              snug_shape_text(&t->shape, text, sizeof text));
    }
    return SNUG_OK;
}

static snug_status make_value(snug_graph *g, const char *name, snug_type type, snug_role role,
                              snug_value **out)
{
    TRY(check_type(name, &type, role));
    CHECK(!name_taken(g, name), SNUG_EINVAL,
          "there is a value named '%s' already; names are unique in a graph", name);
    snug_name_entry *e = snug_names_at(&g->names, g->bump, name);
    snug_value *v = snug_bump_alloc(g->bump, sizeof *v);
    if (!e || !v) return SNUG_ENOMEM;
    v->name = e->name;
    v->type = type;
    v->role = (uint8_t)role;
    v->id = (uint32_t)g->n_values;
    TRY(push(&g->values, &g->n_values, &g->cap_values, v));
    e->value = v;
    *out = v;
    return SNUG_OK;
}

snug_value *snug_graph_add_value(snug_graph *g, const char *name, snug_type type, snug_role role)
{
    if (!g || g->failed) return NULL;
    snug_value *v = NULL;
    snug_status s = make_value(g, name, type, role, &v);
    if (s != SNUG_OK) snug_graph_fail(g, s);
    return v;
}

/* A value named within the present scope. */
static snug_value *scoped_value(snug_graph *g, const char *name, snug_type type, snug_role role)
{
    if (!g || g->failed) return NULL;
    const char *full = snug_bump_printf(g->bump, "%s%s", g->scope, name);
    if (!full) {
        snug_graph_fail(g, SNUG_ENOMEM);
        return NULL;
    }
    return snug_graph_add_value(g, full, type, role);
}

snug_value *snug_input(snug_graph *g, const char *name, snug_type type)
{
    return snug_graph_add_value(g, name, type, SNUG_ROLE_INPUT);
}

static snug_value *persistent(snug_graph *g, const char *name, snug_type type, snug_role role,
                              snug_init init)
{
    snug_value *v = scoped_value(g, name, type, role);
    if (v) v->init = init;
    return v;
}

snug_value *snug_param(snug_graph *g, const char *name, snug_type type, snug_init init)
{
    return persistent(g, name, type, SNUG_ROLE_PARAM, init);
}

snug_value *snug_buffer(snug_graph *g, const char *name, snug_type type, snug_init init)
{
    return persistent(g, name, type, SNUG_ROLE_BUFFER, init);
}

snug_value *snug_state(snug_graph *g, const char *name, snug_type type, snug_init init)
{
    return persistent(g, name, type, SNUG_ROLE_STATE, init);
}

snug_value *snug_constant(snug_graph *g, const char *name, snug_type type, const void *data)
{
    if (!g || g->failed) return NULL;
    const char *wanted = snug_bump_printf(g->bump, "%s%s", g->scope, name);
    const char *free_name = wanted ? snug_graph_free_name(g, wanted) : NULL;
    size_t bytes = snug_type_bytes(&type);
    /* one cache line aligned, like every tensor */
    char *copy = snug_bump_alloc(g->bump, bytes + 64);
    if (!free_name || !copy) {
        snug_graph_fail(g, SNUG_ENOMEM);
        return NULL;
    }
    copy += (64 - (uintptr_t)copy % 64) % 64;
    memcpy(copy, data, bytes);
    snug_value *v = snug_graph_add_value(g, free_name, type, SNUG_ROLE_CONSTANT);
    if (v) v->data = copy;
    return v;
}

void snug_param_freeze(snug_value *param, bool frozen)
{
    if (param) param->frozen = frozen;
}

static snug_status assign(snug_value *target, snug_value *v)
{
    CHECK(snug_value_persistent(target), SNUG_EINVAL,
          "'%s' cannot be assigned: it is not a parameter, buffer or state", target->name);
    CHECK(!target->assigned_by, SNUG_EINVAL, "'%s' is assigned twice: by '%s' and by '%s'",
          target->name, target->assigned_by->name, v->name);
    CHECK(v->producer && !v->assigns, SNUG_EINVAL,
          "'%s' cannot be assigned to '%s': it is not a fresh result", v->name, target->name);
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    CHECK(target->type.dtype == v->type.dtype &&
              snug_shape_equal(&target->type.shape, &v->type.shape),
          SNUG_ESHAPE, "'%s' of shape %s cannot be assigned to '%s' of shape %s", v->name,
          snug_shape_text(&v->type.shape, a, sizeof a), target->name,
          snug_shape_text(&target->type.shape, b, sizeof b));
    target->assigned_by = v;
    v->assigns = target;
    return SNUG_OK;
}

void snug_assign(snug_graph *g, snug_value *target, snug_value *new_value)
{
    if (!g || g->failed || !target || !new_value) return;
    snug_status s = assign(target, new_value);
    if (s != SNUG_OK) snug_graph_fail(g, s);
}

void snug_output(snug_graph *g, const char *name, snug_value *v)
{
    if (!g || g->failed || !v) return;
    v->output = snug_bump_strdup(g->bump, name);
    if (!v->output) snug_graph_fail(g, SNUG_ENOMEM);
}

void snug_expect_finite(snug_graph *g, snug_value *v)
{
    if (g && !g->failed && v) v->expect_finite = true;
}

snug_type snug_value_type(const snug_value *v)
{
    return v ? v->type : (snug_type){0};
}

const char *snug_value_name(const snug_value *v)
{
    return v ? v->name : "";
}

snug_role snug_value_role(const snug_value *v)
{
    return v ? (snug_role)v->role : SNUG_ROLE_ACTIVATION;
}

/* ---- nodes -------------------------------------------------------------------------------------
 */

void snug_attr_set(void *attrs, const snug_attr *a, double x)
{
    if (a->kind == SNUG_ATTR_FLOAT)
        memcpy((char *)attrs + a->offset, &x, sizeof x);
    else
        memcpy((char *)attrs + a->offset, &(int64_t){(int64_t)x}, sizeof(int64_t));
}

void snug_attrs_default(const snug_op *op, void *attrs)
{
    for (const snug_attr *a = op->attrs; a && a->name; a++) snug_attr_set(attrs, a, a->initial);
}

static double get_attr(const void *attrs, const snug_attr *a)
{
    double x;
    int64_t i;
    if (a->kind == SNUG_ATTR_FLOAT) {
        memcpy(&x, (const char *)attrs + a->offset, sizeof x);
        return x;
    }
    memcpy(&i, (const char *)attrs + a->offset, sizeof i);
    return (double)i;
}

/* A copy of the given attributes, or the defaults, checked against their ranges. */
static snug_status make_attrs(snug_graph *g, const snug_op *op, const char *name, const void *given,
                              void **out)
{
    *out = snug_bump_alloc(g->bump, op->attrs_bytes ? op->attrs_bytes : 1);
    if (!*out) return SNUG_ENOMEM;
    if (given && op->attrs_bytes)
        memcpy(*out, given, op->attrs_bytes);
    else
        snug_attrs_default(op, *out);
    for (const snug_attr *a = op->attrs; a && a->name; a++) {
        double x = get_attr(*out, a);
        CHECK(x >= a->min && x <= a->max, SNUG_EINVAL, "%s '%s': %s is %g, outside %g to %g",
              op->name, name, a->name, x, a->min, a->max);
    }
    return SNUG_OK;
}

static snug_status check_inputs(const snug_op *op, const char *name, int n_in,
                                snug_value *const *in)
{
    CHECK(n_in >= op->n_in_min && n_in <= op->n_in_max, SNUG_EINVAL,
          "%s '%s' takes %d to %d inputs, not %d", op->name, name, op->n_in_min, op->n_in_max,
          n_in);
    for (int i = 0; i < n_in; i++)
        CHECK(in[i], SNUG_EINVAL, "%s '%s': input %d is missing", op->name, name, i);
    return SNUG_OK;
}

static snug_status infer(const snug_op *op, const char *name, const void *attrs, int n_in,
                         snug_value *const *in, snug_type *out)
{
    snug_type types[SNUG_MAX_IN];
    for (int i = 0; i < n_in; i++) types[i] = in[i]->type;
    int n_out = snug_op_outputs(op, attrs);
    memset(out, 0, sizeof(snug_type) * (size_t)n_out);
    snug_infer f = {
        .name = name, .attrs = attrs, .n_in = n_in, .n_out = n_out, .in = types, .out = out};
    return op->shape(&f);
}

static snug_status add_outputs(snug_graph *g, snug_node *n, const snug_type *type)
{
    for (int i = 0; i < n->n_out; i++) {
        const char *name = n->name;
        if (i > 0) {
            const char *wanted = snug_bump_printf(g->bump, "%s.%d", n->name, i);
            name = wanted ? snug_graph_free_name(g, wanted) : NULL;
            if (!name) return SNUG_ENOMEM;
        }
        TRY(make_value(g, name, type[i], SNUG_ROLE_ACTIVATION, &n->out[i]));
        n->out[i]->producer = n;
        n->out[i]->out_index = (uint8_t)i;
    }
    return SNUG_OK;
}

/* A node as it is asked for. */
typedef struct wanted {
    const snug_op *op;
    const char *name;  /* NULL: made up */
    const void *attrs; /* NULL: the defaults */
    int n_in;
    snug_value *const *in;
} wanted;

static snug_status make_node(snug_graph *g, const wanted *w, snug_node **out)
{
    const snug_op *op = w->op;
    const char *scoped = w->name ? snug_bump_printf(g->bump, "%s%s", g->scope, w->name) : NULL;
    const char *name = scoped ? snug_graph_free_name(g, scoped) : default_name(g, op);
    snug_node *n = snug_bump_alloc(g->bump, sizeof *n);
    if (!name || !n) return SNUG_ENOMEM;
    TRY(check_inputs(op, name, w->n_in, w->in));
    TRY(make_attrs(g, op, name, w->attrs, &n->attrs));
    snug_type types[SNUG_MAX_OUT];
    TRY(infer(op, name, n->attrs, w->n_in, w->in, types));
    n->name = name;
    n->op = op;
    n->n_in = (uint8_t)w->n_in;
    n->n_out = (uint8_t)snug_op_outputs(op, n->attrs);
    n->section = SECTION_BODY;
    memcpy(n->in, w->in, sizeof *w->in * (size_t)w->n_in);
    TRY(add_outputs(g, n, types));
    n->id = g->next_node_id++;
    TRY(push(&g->nodes, &g->n_nodes, &g->cap_nodes, n));
    *out = n;
    return SNUG_OK;
}

snug_status snug_apply_all(snug_graph *g, const snug_op *op, const char *name, const void *attrs,
                           int n_in, snug_value *const *in, snug_value **out)
{
    if (!g) return FAIL(SNUG_EINVAL, "no graph");
    if (g->failed) return g->error.status;
    if (!op)
        return snug_graph_fail(g,
                               FAIL(SNUG_EINVAL, "no operator for node '%s'", name ? name : "?"));
    snug_node *n = NULL;
    const wanted w = {.op = op, .name = name, .attrs = attrs, .n_in = n_in, .in = in};
    snug_status s = make_node(g, &w, &n);
    if (s != SNUG_OK) return snug_graph_fail(g, s);
    for (int i = 0; i < n->n_out; i++) out[i] = n->out[i];
    return SNUG_OK;
}

snug_value *snug_apply(snug_graph *g, const snug_op *op, const char *name, const void *attrs,
                       int n_in, snug_value *const *in)
{
    snug_value *out[SNUG_MAX_OUT] = {NULL};
    return snug_apply_all(g, op, name, attrs, n_in, in, out) == SNUG_OK ? out[0] : NULL;
}

const snug_op *snug_graph_find_op(const snug_graph *g, const char *name)
{
    return snug_context_find_op(g->ctx, name);
}

snug_value *snug_graph_find_value(const snug_graph *g, const char *name)
{
    const snug_name_entry *e = snug_names_find(&g->names, name);
    return e ? e->value : NULL;
}
