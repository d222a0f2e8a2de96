/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX models and tensors of node tests in memory: fixed tables, every element a double. What does
 * not fit, or is not of an element type that Snug has, makes the model or tensor unusable. */
#ifndef TESTS_ONNX_MODEL_H
#define TESTS_ONNX_MODEL_H

#include "onnx/protobuf.h"
#include <snug/tensor.h>
#include <stdio.h>
#include <stdlib.h>

enum { ONNX_NAME = 64, ONNX_DIMS = 8, ONNX_LIST = 16 };

typedef struct onnx_tensor {
    char name[ONNX_NAME];
    int type; /* of ONNX; 0: none */
    int n_dims;
    int64_t dim[ONNX_DIMS], n;
    double *v;
} onnx_tensor;

typedef struct onnx_attr {
    char name[ONNX_NAME], s[ONNX_NAME];
    double f;
    int64_t i, ints[ONNX_LIST];
    int n_ints;
    onnx_tensor t;
} onnx_attr;

typedef struct onnx_node {
    char op[ONNX_NAME], in[ONNX_LIST][ONNX_NAME], out[ONNX_LIST][ONNX_NAME];
    int n_in, n_out, n_attrs;
    onnx_attr attr[ONNX_LIST];
} onnx_node;

typedef struct onnx_model {
    onnx_node node[ONNX_LIST];
    onnx_tensor init[ONNX_LIST];
    char in[ONNX_LIST][ONNX_NAME], out[ONNX_LIST][ONNX_NAME];
    int n_nodes, n_init, n_in, n_out;
    int64_t opset;
    bool bad;
} onnx_model;

/* ---- element types ----------------------------------------------------------------------------
 */

typedef struct onnx_type {
    int id;
    const char *name;
    bool known, is_float; /* Snug has it; a floating-point type */
    snug_dtype dtype;
    int bytes;
} onnx_type;

static const onnx_type onnx_types[] = {
    {1, "float", true, true, SNUG_F32, 4},         {2, "uint8", true, false, SNUG_U8, 1},
    {3, "int8", true, false, SNUG_I8, 1},          {4, "uint16", false, false, SNUG_I32, 2},
    {5, "int16", true, false, SNUG_I16, 2},        {6, "int32", true, false, SNUG_I32, 4},
    {7, "int64", true, false, SNUG_I64, 8},        {9, "bool", true, false, SNUG_BOOL, 1},
    {10, "float16", true, true, SNUG_F16, 2},      {11, "double", true, true, SNUG_F64, 8},
    {12, "uint32", false, false, SNUG_I64, 4},     {13, "uint64", false, false, SNUG_I64, 8},
    {16, "bfloat16", true, true, SNUG_BF16, 2},    {17, "float8e4m3fn", true, true, SNUG_F8E4M3, 1},
    {19, "float8e5m2", true, true, SNUG_F8E5M2, 1}};

static inline const onnx_type *onnx_type_of(int id)
{
    for (size_t i = 0; i < sizeof onnx_types / sizeof onnx_types[0]; i++)
        if (onnx_types[i].id == id) return &onnx_types[i];
    return NULL;
}

/* ---- tensors ----------------------------------------------------------------------------------
 */

/* Element i of little-endian raw data. */
static inline double onnx_raw(const onnx_type *t, const uint8_t *raw, int64_t i)
{
    const uint8_t *at = raw + i * t->bytes;
    uint64_t u = 0;
    memcpy(&u, at, (size_t)t->bytes);
    if (!t->known) return (double)u; /* unsigned */
    _Alignas(8) uint8_t element[8];
    memcpy(element, &u, sizeof element);
    return snug_dtype_get(t->dtype)->load(element, 0);
}

/* Numbers of float_data, double_data and the integer lists. */
static inline double onnx_listed(const onnx_type *t, uint32_t field, uint64_t u)
{
    float f;
    double d;
    uint32_t low = (uint32_t)u;
    memcpy(&f, &low, sizeof f);
    memcpy(&d, &u, sizeof d);
    if (field == 4) return (double)f;
    if (field == 10) return d;
    if (t && t->is_float) return onnx_raw(t, (const uint8_t *)&u, 0); /* bits of f16 and the like */
    return field == 11 ? (double)u : (double)(int64_t)u;
}

static inline bool onnx_is_list(uint32_t id)
{
    return id == 4 || id == 5 || id == 7 || id == 10 || id == 11;
}

static inline int onnx_list_wire(uint32_t id)
{
    return id == 4 ? PB_FIXED32 : id == 10 ? PB_FIXED64 : PB_VARINT;
}

/* Dimensions, type and name; the elements come in a second walk. */
static inline void onnx_tensor_head(pb r, onnx_tensor *t)
{
    pb_field f;
    uint64_t u;
    t->n = 1;
    while (pb_next(&r, &f)) {
        if (f.id == 2) t->type = (int)f.number;
        if (f.id == 8) pb_text(&f, t->name, sizeof t->name);
        for (pb part = f.bytes; f.id == 1 && pb_number(&f, &part, PB_VARINT, &u);) {
            if (t->n_dims == ONNX_DIMS || u > 1 << 20 || t->n > 1 << 24) {
                t->type = 0;
                return;
            }
            t->dim[t->n_dims++] = (int64_t)u, t->n *= (int64_t)u;
        }
    }
    if (r.bad || t->n > 1 << 24) t->type = 0;
}

/* False when it is broken or of a type that is not read; then type is 0. */
static inline bool onnx_read_tensor(pb r, onnx_tensor *t)
{
    *t = (onnx_tensor){.n_dims = 0};
    onnx_tensor_head(r, t);
    const onnx_type *type = onnx_type_of(t->type);
    int64_t have = 0;
    if (!type || !(t->v = calloc((size_t)t->n + 1, sizeof *t->v))) {
        t->type = 0;
        return false;
    }
    pb_field f;
    uint64_t u;
    while (pb_next(&r, &f)) {
        if (f.id == 9 && f.bytes.end - f.bytes.p == t->n * type->bytes)
            for (; have < t->n; have++) t->v[have] = onnx_raw(type, f.bytes.p, have);
        if (!onnx_is_list(f.id)) continue;
        for (pb part = f.bytes; have < t->n && pb_number(&f, &part, onnx_list_wire(f.id), &u);)
            t->v[have++] = onnx_listed(type, f.id, u);
    }
    if (have != t->n) t->type = 0;
    return t->type != 0;
}

/* ---- models -----------------------------------------------------------------------------------
 */

static inline void onnx_read_attr(pb r, onnx_attr *a)
{
    pb_field f;
    uint64_t u;
    while (pb_next(&r, &f)) {
        uint32_t bits = (uint32_t)f.number;
        float x;
        memcpy(&x, &bits, sizeof x);
        if (f.id == 1) pb_text(&f, a->name, sizeof a->name);
        if (f.id == 2) a->f = (double)x;
        if (f.id == 3) a->i = (int64_t)f.number;
        if (f.id == 4) pb_text(&f, a->s, sizeof a->s);
        if (f.id == 5) onnx_read_tensor(f.bytes, &a->t);
        for (pb part = f.bytes; f.id == 8 && pb_number(&f, &part, PB_VARINT, &u);)
            if (a->n_ints < ONNX_LIST) a->ints[a->n_ints++] = (int64_t)u;
    }
}

static inline bool onnx_read_node(pb r, onnx_node *n)
{
    pb_field f;
    while (pb_next(&r, &f)) {
        if (n->n_in == ONNX_LIST || n->n_out == ONNX_LIST || n->n_attrs == ONNX_LIST) return false;
        if (f.id == 1) pb_text(&f, n->in[n->n_in++], ONNX_NAME);
        if (f.id == 2) pb_text(&f, n->out[n->n_out++], ONNX_NAME);
        if (f.id == 4) pb_text(&f, n->op, ONNX_NAME);
        if (f.id == 5) onnx_read_attr(f.bytes, &n->attr[n->n_attrs++]);
    }
    return !r.bad;
}

/* A value's name, field 1 of ValueInfoProto. */
static inline void onnx_read_value(pb r, char name[ONNX_NAME])
{
    pb_field f;
    while (pb_next(&r, &f))
        if (f.id == 1) pb_text(&f, name, ONNX_NAME);
}

static inline void onnx_read_graph(pb r, onnx_model *m)
{
    pb_field f;
    while (pb_next(&r, &f)) {
        if (m->n_nodes == ONNX_LIST || m->n_init == ONNX_LIST || m->n_in == ONNX_LIST ||
            m->n_out == ONNX_LIST) {
            m->bad = true;
            return;
        }
        if (f.id == 1 && !onnx_read_node(f.bytes, &m->node[m->n_nodes++])) m->bad = true;
        if (f.id == 5) onnx_read_tensor(f.bytes, &m->init[m->n_init++]);
        if (f.id == 11) onnx_read_value(f.bytes, m->in[m->n_in++]);
        if (f.id == 12) onnx_read_value(f.bytes, m->out[m->n_out++]);
    }
    m->bad = m->bad || r.bad;
}

static inline void onnx_read_opset(pb r, onnx_model *m)
{
    pb_field f;
    int64_t version = 0;
    bool main = true;
    while (pb_next(&r, &f)) {
        if (f.id == 1) main = f.bytes.p == f.bytes.end;
        if (f.id == 2) version = (int64_t)f.number;
    }
    if (main) m->opset = version;
}

static inline void onnx_read_model(pb r, onnx_model *m)
{
    pb_field f;
    memset(m, 0, sizeof *m);
    while (pb_next(&r, &f)) {
        if (f.id == 7) onnx_read_graph(f.bytes, m);
        if (f.id == 8) onnx_read_opset(f.bytes, m);
    }
    m->bad = m->bad || r.bad;
}

static inline void onnx_free_model(onnx_model *m)
{
    for (int i = 0; i < m->n_init; i++) free(m->init[i].v);
    for (int n = 0; n < m->n_nodes; n++)
        for (int a = 0; a < m->node[n].n_attrs; a++) free(m->node[n].attr[a].t.v);
}

#endif
