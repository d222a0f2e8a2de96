/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules of operators share: checks of input types, axis uses, cost. */
#include "ops/rules.h"

#include <stdio.h>

const char *const snug_activation_names[] = {"none", "relu", "relu6", "gelu", NULL};

static const char *type_text(const snug_type *t, char buf[SNUG_SHAPE_TEXT + 16])
{
    char shape[SNUG_SHAPE_TEXT];
    snug_shape_text(&t->shape, shape, sizeof shape);
    snprintf(buf, SNUG_SHAPE_TEXT + 16, "%s %s", snug_dtype_get(t->dtype)->name, shape);
    return buf;
}

snug_status snug_infer_mul(const snug_infer *f, int64_t a, int64_t b, int64_t *out)
{
    CHECK(a >= 0 && b >= 0 && a <= MAX_EXTENT && b <= MAX_EXTENT && (b == 0 || a <= MAX_EXTENT / b),
          SNUG_ESHAPE, "'%s': %" PRId64 " x %" PRId64 " elements are more than any memory", f->name,
          a, b);
    *out = a * b;
    return SNUG_OK;
}

snug_status snug_infer_float(const snug_infer *f, int i, int like)
{
    char a[SNUG_SHAPE_TEXT + 16], b[SNUG_SHAPE_TEXT + 16];
    CHECK(snug_dtype_get(f->in[i].dtype)->is_float, SNUG_ESHAPE,
          "'%s': input %d is %s, but must hold floating-point numbers", f->name, i,
          type_text(&f->in[i], a));
    CHECK(like < 0 || f->in[i].dtype == f->in[like].dtype, SNUG_ESHAPE,
          "'%s': input %d is %s and input %d is %s: their element types must agree", f->name, i,
          type_text(&f->in[i], a), like, type_text(&f->in[like], b));
    return SNUG_OK;
}

snug_status snug_infer_rank(const snug_infer *f, int i, int n_dims, const char *what)
{
    char a[SNUG_SHAPE_TEXT + 16];
    CHECK(f->in[i].shape.n_dims == n_dims, SNUG_ESHAPE, "'%s': input %d is %s, but must be %s",
          f->name, i, type_text(&f->in[i], a), what);
    return SNUG_OK;
}

snug_status snug_infer_same(const snug_infer *f, int i, int j)
{
    const snug_shape *s = &f->in[i].shape, *t = &f->in[j].shape;
    bool same = s->n_dims == t->n_dims;
    for (int d = 0; same && d < s->n_dims; d++)
        same = s->dim[d] == t->dim[d] && s->kind[d] == t->kind[d];
    char a[SNUG_SHAPE_TEXT + 16], b[SNUG_SHAPE_TEXT + 16];
    CHECK(same, SNUG_ESHAPE, "'%s': input %d is %s and input %d is %s: their shapes must agree",
          f->name, j, type_text(&f->in[j], a), i, type_text(&f->in[i], b));
    return SNUG_OK;
}

snug_status snug_infer_vector(const snug_infer *f, int i, int j)
{
    const snug_shape *s = &f->in[i].shape, *t = &f->in[j].shape;
    char a[SNUG_SHAPE_TEXT + 16], b[SNUG_SHAPE_TEXT + 16];
    CHECK(s->n_dims == 1 && s->kind[0] == SNUG_AXIS_FIXED && t->n_dims >= 1 &&
              s->dim[0] == snug_shape_last(t),
          SNUG_ESHAPE,
          "'%s': input %d is %s, but must be one number for each of the last axis of %s", f->name,
          i, type_text(&f->in[i], a), type_text(&f->in[j], b));
    return SNUG_OK;
}

snug_status snug_infer_axis(const snug_infer *f, int i, int64_t axis, int *out)
{
    const snug_shape *s = &f->in[i].shape;
    int d = snug_shape_axis(s, axis);
    char a[SNUG_SHAPE_TEXT + 16];
    CHECK(d >= 0, SNUG_ESHAPE, "'%s': input %d is %s and has no axis %" PRId64, f->name, i,
          type_text(&f->in[i], a), axis);
    CHECK(s->kind[d] == SNUG_AXIS_FIXED, SNUG_ESHAPE,
          "'%s': axis %d of input %d, %s, counts samples: choose another axis", f->name, d, i,
          type_text(&f->in[i], a));
    *out = d;
    return SNUG_OK;
}

snug_status snug_infer_scalar(const snug_infer *f, int i)
{
    TRY(snug_infer_float(f, i, -1));
    return snug_infer_rank(f, i, 0, "a scalar");
}

snug_status snug_shape_same(snug_infer *f)
{
    TRY(snug_infer_float(f, 0, -1));
    for (int i = 1; i < f->n_in; i++) {
        TRY(snug_infer_float(f, i, 0));
        TRY(snug_infer_same(f, i, 0));
    }
    for (int o = 0; o < f->n_out; o++) f->out[o] = f->in[0];
    return SNUG_OK;
}

int snug_use_batch(const snug_sig *s, snug_axis_use *u, int n, int out, int in)
{
    const snug_shape *shape = &s->in[in].shape;
    if (shape->n_dims == 0) return n;
    n = snug_use_axis(u, n, out, 0, in, 0);
    if (snug_shape_has_batch(shape)) u[n - 1].how = SNUG_FOLLOW_BATCH;
    return n;
}

int snug_use_leading(const snug_sig *s, snug_axis_use *u, int n, int out, int in, int n_axes)
{
    if (n_axes > 0) n = snug_use_batch(s, u, n, out, in);
    for (int d = 1; d < n_axes; d++) n = snug_use_axis(u, n, out, d, in, d);
    return n;
}

int snug_axes_same(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    for (int o = 0; o < s->n_out; o++)
        for (int i = 0; i < s->n_in; i++)
            n = snug_use_leading(s, u, n, o, i, s->in[i].shape.n_dims);
    return n;
}

snug_cost snug_cost_of(const snug_sig *s, double flops)
{
    snug_cost c = {.flops = flops};
    for (int i = 0; i < s->n_in; i++) c.bytes_read += (double)snug_type_bytes(&s->in[i]);
    for (int o = 0; o < s->n_out; o++) c.bytes_written += (double)snug_type_bytes(&s->out[o]);
    return c;
}

snug_cost snug_cost_elementwise(const snug_sig *s)
{
    return snug_cost_of(s, (double)snug_shape_elements(&s->out[0].shape));
}
