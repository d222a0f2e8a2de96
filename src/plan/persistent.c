/* SPDX-License-Identifier: Apache-2.0 */
/* Persistent values of all plans of a run, placed once by name: parameters first come, first
 * placed. */
#include "plan/lower.h"
#include "plan/plan.h"
#include <string.h>

snug_persistent_entry *snug_persistent_find(const snug_persistent *p, const char *name)
{
    for (int32_t i = 0; i < p->n; i++)
        if (strcmp(p->entry[i].name, name) == 0) return &p->entry[i];
    return NULL;
}

void snug_persistent_free(snug_persistent *p)
{
    for (int32_t i = 0; i < p->n; i++) snug_free((char *)p->entry[i].name);
    snug_free(p->entry);
    *p = (snug_persistent){0};
}

static snug_status grow(snug_persistent *p)
{
    if (p->n < p->capacity) return SNUG_OK;
    int32_t capacity = p->capacity ? p->capacity * 2 : 32;
    snug_persistent_entry *e = snug_realloc(TAG_PLAN, p->entry, (size_t)capacity * sizeof *e);
    if (!e) return SNUG_ENOMEM;
    p->entry = e;
    p->capacity = capacity;
    return SNUG_OK;
}

static snug_status check_same(const snug_persistent_entry *e, const snug_value *v)
{
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    CHECK(e->type.dtype == v->type.dtype && snug_shape_equal(&e->type.shape, &v->type.shape) &&
              e->role == (snug_role)v->role,
          SNUG_ESHAPE, "'%s' is %s in one graph and %s in another", v->name,
          snug_shape_text(&e->type.shape, a, sizeof a),
          snug_shape_text(&v->type.shape, b, sizeof b));
    return SNUG_OK;
}

snug_status snug_persistent_add(snug_persistent *p, const snug_value *v, size_t *offset)
{
    snug_persistent_entry *e = snug_persistent_find(p, v->name);
    if (e) {
        TRY(check_same(e, v));
        *offset = e->offset;
        return SNUG_OK;
    }
    TRY(grow(p));
    char *name = snug_strdup(TAG_PLAN, v->name);
    if (!name) return SNUG_ENOMEM;
    *offset = p->bytes;
    p->entry[p->n++] =
        (snug_persistent_entry){name, v->type, (snug_role)v->role, v->init, p->bytes, v->frozen};
    p->bytes += snug_round_up(snug_type_bytes(&v->type), SNUG_ALIGN);
    return SNUG_OK;
}
