/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a spec: widths, classes, tokens. */
#include "data/spec.h"

#include "data/spec_names.h"
#include "data/utf8.h"

#include <string.h>

const char *const snug_kind_names[SNUG_N_DATA_KINDS] = {"image", "table", "series", "text"};
const char *const snug_column_names[N_COLUMN_KINDS] = {"number", "category", "target", "ignored"};

int snug_spec_width(const snug_spec_column *c)
{
    if (c->kind == COLUMN_NUMBER) return 1;
    if (c->kind != COLUMN_CATEGORY) return 0;
    return c->n_categories + c->other + c->missing;
}

static int find_class(const snug_spec *s, const char *name, size_t bytes)
{
    for (int i = 0; i < s->n_classes; i++)
        if (strlen(s->classes[i]) == bytes && memcmp(s->classes[i], name, bytes) == 0) return i;
    return -1;
}

int snug_spec_class(const snug_spec *s, const char *name)
{
    size_t n = strlen(name);
    int i = find_class(s, name, n);
    if (i < 0 && n > 1 && name[n - 1] == '.') i = find_class(s, name, n - 1);
    return i;
}

snug_shape snug_spec_outputs(const snug_spec *s)
{
    if (s->target == SNUG_TARGET_SELF) return s->sample;
    int64_t dim[2] = {s->target == SNUG_TARGET_VALUE ? s->n_targets : s->n_classes};
    if (s->target == SNUG_TARGET_NONE) dim[0] = 1;
    if (s->target != SNUG_TARGET_TOKENS) return snug_shape_make(1, dim);
    dim[0] = s->sample.dim[0];
    dim[1] = s->n_classes;
    return snug_shape_make(2, dim);
}

/* ---- text ------------------------------------------------------------------------------------ */

int32_t snug_spec_token(const snug_spec *s, uint32_t symbol)
{
    int low = 0, high = s->n_classes;
    while (low < high) {
        int middle = (low + high) / 2;
        if (s->token[middle] < symbol)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->n_classes && s->token[low] == symbol ? low : -1;
}

snug_status snug_spec_tokens(const snug_spec *s, const char *text, size_t n_bytes, int32_t *token,
                             int64_t *n)
{
    const unsigned char *p = (const unsigned char *)text;
    int64_t count = 0;
    for (size_t i = 0, length; i < n_bytes; i += length) {
        uint32_t symbol = p[i];
        length = s->bytes ? 1 : snug_utf8_read(p + i, n_bytes - i, &symbol);
        CHECK(length, SNUG_EFORMAT, "byte %zu of the text is no UTF-8", i);
        token[count] = snug_spec_token(s, symbol);
        CHECK(token[count] >= 0, SNUG_EINVAL,
              "'%.*s' (U+%04" PRIX32 ", character %" PRId64
              " of the text) does not occur in the text that the model "
              "was trained on",
              (int)length, text + i, symbol, count);
        count++;
    }
    *n = count;
    return SNUG_OK;
}

int snug_spec_token_text(const snug_spec *s, int32_t token, char out[4])
{
    if (!s->bytes) return snug_utf8_write(s->token[token], out);
    out[0] = (char)s->token[token];
    return 1;
}
