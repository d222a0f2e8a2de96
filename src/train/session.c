/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: what an evaluation, a prediction or a generation needs is made for it and dropped after
 * it. */
#include "train/session.h"
#include "base/context.h"
#include "base/os.h"
#include "data/target.h"

#define DEFAULT_BATCH 64

snug_status snug_model_build(const snug_model *m, snug_use use, int64_t batch, snug_persistent *p,
                             snug_built *out)
{
    const int64_t n = batch > 0 ? batch : DEFAULT_BATCH;
    const snug_plan_config config = {.batch = n,
                                     .leaves = snug_default_leaves(n),
                                     .n_micro = 1,
                                     .threads = snug_context_threads(m->ctx),
                                     .device = &m->device};
    return snug_build(&m->info.shape, NULL, use, &config, p, out);
}

void snug_session_close(snug_session *s)
{
    snug_feed_close(&s->feed);
    snug_exec_destroy(s->exec);
    snug_arena_destroy(&s->arena);
    snug_built_free(&s->built);
    snug_persistent_free(&s->persistent);
}

static snug_status read_weights(snug_model *m, const snug_session *s)
{
    for (int32_t i = 0; i < s->persistent.n; i++) {
        if (s->persistent.entry[i].role == SNUG_ROLE_STATE) continue; /* starts at zero */
        const snug_tensor t = snug_arena_tensor(&s->arena, s->persistent.entry[i].name);
        TRY(snug_safetensors_read(m->file, s->persistent.entry[i].name, &t));
    }
    return SNUG_OK;
}

static snug_status open_feed(snug_session *s, snug_model *m, snug_dataset *d, snug_part part)
{
    const snug_pass pass = {.part = part};
    TRY(snug_feed_open(d, &s->arena, 1, &s->built.plan, &s->feed));
    const snug_effect_driver load = snug_feed_driver(&s->feed);
    TRY(snug_exec_create(m->ctx, s->built.plan, &s->arena, 1, &load, &s->exec));
    return snug_loader_begin(s->feed.loader, &pass);
}

snug_status snug_session_open(snug_session *s, snug_model *m, snug_use use, int64_t batch,
                              snug_dataset *d, snug_part part)
{
    char text[32];
    TRY(snug_model_build(m, use, batch, &s->persistent, &s->built));
    const size_t bytes = snug_arena_size(&s->persistent, 1, &s->built.plan);
    CHECK(bytes <= snug_os_memory(), SNUG_ENOMEM,
          "%s at a batch of %" PRId64 " needs %s, more than this machine has; use a smaller batch",
          m->path, s->built.plan->config.batch, snug_format_size((double)bytes, text, sizeof text));
    TRY(snug_arena_create(&s->persistent, 1, &s->built.plan, &s->arena));
    TRY(read_weights(m, s));
    if (d) return open_feed(s, m, d, part);
    return snug_exec_create(m->ctx, s->built.plan, &s->arena, 0, NULL, &s->exec);
}

snug_status snug_model_check_data(const snug_model *m, const snug_data_info *info, bool truth)
{
    char want[SNUG_SHAPE_TEXT], have[SNUG_SHAPE_TEXT];
    const snug_model_shape *shape = &m->info.shape;
    CHECK(snug_shape_equal(&info->sample, &shape->sample.shape) &&
              info->sample_dtype == shape->sample.dtype,
          SNUG_ESHAPE, "the data's samples are %s, model %s was made for %s",
          snug_shape_text(&info->sample, have, sizeof have), m->path,
          snug_shape_text(&shape->sample.shape, want, sizeof want));
    CHECK(!truth || info->target != SNUG_TARGET_NONE, SNUG_EINVAL,
          "the data has no target to compare with; predict instead");
    CHECK(!truth || info->target == shape->target, SNUG_ESHAPE,
          "the data's target is of kind %s, model %s predicts the kind %s; open the data with the "
          "model's spec",
          snug_target_name(info->target), m->path, snug_target_name(shape->target));
    CHECK(snug_shape_equal(&info->outputs, &shape->outputs), SNUG_ESHAPE,
          "the data needs outputs of %s, model %s makes %s; open the data with the model's spec",
          snug_shape_text(&info->outputs, have, sizeof have), m->path,
          snug_shape_text(&shape->outputs, want, sizeof want));
    return SNUG_OK;
}
