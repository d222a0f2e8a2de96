/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX's own node tests: each model of a node (or a few) becomes a graph of Snug's operators, runs
 * on reference kernels and, planned, on the kernels of this CPU, and gives what ONNX says, to
 * ONNX's tolerance. What Snug has no operator for is listed as not covered, with the reason. A new
 * operator is a row in one of the tables rows_*.h.
 *
 *     test_onnx_nodes [WORD]     only tests whose name contains the word; says what is not covered
 */
#include "support/context.h"

#include "onnx/rows_elementwise.h"
#include "onnx/rows_layers.h"
#include "onnx/rows_shape.h"
#include "passes/pass.h"
#include "run/exec.h"
#include "support/op_case.h"
/* needs some of those above */
#include "support/interp.h"

#include <glob.h>

#define DATA      "../shared/data/onnx-backend"
#define TOLERANCE 1e-3
#define SMALLEST  1e-7
#define MAX_FILE  (1 << 20)

static const char *only; /* NULL: all */

static struct {
    int seen, covered, passed;
} count;

/* ---- files ------------------------------------------------------------------------------------
 */

typedef struct file {
    uint8_t *bytes;
    size_t n;
} file;

static file file_read(const char *format, const char *folder, int i)
{
    char path[512];
    file f = {NULL, 0};
    snprintf(path, sizeof path, format, folder, i);
    FILE *in = fopen(path, "rb");
    if (!in) return f;
    f.bytes = malloc(MAX_FILE);
    f.n = f.bytes ? fread(f.bytes, 1, MAX_FILE, in) : 0;
    fclose(in);
    return f;
}

static pb file_message(const file *f)
{
    return (pb){f->bytes, f->bytes + f->n, false};
}

/* ---- one test ---------------------------------------------------------------------------------
 */

typedef struct trial {
    const char *folder, *name;
    onnx_model model;
    onnx_tensor in[ONNX_LIST], want[ONNX_LIST];
    int n_in, n_want;
    build b;
    const char *op; /* the first node's that is not covered */
} trial;

static bool read_tensors(const char *folder, const char *format, int n, onnx_tensor *t)
{
    for (int i = 0; i < n; i++) {
        file f = file_read(format, folder, i);
        bool read = f.bytes && onnx_read_tensor(file_message(&f), &t[i]);
        free(f.bytes);
        if (!read) return false;
    }
    return true;
}

static bool trial_read(trial *t)
{
    file f = file_read("%s/model.onnx", t->folder, 0);
    if (!f.bytes) return false;
    onnx_read_model(file_message(&f), &t->model);
    free(f.bytes);
    t->op = t->model.n_nodes ? t->model.node[0].op : "nothing";
    if (t->model.bad) return build_no(&t->b, "a model that is not understood");
    t->n_in = t->model.n_in, t->n_want = t->model.n_out;
    for (int i = 0; i < t->n_in; i++) { /* inputs that are initializers need no file */
        char path[512];
        snprintf(path, sizeof path, "%s/test_data_set_0/input_%d.pb", t->folder, i);
        FILE *in = fopen(path, "rb");
        if (!in) t->n_in = i;
        if (in) fclose(in);
    }
    bool read = read_tensors(t->folder, "%s/test_data_set_0/input_%d.pb", t->n_in, t->in) &&
                read_tensors(t->folder, "%s/test_data_set_0/output_%d.pb", t->n_want, t->want);
    return read || build_no(&t->b, "an element type that Snug does not have");
}

static const build_row *row_of(const char *op)
{
    static const build_row *const tables[] = {rows_elementwise, rows_shape, rows_layers};
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const build_row *r = tables[t]; r->op; r++)
            if (strcmp(r->op, op) == 0) return r;
    return NULL;
}

/* False when a node is not covered. */
static bool trial_build(trial *t)
{
    build *b = &t->b;
    b->opset = t->model.opset;
    for (int i = 0; i < t->model.n_init; i++)
        if (!build_add(b, t->model.init[i].name, &t->model.init[i], NULL)) return false;
    for (int i = 0, used = 0; i < t->model.n_in && used < t->n_in; i++)
        if (!build_find(b, t->model.in[i]))
            if (!build_add(b, t->model.in[i], &t->in[used++], NULL)) return false;
    for (int i = 0; i < t->model.n_nodes; i++) {
        const onnx_node *n = &t->model.node[i];
        const build_row *r = row_of(n->op);
        t->op = n->op;
        if (!r) return build_no(b, "no such operator");
        if (!r->fn(b, n, r->arg)) return false;
        if (b->why[0]) return false;
    }
    for (int i = 0; i < t->n_want; i++) {
        build_value *v = build_find(b, t->model.out[i]);
        char name[32];
        if (!v || !v->v) return b->g->failed || build_no(b, "output %d", i);
        snprintf(name, sizeof name, "result%d", i);
        snug_output(b->g, name, v->v);
    }
    return true;
}

/* ---- running ----------------------------------------------------------------------------------
 */

static void fill(const build_input *in, void *data)
{
    snug_tensor t = {data, in->v->type};
    for (int64_t i = 0; i < snug_shape_elements(&t.type.shape); i++) snug_store(&t, i, in->data[i]);
}

/* Within the tolerance; whole numbers and truths are cut towards zero first. */
static bool same(const trial *t, int o, const snug_tensor *got, const char *who)
{
    const onnx_tensor *want = &t->want[o];
    bool whole = !onnx_type_of(want->type)->is_float;
    if (!got->data || snug_shape_elements(&got->type.shape) != want->n) {
        print_error("%s: output %d of %s has another size\n", t->name, o, who);
        return false;
    }
    for (int64_t i = 0; i < want->n; i++) {
        double a = snug_load(got, i), w = want->v[i];
        if (whole) a = trunc(a);
        if (isnan(a) && isnan(w)) continue;
        if (a == w || fabs(a - w) <= SMALLEST + TOLERANCE * fabs(w)) continue;
        print_error("%s: output %d of %s is %.9g at %d, not %.9g\n", t->name, o, who, a, (int)i, w);
        return false;
    }
    return true;
}

static bool run_reference(const trial *t)
{
    interp it;
    bool good = true;
    interp_create(
        &it, t->b.g,
        (snug_step){.n_step = 1, .n_here = 1, .leaf_samples = 1, .leaves_here = 1, .n_micro = 1});
    for (int i = 0; i < t->b.n_inputs; i++)
        fill(&t->b.input[i], interp_tensor(&it, t->b.input[i].v)->data);
    interp_run(&it, t->b.g->n_nodes);
    for (int o = 0; o < t->n_want && good; o++) {
        const snug_value *v = build_find((build *)&t->b, t->model.out[o])->v;
        good = same(t, o, interp_tensor(&it, v), "the references");
    }
    interp_destroy(&it);
    return good;
}

/* Planned and executed, with the kernels that the plan chooses. */
static bool run_planned(trial *t)
{
    snug_device device;
    snug_persistent persistent = {0};
    snug_plan *plan = NULL;
    snug_arena arena;
    snug_exec *exec = NULL;
    bool good = true;
    ok(snug_device_find("cpu")->open(ctx, 0, &device));
    ok(snug_passes_run(t->b.g, &(snug_pass_config){.n_micro = 1}, PHASE_CANONICALISE, PHASE_LOWER));
    snug_plan_config config = {
        .batch = 1, .leaves = 1, .n_micro = 1, .threads = 2, .device = &device};
    ok(snug_plan_build(t->b.g, &config, &persistent, &plan));
    ok(snug_arena_create(&persistent, 1, &plan, &arena));
    ok(snug_exec_create(ctx, plan, &arena, 0, NULL, &exec));
    for (int i = 0; i < t->b.n_inputs; i++) {
        snug_tensor x = snug_exec_tensor(exec, t->b.input[i].v->name);
        if (x.data) fill(&t->b.input[i], x.data); /* else nobody reads it */
    }
    ok(snug_exec_run(exec, &(snug_exec_step){.n = 1}, NULL));
    for (int o = 0; o < t->n_want && good; o++) {
        char name[32];
        snprintf(name, sizeof name, "result%d", o);
        snug_tensor got = snug_exec_tensor(exec, name);
        good = same(t, o, &got, "the plan");
    }
    snug_exec_destroy(exec);
    snug_arena_destroy(&arena);
    snug_plan_destroy(plan);
    snug_persistent_free(&persistent);
    return good;
}

static void trial_close(trial *t)
{
    snug_graph_destroy(t->b.g);
    onnx_free_model(&t->model);
    for (int i = 0; i < ONNX_LIST; i++) free(t->in[i].v), free(t->want[i].v);
    free(t);
}

static void trial_run(trial *t)
{
    count.covered++;
    if (snug_graph_check(t->b.g) != SNUG_OK) {
        print_error("%s: %s\n", t->name, snug_error_message());
        snug_error_clear();
        return;
    }
    if (run_reference(t) && run_planned(t)) count.passed++;
}

static void run_folder(const char *folder)
{
    trial *t = calloc(1, sizeof *t);
    const char *slash = strrchr(folder, '/');
    assert_non_null(t);
    t->folder = folder, t->name = slash ? slash + 1 : folder;
    ok(snug_graph_create(ctx, SNUG_MODE_EVAL, &t->b.g));
    count.seen++;
    if (trial_read(t) && trial_build(t))
        trial_run(t);
    else
        printf("not covered: %-22s %s (%s)\n", t->op, t->name + 5, t->b.why);
    snug_error_clear();
    trial_close(t);
}

static void nodes_give_what_onnx_says(void **state)
{
    (void)state;
    glob_t folders;
    if (glob(DATA "/*/test_*", 0, NULL, &folders) != 0) {
        print_message("there is no " DATA ": skipped\n");
        skip();
    }
    for (size_t i = 0; i < folders.gl_pathc; i++)
        if (!only || strstr(folders.gl_pathv[i], only)) run_folder(folders.gl_pathv[i]);
    globfree(&folders);
    printf("%d of %d node tests of covered operators pass; %d of %d are not covered\n",
           count.passed, count.covered, count.seen - count.covered, count.seen);
    assert_int_equal(count.passed, count.covered);
}

int main(int argc, char **argv)
{
    only = argc > 1 ? argv[1] : NULL;
    const struct CMUnitTest tests[] = {cmocka_unit_test(nodes_give_what_onnx_says)};
    return cmocka_run_group_tests(tests, open_context, close_context);
}
