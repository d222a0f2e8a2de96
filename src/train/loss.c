/* SPDX-License-Identifier: Apache-2.0 */
/* The table of losses. */
#include "train/loss.h"
#include "data/target.h"
#include <stdio.h>
#include <string.h>

#define SNUG_LOSS_ROW(id) extern const snug_loss snug_loss_##id;
#include "train/losses.def"
#undef SNUG_LOSS_ROW

const snug_loss *snug_loss_get(int64_t i)
{
    static const snug_loss *const table[] = {
#define SNUG_LOSS_ROW(id) &snug_loss_##id,
#include "train/losses.def"
#undef SNUG_LOSS_ROW
    };
    const int64_t n = (int64_t)(sizeof table / sizeof(snug_loss *));
    return i >= 0 && i < n ? table[i] : NULL;
}

const snug_loss *snug_loss_find(const char *name)
{
    const snug_loss *loss;
    for (int64_t i = 0; (loss = snug_loss_get(i)); i++)
        if (strcmp(loss->name, name) == 0) return loss;
    return NULL;
}

static const snug_loss *usual_loss(snug_target_kind target)
{
    const snug_loss *loss = NULL;
    for (int64_t i = 0; (loss = snug_loss_get(i)); i++)
        if (loss->targets >> target & 1) break;
    return loss;
}

/* "mse, mae" of the losses that serve a target. */
static void list_serving(snug_target_kind target, char *text, size_t bytes)
{
    const snug_loss *loss;
    size_t n = 0;
    text[0] = '\0';
    for (int64_t i = 0; (loss = snug_loss_get(i)) && n < bytes; i++)
        if (loss->targets >> target & 1)
            n += (size_t)snprintf(text + n, bytes - n, "%s%s", n ? ", " : "", loss->name);
}

snug_status snug_loss_choose(const snug_recipe *r, snug_target_kind target, const snug_loss **out)
{
    char serving[160];
    const snug_loss *loss = r->train.loss > 0 ? snug_loss_get(r->train.loss - 1) : NULL;
    list_serving(target, serving, sizeof serving);
    CHECK(!loss || loss->targets >> target & 1, SNUG_EINVAL,
          "train.loss %s does not serve the data's target, which is of the kind '%s': use auto or "
          "one of %s",
          loss->name, snug_target_name(target), serving);
    if (!loss) loss = usual_loss(target);
    CHECK(loss, SNUG_EUNSUPPORTED, "there is no loss for a target of kind '%s'",
          snug_target_name(target));
    *out = loss;
    return SNUG_OK;
}

snug_value *snug_loss_build(const snug_head *h, snug_value *prediction, snug_value *truth,
                            snug_value **outputs)
{
    const snug_loss *row = h->model->loss.row;
    return (row ? row : usual_loss(h->model->target))->build(h, prediction, truth, outputs);
}
