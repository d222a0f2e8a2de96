/* SPDX-License-Identifier: Apache-2.0 */
/* The text of ways.h. */
#include "plan/ways.h"
#include "base/status.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static size_t add_shape(const snug_shape *s, char *key, size_t at)
{
    for (int i = 0; i < s->n_dims && at < SNUG_WAY_KEY; i++) {
        const char *before = i ? "x" : " ";
        at +=
            (size_t)(s->kind[i] == SNUG_AXIS_BATCH
                         ? snprintf(key + at, SNUG_WAY_KEY - at, "%sN", before)
                         : snprintf(key + at, SNUG_WAY_KEY - at, "%s%" PRId64, before, s->dim[i]));
    }
    return at;
}

void snug_way_key(const char *op, const snug_sig *sig, char key[SNUG_WAY_KEY])
{
    size_t at = (size_t)snprintf(key, SNUG_WAY_KEY, "%s", op);
    for (int i = 0; i < sig->n_in && i < 2; i++) at = add_shape(&sig->in[i].shape, key, at);
    add_shape(&sig->out[0].shape, key, at);
}

/* The value of the item with this key; NULL: there is none. */
static const char *value_of(const char *text, const char *key)
{
    const size_t n = strlen(key);
    for (const char *item = text; item; item = strchr(item, ';')) {
        item += strspn(item, "; \n");
        if (strncmp(item, key, n) == 0 && item[n] == '=') return item + n + 1;
    }
    return NULL;
}

snug_status snug_way_find(const char *text, const snug_kernel *kernel, const char *op,
                          const snug_sig *sig, int *way)
{
    const snug_kernel_more *more = snug_kernel_can(kernel);
    char key[SNUG_WAY_KEY];
    *way = 0;
    if (!text || !text[0] || !more->ways) return SNUG_OK;
    snug_way_key(op, sig, key);
    const char *value = value_of(text, key);
    if (!value) return SNUG_OK;
    const size_t n = strcspn(value, "; \n");
    for (int i = 0; more->ways[i]; i++)
        if (strlen(more->ways[i]) == n && strncmp(more->ways[i], value, n) == 0) *way = i + 1;
    CHECK(*way > 0 && more->can(sig, *way), SNUG_EINVAL,
          "train.kernels: '%.*s' is no way that '%s' can go in this build of Snug", (int)n, value,
          key);
    return SNUG_OK;
}
