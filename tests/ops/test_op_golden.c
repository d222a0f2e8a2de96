/* SPDX-License-Identifier: Apache-2.0 */
/* Operators against PyTorch: tests/golden/ops*.safetensors hold inputs and results of cases (see
 * golden.py beside them). The reference kernels in f32 and f64, and every tier's own kernels, must
 * give the same to 1e-5 of the largest magnitude. */
#include "support/context.h"

#include <glob.h>
#include <math.h>

#include "base/context.h"
#include "formats/safetensors.h"
#include "kernels/kernel.h"
#include "support/op_case.h"

#define GOLDEN    "tests/golden/ops*.safetensors"
#define TOLERANCE 1e-5

static snug_safetensors *golden; /* the file being read */

/* A tensor of the file by name, whatever its type; data NULL when there is none. */
static snug_tensor read_tensor(const char *name)
{
    for (int i = 0; i < snug_safetensors_count(golden); i++) {
        if (strcmp(snug_safetensors_name(golden, i), name) != 0) continue;
        snug_type type = snug_safetensors_type(golden, i);
        snug_tensor t = op_tensor(&type);
        ok(snug_safetensors_read(golden, name, &t));
        return t;
    }
    return (snug_tensor){0};
}

static snug_tensor read_part(const char *name, const char *part)
{
    char full[160];
    snprintf(full, sizeof full, "%s/%s", name, part);
    return read_tensor(full);
}

static void read_attrs(const char *name, op_run *r)
{
    r->attrs = op_attrs(r->op, NULL);
    for (const snug_attr *a = r->op->attrs; a && a->name; a++) {
        char part[64];
        snprintf(part, sizeof part, "attr.%s", a->name);
        snug_tensor t = read_part(name, part);
        if (!t.data) continue;
        double x = snug_load(&t, 0);
        if (a->kind == SNUG_ATTR_FLOAT)
            memcpy((char *)r->attrs + a->offset, &x, sizeof x);
        else
            memcpy((char *)r->attrs + a->offset, &(int64_t){(int64_t)x}, sizeof(int64_t));
        snug_free(t.data);
    }
}

/* Input i in the case's float type, with its batch axis marked. */
static bool read_input(const char *name, op_run *r, int i, snug_dtype dtype)
{
    char part[16];
    snprintf(part, sizeof part, "in%d", i);
    snug_tensor t = read_part(name, part), marks = read_part(name, "batch");
    if (t.data) {
        snug_type type = t.type;
        if (snug_dtype_get(type.dtype)->is_float) type.dtype = dtype;
        if (snug_load(&marks, i) > 0) {
            type.shape.kind[0] = SNUG_AXIS_BATCH;
            r->step = op_step(type.shape.dim[0]);
        }
        r->in[i] = op_tensor(&type);
        r->in_type[i] = type;
        for (int64_t e = 0; e < snug_shape_elements(&type.shape); e++)
            snug_store(&r->in[i], e, snug_load(&t, e));
    }
    snug_free(marks.data);
    snug_free(t.data);
    return t.data != NULL;
}

static void read_case(const char *name, snug_dtype dtype, op_run *r)
{
    char op[64];
    snprintf(op, sizeof op, "%.*s", (int)strcspn(name, ":"), name);
    *r = (op_run){.op = snug_context_find_op(ctx, op)};
    assert_non_null(r->op);
    r->step = op_step(0);
    read_attrs(name, r);
    r->n_out = snug_op_outputs(r->op, r->attrs);
    while (r->n_in < SNUG_MAX_IN && read_input(name, r, r->n_in, dtype)) r->n_in++;
    ok(op_infer(r));
    for (int o = 0; o < r->n_out; o++) r->out[o] = op_tensor(&r->out_type[o]);
}

static void compare(const char *name, const op_run *r, const char *who)
{
    for (int o = 0; o < r->n_out; o++) {
        char part[16];
        snprintf(part, sizeof part, "out%d", o);
        snug_tensor want = read_part(name, part);
        if (!want.data) continue;
        double e = op_error(&r->out[o], &want);
        if (!(e < TOLERANCE)) fail_msg("%s, %s: output %d differs by %g", name, who, o, e);
        snug_free(want.data);
    }
}

static void check_reference(const char *name, snug_dtype dtype)
{
    op_run r;
    read_case(name, dtype, &r);
    op_run_go(&r);
    compare(name, &r, dtype == SNUG_F64 ? "reference f64" : "reference f32");
    op_run_free(&r);
}

static void check_kernel(const char *name, snug_tier tier)
{
    op_run r;
    read_case(name, SNUG_F32, &r);
    snug_sig sig = op_sig(&r);
    const snug_kernel *k = snug_kernel_find(1u << tier, r.op->name, &sig);
    if (k) {
        size_t bytes = k->scratch ? k->scratch(&sig, snug_context_threads(ctx)) : 0;
        char *block = snug_alloc(TAG_TEST, bytes + 64);
        snug_call c = {.attrs = r.attrs, .in = r.in, .out = r.out, .n_in = r.n_in};
        c.n_out = r.n_out, c.queue = &ctx->queue, c.step = &r.step, c.scratch_bytes = bytes;
        c.scratch = block + (64 - (uintptr_t)block % 64) % 64;
        k->run(&c);
        compare(name, &r, k->name);
        snug_free(block);
    }
    op_run_free(&r);
}

/* Call `each` for every case of the open file, by the tensor that each case has once. */
static void for_each_case(void (*each)(const char *name))
{
    for (int i = 0; i < snug_safetensors_count(golden); i++) {
        char name[128];
        snprintf(name, sizeof name, "%s", snug_safetensors_name(golden, i));
        char *slash = strrchr(name, '/');
        if (!slash || strcmp(slash, "/batch") != 0) continue;
        *slash = 0;
        each(name);
    }
}

static void for_each_golden(void (*each)(const char *name))
{
    glob_t files;
    assert_int_equal(glob(GOLDEN, 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        ok(snug_safetensors_open(files.gl_pathv[i], &golden));
        for_each_case(each);
        snug_safetensors_close(golden);
    }
    globfree(&files);
}

static void references(const char *name)
{
    check_reference(name, SNUG_F64);
    check_reference(name, SNUG_F32);
}

static void references_agree_with_pytorch(void **state)
{
    (void)state;
    for_each_golden(references);
}

static void kernels(const char *name)
{
    for (int tier = 0; tier < SNUG_N_TIERS; tier++)
        if (ctx->tiers >> tier & 1) check_kernel(name, (snug_tier)tier);
}

static void kernels_agree_with_pytorch(void **state)
{
    (void)state;
    for_each_golden(kernels);
}

static char *covered; /* one flag an operator */

static void mark(const char *name)
{
    int n;
    const snug_op *const *ops = snug_builtin_ops(&n);
    size_t length = strcspn(name, ":");
    for (int i = 0; i < n; i++)
        if (strncmp(ops[i]->name, name, length) == 0 && !ops[i]->name[length]) covered[i] = 1;
}

/* Dropout's mask is Snug's own; everything else has a case. */
static void every_operator_has_a_case(void **state)
{
    (void)state;
    int n;
    const snug_op *const *ops = snug_builtin_ops(&n);
    covered = snug_alloc(TAG_TEST, (size_t)n);
    for_each_golden(mark);
    for (int i = 0; i < n; i++)
        if (!covered[i] && !(ops[i]->flags & SNUG_OP_RANDOM))
            fail_msg("no case of %s", ops[i]->name);
    snug_free(covered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_agree_with_pytorch),
        cmocka_unit_test(kernels_agree_with_pytorch),
        cmocka_unit_test(every_operator_has_a_case),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
