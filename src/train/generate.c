/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that go on: the model reads the last tokens that fit its context, the logits at the last of
 * them give the next. While the text fits, a model whose layers can is given one token after the
 * other and keeps what it needs of those before; else it reads the context anew for each token. A
 * text shorter than the context is then followed by zeros, which a causal model does not see. */
#include "base/context.h"
#include "data/spec.h"
#include "train/sample.h"
#include "train/session.h"
#include <string.h>

#define DEFAULT_TOKENS 200

typedef struct writer {
    snug_model *model;
    snug_session session;
    snug_bump *bump;
    snug_spec spec;
    snug_sampling sampling;
    int64_t context, vocabulary;
    int32_t *text;  /* prompt and what was made */
    int64_t length; /* of it */
    bool grows;     /* the session reads on from `read` tokens */
    int64_t read;
    int32_t *order; /* to sample in */
    double *weight;
} writer;

static snug_status read_prompt(writer *w, const char *prompt, int64_t tokens)
{
    const size_t bytes = strlen(prompt);
    CHECK(bytes > 0, SNUG_EINVAL, "the prompt is empty: give at least one character to go on with");
    w->text = snug_bump_alloc(w->bump, (bytes + (size_t)tokens) * sizeof *w->text);
    w->order = snug_bump_alloc(w->bump, (size_t)w->vocabulary * sizeof *w->order);
    w->weight = snug_bump_alloc(w->bump, (size_t)w->vocabulary * sizeof *w->weight);
    if (!w->text || !w->order || !w->weight) return SNUG_ENOMEM;
    return snug_spec_tokens(&w->spec, prompt, bytes, w->text, &w->length);
}

static snug_status run(writer *w, const float **outputs)
{
    const snug_exec_step step = {.n = 1};
    TRY(snug_exec_run(w->session.exec, &step, NULL));
    *outputs = snug_exec_tensor(w->session.exec, SNUG_OUTPUTS).data;
    return SNUG_OK;
}

static snug_status read_next(writer *w, const float **logits)
{
    int32_t *x = snug_exec_tensor(w->session.exec, SNUG_X).data;
    /* no memory for it in a model that looks at no other token */
    int32_t *position = snug_exec_tensor(w->session.exec, SNUG_POSITION).data;
    for (; w->read < w->length; w->read++) {
        *x = w->text[w->read];
        if (position) *position = (int32_t)w->read;
        TRY(run(w, logits));
    }
    return SNUG_OK;
}

static snug_status read_context(writer *w, const float **logits)
{
    const int64_t seen = w->length < w->context ? w->length : w->context;
    int32_t *x = snug_exec_tensor(w->session.exec, SNUG_X).data;
    memset(x, 0, (size_t)w->context * sizeof *x);
    memcpy(x, w->text + w->length - seen, (size_t)seen * sizeof *x);
    TRY(run(w, logits));
    *logits += (seen - 1) * w->vocabulary;
    return SNUG_OK;
}

/* One session at a time, so that the weights are there once. */
static snug_status open_session(writer *w, bool grows)
{
    snug_session_close(&w->session);
    w->session = (snug_session){0};
    w->grows = grows;
    return snug_session_open(&w->session, w->model, grows ? USE_GROW : USE_PREDICT, 1, NULL,
                             SNUG_PART_TRAIN);
}

/* The logits that follow the text. */
static snug_status read_on(writer *w, const float **logits)
{
    if (w->grows && w->length > w->context) TRY(open_session(w, false));
    return w->grows ? read_next(w, logits) : read_context(w, logits);
}

static snug_status write_on(writer *w, int64_t tokens, void (*each)(void *arg, const snug_token *t),
                            void *arg)
{
    for (int64_t i = 0; i < tokens; i++) {
        const float *logits = NULL;
        char text[4];
        CHECK(!snug_context_interrupted(w->model->ctx), SNUG_EINTERRUPTED,
              "interrupted after %" PRId64 " tokens", i);
        TRY(read_on(w, &logits));
        const int32_t token =
            snug_sample(logits, w->vocabulary, &w->sampling, (uint64_t)i, w->order, w->weight);
        const snug_token made = {.position = i,
                                 .token = token,
                                 .text = text,
                                 .n_bytes = snug_spec_token_text(&w->spec, token, text),
                                 .probability =
                                     snug_sample_probability(logits, w->vocabulary, token)};
        w->text[w->length++] = token;
        each(arg, &made);
    }
    return SNUG_OK;
}

static snug_status open_writer(writer *w, const snug_generate_config *c, int64_t tokens)
{
    const snug_model_shape *shape = &w->model->info.shape;
    CHECK(shape->target == SNUG_TARGET_TOKENS, SNUG_EINVAL,
          "model %s was not trained on text: it has no prompt to go on with", w->model->path);
    w->bump = snug_bump_create(TAG_TRAIN);
    if (!w->bump) return SNUG_ENOMEM;
    TRY(snug_spec_read(w->model->info.spec, w->bump, &w->spec));
    w->context = shape->sample.shape.dim[0];
    w->vocabulary = snug_model_outputs(shape);
    TRY(read_prompt(w, c->prompt, tokens));
    return open_session(w, w->length <= w->context && snug_layers_grow(w->model->layers));
}

snug_status snug_model_generate(snug_model *m, const snug_generate_config *c,
                                void (*each)(void *arg, const snug_token *t), void *arg)
{
    const int64_t tokens = c->tokens > 0 ? c->tokens : DEFAULT_TOKENS;
    writer w = {
        .model = m,
        .sampling = {
            .temperature = c->temperature, .top_k = c->top_k, .top_p = c->top_p, .seed = c->seed}};
    snug_status s = open_writer(&w, c, tokens);
    if (s == SNUG_OK) s = write_on(&w, tokens, each, arg);
    snug_session_close(&w.session);
    if (w.bump) snug_bump_destroy(w.bump);
    TRY(s);
    return SNUG_OK;
}
