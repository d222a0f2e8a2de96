/* SPDX-License-Identifier: Apache-2.0 */
/* Plans, metrics and results as JSON: the keys that scripts rely on, written here alone. */
#include "base/status.h"
#include <jansson.h>
#include <math.h>
#include <snug/train.h>
#include <stdlib.h>

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *size(size_t v)
{
    return json_integer((json_int_t)v);
}

static json_t *text_or_null(const char *s)
{
    return s ? json_string(s) : json_null();
}

/* Takes the reference; a NULL tree is what jansson makes of running out of memory, or of a name
 * that is not UTF-8. */
static snug_status dump(json_t *json, char **out)
{
    char *text = json ? json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(json);
    CHECK(text, SNUG_ENOMEM, "no memory for a report as JSON");
    *out = text;
    return SNUG_OK;
}

/* ---- plans ------------------------------------------------------------------------------------
 */

static json_t *owners_json(const snug_plan_owners *o)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "parameters", size(o->parameters),
                     "gradients", size(o->gradients), "optimizer", size(o->optimizer),
                     "activations", size(o->activations), "scratch", size(o->scratch), "data",
                     size(o->data), "communication", size(o->communication), "code", size(o->code));
}

static json_t *choices_json(const snug_plan_report *p)
{
    json_t *list = json_array();
    for (int i = 0; i < p->n_choices; i++) {
        const snug_plan_choice *c = &p->choices[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:I, s:o, s:b}", "name", c->name, "why", c->why,
                                        "bytes_saved", (json_int_t)c->bytes_saved, "seconds_added",
                                        number(c->seconds_added), "same_bits", c->same_bits));
    }
    return list;
}

snug_status snug_plan_json(const snug_plan_report *p, char **out)
{
    json_t *json =
        json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "feasible", p->feasible,
                  "problem", text_or_null(p->problem), "peak_bytes", size(p->peak_bytes),
                  "arena_bytes", size(p->arena_bytes), "fixed_bytes", size(p->fixed_bytes),
                  "by_owner", owners_json(&p->by_owner), "choices", choices_json(p), "step_seconds",
                  number(p->step_seconds), "flops_per_step", number(p->flops_per_step),
                  "smallest_budget_bytes", size(p->smallest_budget_bytes));
    json_t *more =
        json_pack("{s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "model", p->model,
                  "tier", p->tier, "threads", p->threads, "parameters", (json_int_t)p->parameters,
                  "batch", (json_int_t)p->batch, "leaves", (json_int_t)p->leaves, "micro_batches",
                  (json_int_t)p->micro_batches, "steps_per_epoch", (json_int_t)p->steps_per_epoch,
                  "steps", (json_int_t)p->steps, "nodes", (json_int_t)p->n_nodes, "fallbacks",
                  (json_int_t)p->n_fallbacks);
    if (json_object_update(json, more) != 0) {
        json_decref(json);
        json = NULL;
    }
    json_decref(more);
    return dump(json, out);
}

/* ---- metrics ----------------------------------------------------------------------------------
 */

static json_t *values_json(const snug_metrics *m)
{
    json_t *json = json_object();
    for (int i = 0; i < m->n; i++)
        json_object_set_new(json, m->metric[i].name, number(m->metric[i].value));
    return json;
}

/* By number where the data has no names. */
static json_t *class_name(const snug_metrics *m, int64_t i)
{
    return m->class_names ? json_string(m->class_names[i]) : json_sprintf("%lld", (long long)i);
}

static json_t *by_class_json(const snug_metrics *m)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < m->n_classes; i++) {
        const snug_class_metrics *c = &m->by_class[i];
        json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "class",
                                              class_name(m, i), "precision", number(c->precision),
                                              "recall", number(c->recall), "f1", number(c->f1),
                                              "auc", number(c->auc), "auc_pr", number(c->auc_pr),
                                              "support", (json_int_t)c->support));
    }
    return list;
}

static json_t *confusion_json(const snug_metrics *m)
{
    json_t *rows = json_array();
    for (int64_t i = 0; i < m->n_classes; i++) {
        json_t *row = json_array();
        for (int64_t j = 0; j < m->n_classes; j++)
            json_array_append_new(row,
                                  json_integer((json_int_t)m->confusion[i * m->n_classes + j]));
        json_array_append_new(rows, row);
    }
    return rows;
}

snug_status snug_metrics_json(const snug_metrics *m, char **out)
{
    json_t *json = json_pack("{s:I, s:o, s:o}", "samples", (json_int_t)m->samples, "seconds",
                             number(m->seconds), "metrics", values_json(m));
    if (m->confusion) json_object_set_new(json, "confusion_matrix", confusion_json(m));
    if (m->by_class) json_object_set_new(json, "by_class", by_class_json(m));
    return dump(json, out);
}

/* ---- results ----------------------------------------------------------------------------------
 */

static json_t *parts_json(const snug_train_result *r)
{
    json_t *json = json_object();
    if (r->has_train) json_object_set_new(json, "train", values_json(&r->train));
    if (r->has_validation) json_object_set_new(json, "validation", values_json(&r->validation));
    if (r->has_test) json_object_set_new(json, "test", values_json(&r->test));
    return json;
}

snug_status snug_result_json(const snug_train_result *r, char **out)
{
    json_t *json = json_pack(
        "{s:o, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:b}", "run",
        text_or_null(r->run), "model", r->model, "parameters", (json_int_t)r->parameters, "epochs",
        (json_int_t)r->epochs, "steps", (json_int_t)r->steps, "seconds", number(r->seconds),
        "samples_per_s", number(r->samples_per_s), "plan_peak_bytes", size(r->plan_peak_bytes),
        "peak_bytes", size(r->peak_bytes), "heap_allocations_per_step",
        number(r->heap_allocations_per_step), "metrics", parts_json(r), "weights_sha256",
        r->weights_sha256, "state_sha256", r->state_sha256, "interrupted", r->interrupted);
    return dump(json, out);
}
