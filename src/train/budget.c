/* SPDX-License-Identifier: Apache-2.0 */
/* The search for a plan that keeps the memory budget.
 *
 * Micro-batches divide what a step keeps of its batch: 1, 2, 4, ... up to one for each leaf. All of
 * them are planned, the first that fits is taken, and so the smallest budget is known too. The
 * whole process's peak is
 *     what is resident now: code, libraries, stacks, what Snug has on the heap
 *     + the arena
 *     + the loader's thread, not started yet
 *     + a reserve for the heap in training
 * The first is the sum of its parts, counted exactly, so that the same recipe gives the same figure
 * in every process; or the resident size itself where that is larger, which it is when Snug is not
 * alone in the process.
 */
#include "base/os.h"
#include "train/optimizer.h"
#include "train/trainer.h"
#include <stdio.h>
#include <string.h>

/* Libraries' own memory: zeroed data, the main thread's stack, buffers of stdio. */
#define LIBRARY_BYTES ((size_t)128 << 10)
/* What training puts on the heap after it was planned, besides executors: the buffers that a
 * checkpoint is written through, reports as JSON; and for each tensor that a checkpoint keeps, its
 * places in lists and its lines in a header. */
#define HEAP_RESERVE   ((size_t)320 << 10)
#define TENSOR_RESERVE ((size_t)512)
/* Copies of the data's spec while a model's header is made: quoted, in a buffer that grows. */
#define SPEC_COPIES ((size_t)4)
/* An executor's bookkeeping for an instruction and for a tensor that it reads or writes, at most.
 */
#define EXEC_INSTR_BYTES  160u
#define EXEC_TENSOR_BYTES 128u
#define PAGE              ((size_t)4096)
/* The smallest budget leaves this much for another process's pages to fall differently. */
#define SMALLEST_SLACK ((size_t)64 << 10)

typedef struct candidate {
    int64_t n_micro;
    snug_persistent persistent;
    snug_built train, eval;
    size_t arena_bytes;
} candidate;

static void candidate_free(candidate *c)
{
    snug_built_free(&c->train);
    snug_built_free(&c->eval);
    snug_persistent_free(&c->persistent);
}

static snug_plan_config plan_config(const snug_trainer *t, int64_t n_micro)
{
    const snug_recipe *r = t->recipe;
    return (snug_plan_config){
        .batch = r->train.batch,
        .leaves = t->report.leaves,
        .n_micro = n_micro,
        .threads = snug_context_threads(t->ctx),
        .device = &t->device,
    };
}

static snug_status fill_candidate(snug_trainer *t, candidate *c)
{
    const snug_plan_config config = plan_config(t, c->n_micro);
    TRY(snug_build(&t->model, t->recipe, USE_TRAIN, &config, &c->persistent, &c->train));
    TRY(snug_build(&t->model, NULL, USE_EVAL, &config, &c->persistent, &c->eval));
    snug_plan *const plans[] = {c->train.plan, c->eval.plan};
    c->arena_bytes = snug_arena_size(&c->persistent, 2, plans);
    return SNUG_OK;
}

static snug_status candidate_build(snug_trainer *t, int64_t n_micro, candidate *out)
{
    candidate c = {.n_micro = n_micro};
    snug_status s = fill_candidate(t, &c);
    if (s != SNUG_OK) {
        candidate_free(&c);
        TRY(s);
    }
    *out = c;
    return SNUG_OK;
}

/* Best weights of a run without files are kept in memory. */
static size_t best_bytes(const snug_trainer *t, const snug_persistent *p)
{
    size_t sum = 0;
    if (!t->config.no_files || t->recipe->train.patience == 0) return 0;
    for (int32_t i = 0; i < p->n; i++)
        if (p->entry[i].role != SNUG_ROLE_STATE) sum += snug_type_bytes(&p->entry[i].type);
    return sum;
}

static size_t exec_bytes(const snug_plan *p)
{
    size_t sum = 0;
    for (int32_t i = 0; i < p->program.n_instr; i++) {
        const snug_node *n = p->program.instr[i].node;
        sum += EXEC_INSTR_BYTES + (n ? (size_t)(n->n_in + n->n_out) * EXEC_TENSOR_BYTES : 0);
    }
    return sum;
}

/* Everything but the arena. */
static size_t fixed_bytes(const snug_trainer *t, const candidate *c)
{
    size_t heap = 0;
    for (int tag = 0; tag < N_TAGS; tag++) heap += snug_tag_bytes((snug_tag)tag);
    const size_t parts = (size_t)snug_os_code_bytes() + LIBRARY_BYTES + heap + heap / 16 +
                         snug_pool_bytes(snug_context_threads(t->ctx));
    const size_t now = (size_t)snug_os_rss();
    const size_t coming =
        snug_thread_bytes() + HEAP_RESERVE + (size_t)c->persistent.n * TENSOR_RESERVE +
        strlen(snug_dataset_spec(t->data)) * SPEC_COPIES + exec_bytes(c->train.plan) +
        exec_bytes(c->eval.plan) + best_bytes(t, &c->persistent);
    return snug_round_up((now > parts ? now : parts) + coming, PAGE);
}

/* What the search has found. */
typedef struct search {
    int64_t first, last;         /* micro-batches that may be tried */
    int64_t chosen;              /* 0: none fits */
    size_t budget, fixed, floor; /* floor: the peak that this process has already had */
    size_t arena[16];            /* by log2 of micro-batches */
    double seconds[16];
    bool batch_stats;
} search;

static int log2_of(int64_t n)
{
    int k = 0;
    while (n > 1) n >>= 1, k++;
    return k;
}

static size_t peak_of(const search *s, int64_t n_micro)
{
    const size_t peak = s->fixed + s->arena[log2_of(n_micro)];
    return peak > s->floor ? peak : s->floor;
}

/* Plan every permitted number of micro-batches; the last one stays built in *c. */
static snug_status try_all(snug_trainer *t, search *s, candidate *c)
{
    for (int64_t m = s->first; m <= s->last; m *= 2) {
        if (m > s->first) candidate_free(c);
        *c = (candidate){0};
        TRY(candidate_build(t, m, c));
        s->arena[log2_of(m)] = c->arena_bytes;
        s->seconds[log2_of(m)] = c->train.plan->seconds;
        s->batch_stats = snug_built_batch_stats(&c->train);
        const bool consent = t->recipe->train.allow_batch_norm_micro;
        if (s->batch_stats && !consent && t->recipe->train.micro_batches == 0) s->last = 1;
    }
    snug_os_trim(); /* what the search has freed is no part of what is needed */
    s->fixed = fixed_bytes(t, c);
    return SNUG_OK;
}

/* Batch norm's statistics are taken over a micro-batch: by consent only. */
static bool needs_consent(const snug_trainer *t, const search *s)
{
    return s->batch_stats && s->first > 1 && !t->recipe->train.allow_batch_norm_micro;
}

static void choose(const snug_trainer *t, search *s)
{
    if (needs_consent(t, s)) return;
    for (int64_t m = s->first; m <= s->last && s->chosen == 0; m *= 2)
        if (peak_of(s, m) <= s->budget) s->chosen = m;
}

/* Micro-batches that need least memory; the fewest of equals. */
static int64_t least(const search *s)
{
    int64_t best = s->first;
    for (int64_t m = s->first; m <= s->last; m *= 2)
        if (peak_of(s, m) < peak_of(s, best)) best = m;
    return best;
}

/* The arena and the process, by owner; whatever has no owner of its own is code and heap. */
static void fill_owners(snug_trainer *t, const candidate *c)
{
    snug_plan_report *r = &t->report;
    snug_plan_owners *o = &r->by_owner;
    const snug_plan *larger = c->train.plan->transient_bytes >= c->eval.plan->transient_bytes
                                  ? c->train.plan
                                  : c->eval.plan;
    for (int32_t i = 0; i < c->persistent.n; i++) {
        const snug_persistent_entry *e = &c->persistent.entry[i];
        const size_t bytes = snug_type_bytes(&e->type);
        *(e->role == SNUG_ROLE_STATE ? &o->optimizer : &o->parameters) += bytes;
        if (e->role == SNUG_ROLE_PARAM) r->parameters += snug_shape_elements(&e->type.shape);
    }
    o->gradients = larger->owner_bytes[OWNER_GRADIENTS];
    o->scratch = larger->owner_bytes[OWNER_SCRATCH];
    o->data = larger->owner_bytes[OWNER_DATA] + SNUG_STREAM_SLOTS * larger->stream_slot_bytes;
    o->communication = larger->owner_bytes[OWNER_COMMUNICATION];
    o->activations = c->arena_bytes - o->parameters - o->optimizer - o->gradients - o->scratch -
                     o->data - o->communication;
    o->data += t->info->resident_bytes;
    o->code = r->peak_bytes - c->arena_bytes - t->info->resident_bytes;
}

static void add_choice(snug_trainer *t, const search *s, int64_t n_micro)
{
    snug_plan_report *r = &t->report;
    const int i = r->n_choices++;
    const bool asked = t->recipe->train.micro_batches != 0;
    char one[32], budget[32];
    snprintf(t->choice_name[i], sizeof t->choice_name[i], "micro_batches=%" PRId64, n_micro);
    if (asked)
        snprintf(t->choice_why[i], sizeof t->choice_why[i], "train.micro_batches asks for it");
    else
        snprintf(t->choice_why[i], sizeof t->choice_why[i],
                 "the whole batch at once needs %s, the budget is %s",
                 snug_format_size((double)peak_of(s, 1), one, sizeof one),
                 snug_format_size((double)s->budget, budget, sizeof budget));
    r->choices[i] = (snug_plan_choice){
        .name = t->choice_name[i], .why = t->choice_why[i], .same_bits = !s->batch_stats};
    if (s->first > 1) return; /* nothing was planned to compare with */
    r->choices[i].bytes_saved = (int64_t)s->arena[0] - (int64_t)s->arena[log2_of(n_micro)];
    r->choices[i].seconds_added = s->seconds[log2_of(n_micro)] - s->seconds[0];
}

/* Why no plan fits, and what would help. */
static void say_problem(snug_trainer *t, const search *s)
{
    char need[32], have[32];
    const bool micro_helps = s->batch_stats && s->last == 1 && t->report.leaves > 1;
    t->report.problem = t->problem;
    if (needs_consent(t, s)) {
        snprintf(t->problem, sizeof t->problem,
                 "train.micro_batches %" PRId64 " would change the model's batch norm, whose "
                 "statistics are taken over a micro-batch; set train.allow_batch_norm_micro=true "
                 "if that is wanted",
                 s->first);
        return;
    }
    snug_format_size((double)t->report.smallest_budget_bytes, need, sizeof need);
    snug_format_size((double)s->budget, have, sizeof have);
    snprintf(t->problem, sizeof t->problem,
             "this recipe needs at least %s and %s is %s; %sgive it more memory, a smaller "
             "train.batch or a smaller model",
             need, t->recipe->budget.memory ? "the budget" : "this machine's memory", have,
             micro_helps ? "micro-batches would need less but change batch norm's statistics "
                           "(train.allow_batch_norm_micro=true consents); or "
                         : "");
}

static void fill_report(snug_trainer *t, const search *s, const candidate *c)
{
    snug_plan_report *r = &t->report;
    r->feasible = s->chosen != 0;
    r->micro_batches = c->n_micro;
    r->peak_bytes = peak_of(s, c->n_micro);
    r->arena_bytes = c->arena_bytes;
    r->fixed_bytes = r->peak_bytes - r->arena_bytes;
    r->smallest_budget_bytes = snug_round_up(peak_of(s, least(s)) + SMALLEST_SLACK, PAGE);
    fill_owners(t, c);
    r->step_seconds = s->seconds[log2_of(c->n_micro)];
    r->flops_per_step = c->train.plan->flops;
    r->n_nodes = c->train.graph->n_nodes;
    r->n_fallbacks = c->train.plan->n_fallbacks;
    r->threads = snug_context_threads(t->ctx);
    r->tier = snug_tier_name(snug_context_tier(t->ctx));
    r->model = t->model_name;
    if (!r->feasible)
        say_problem(t, s);
    else if (c->n_micro > 1)
        add_choice(t, s, c->n_micro);
}

/* Plan all and leave the chosen one built, or the one that needs least when none fits. */
static snug_status find_plan(snug_trainer *t, search *s, candidate *c)
{
    TRY(try_all(t, s, c));
    choose(t, s);
    const int64_t m = s->chosen ? s->chosen : least(s);
    if (c->n_micro == m) return SNUG_OK;
    candidate_free(c);
    return candidate_build(t, m, c);
}

/* Time the ways of the kernels of the plan that was found, and plan again. */
static snug_status tune(snug_trainer *t, search *s, candidate *c)
{
    const snug_recipe *r = t->recipe;
    const bool given = r->train.kernels && r->train.kernels[0];
    if (!r->train.tune_kernels || given || !s->chosen) return SNUG_OK;
    TRY(snug_trainer_tune(t, c->train.plan));
    candidate_free(c);
    *c = (candidate){0};
    s->chosen = 0;
    s->floor = (size_t)snug_os_peak_rss();
    return find_plan(t, s, c);
}

static void settle_on(snug_trainer *t, const search *s, candidate *c)
{
    fill_report(t, s, c);
    t->persistent = c->persistent;
    t->train = c->train;
    t->eval = c->eval;
    *c = (candidate){0};
}

snug_status snug_trainer_make_plan(snug_trainer *t)
{
    const snug_recipe *r = t->recipe;
    const int64_t fixed = r->train.micro_batches;
    t->report.batch = r->train.batch;
    t->report.leaves = r->train.leaves ? r->train.leaves : snug_default_leaves(r->train.batch);
    CHECK(fixed <= t->report.leaves, SNUG_EINVAL,
          "train.micro_batches %" PRId64 " is more than the %" PRId64 " leaves of a batch of "
          "%" PRId64 "; use %" PRId64 " or fewer, or set train.leaves",
          fixed, t->report.leaves, r->train.batch, t->report.leaves);
    search s = {.first = fixed ? fixed : 1,
                .last = fixed ? fixed : t->report.leaves,
                .budget = r->budget.memory ? (size_t)r->budget.memory : (size_t)snug_os_memory(),
                .floor = (size_t)snug_os_peak_rss()};
    candidate c = {0};
    snug_status status = find_plan(t, &s, &c);
    if (status == SNUG_OK) status = tune(t, &s, &c);
    if (status == SNUG_OK) settle_on(t, &s, &c);
    candidate_free(&c);
    return status;
}
