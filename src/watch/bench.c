/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of training steps: a workload trains on noise of its usual shape through the very
 * trainer, executor and loader that training uses, and is timed from one step's end to the next.
 *
 * Steps are gathered in windows. A window in which the hypervisor took CPU time is left out; at the
 * end of each a few pulses of multiply-adds tell what the machine gives at that moment, because
 * cores of a shared machine change their speed by half from one second to the next.
 */
#include "base/context.h"
#include "train/trainer.h"
#include "watch/bench_ops.h"
#include "watch/probe.h"
#include <snug/machine.h>
#include <snug/train.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Images [h, w, c] of so many classes; with w 0, series of h steps of c channels; with c 0 too,
 * windows of h tokens of so many. Without classes samples are reconstructed. */
typedef struct workload {
    const char *name, *model, *optimizer;
    int64_t batch, h, w, c, classes;
    const char *freeze; /* as recipes have it */
} workload;

static const workload workloads[] = {
    {"mlp", "mlp", "adam", 64, 28, 28, 1, 10, "0"},
    {"lenet", "lenet", "momentum", 64, 28, 28, 1, 10, "0"},
    {"cnn", "cnn", "adam", 64, 28, 28, 1, 10, "0"},
    {"linear", "linear", "momentum", 64, 28, 28, 1, 10, "0"},
    {"resnet8", "resnet8", "adam", 32, 32, 32, 3, 10, "0"},
    /* a new head on what was trained before */
    {"mobilenetv2-head", "mobilenetv2", "momentum", 16, 96, 96, 3, 10, "-2"},
    {"resnet18", "resnet18", "momentum", 32, 32, 32, 3, 10, "0"},
    {"dscnn", "dscnn", "adam", 32, 49, 10, 1, 12, "0"},
    {"mobilenetv1-0.25", "mobilenetv1:width=0.25", "momentum", 32, 96, 96, 3, 2, "0"},
    {"mobilenetv2", "mobilenetv2", "momentum", 16, 96, 96, 3, 10, "0"},
    {"autoencoder", "autoencoder", "adam", 512, 1, 0, 640, 0, "0"},
    {"lstm", "lstm", "adam", 32, 64, 0, 16, 10, "0"},
    {"gru", "gru", "adam", 32, 64, 0, 16, 10, "0"},
    {"tcn", "tcn", "adam", 64, 140, 0, 1, 5, "0"},
    {"fcn", "fcn", "adam", 64, 140, 0, 1, 5, "0"},
    {"gpt", "gpt", "adamw", 12, 64, 0, 0, 65, "0"},
    {"llama", "llama", "adamw", 12, 64, 0, 0, 65, "0"},
    {"gpt2", "gpt2", "adamw", 4, 64, 0, 0, 50257, "0"},
    {"gpt2-256", "gpt2", "adamw", 1, 256, 0, 0, 50257, "0"},
};
enum { N_WORKLOADS = sizeof workloads / sizeof workloads[0] };

enum { MAX_STEPS = 1 << 15, MAX_PULSES = 1024, WARM_STEPS = 3, PULSES = 8, LATENCY_RUNS = 400 };
static const double WINDOW_SECONDS = 0.1, LATENCY_SECONDS = 0.3;
/* How much longer than asked to go on when every window was disturbed. */
static const double PATIENCE = 3.0;

typedef struct samples {
    double *v;
    int64_t n;
} samples;

typedef struct meter {
    snug_context *ctx;
    const snug_bench_config *config;
    const snug_trainer *trainer;
    snug_status status;
    double first_step_began, first_step, last, window_began, steal, measured_from, seconds;
    int64_t seen, dropped;
    samples window, clean, stolen, pulses;
    int n_losses;
    double losses[SNUG_BENCH_LOSSES], loss_sum;
} meter;

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(samples *s)
{
    if (s->n == 0) return 0;
    qsort(s->v, (size_t)s->n, sizeof *s->v, ascending);
    return s->n % 2 ? s->v[s->n / 2] : 0.5 * (s->v[s->n / 2 - 1] + s->v[s->n / 2]);
}

static void add(samples *s, int64_t most, double v)
{
    if (s->n < most) s->v[s->n++] = v;
}

static void move(samples *to, samples *from)
{
    for (int64_t i = 0; i < from->n; i++) add(to, MAX_STEPS, from->v[i]);
    from->n = 0;
}

static void begin_window(meter *m)
{
    m->steal = snug_os_steal_seconds();
    m->window_began = m->last = snug_now();
}

static void end_window(meter *m)
{
    bool disturbed = snug_os_steal_seconds() > m->steal;
    m->dropped += disturbed;
    move(disturbed ? &m->stolen : &m->clean, &m->window);
    add(&m->pulses, MAX_PULSES, snug_pulse_best(m->ctx, PULSES));
    double spent = snug_now() - m->measured_from;
    if (spent < m->seconds || (m->clean.n == 0 && spent < PATIENCE * m->seconds)) return;
    if (m->config->each_op)
        m->status =
            snug_bench_ops(m->trainer->train_exec, m->trainer->train.plan, m->config, "train");
    snug_context_interrupt(m->ctx);
}

/* At every power of two the mean over the steps since the one before. */
static void add_loss(meter *m, double loss)
{
    const int64_t since = m->seen == 1 ? 1 : m->seen / 2;
    m->loss_sum += loss;
    if ((m->seen & (m->seen - 1)) != 0 || m->n_losses == SNUG_BENCH_LOSSES) return;
    m->losses[m->n_losses++] = m->loss_sum / (double)since;
    m->loss_sum = 0;
}

static void on_step(void *arg, int64_t step, int64_t n_steps, double loss, double rate)
{
    meter *m = arg;
    double now = snug_now();
    (void)step, (void)n_steps, (void)rate;
    if (m->seen++ == 0) {
        m->first_step = snug_os_process_seconds();
        m->first_step_began = m->first_step - m->trainer->progress.train_seconds;
    }
    add_loss(m, loss);
    if (m->seen == WARM_STEPS) {
        if (m->config->each_op) snug_exec_profile(m->trainer->train_exec, true);
        m->measured_from = now;
        begin_window(m);
    }
    if (m->seen <= WARM_STEPS) return;
    add(&m->window, MAX_STEPS, now - m->last);
    m->last = now;
    if (now - m->window_began < WINDOW_SECONDS) return;
    end_window(m);
    begin_window(m);
}

static snug_status meter_create(snug_context *ctx, const snug_bench_config *config, meter *m)
{
    *m = (meter){
        .ctx = ctx, .config = config, .seconds = config->seconds > 0 ? config->seconds : 2.0};
    double *block = snug_alloc_array(TAG_TRAIN, 3 * MAX_STEPS + MAX_PULSES, sizeof *block);
    CHECK(block, SNUG_ENOMEM, "out of memory for the times of %d steps", MAX_STEPS);
    m->window.v = block;
    m->clean.v = block + MAX_STEPS;
    m->stolen.v = block + 2 * MAX_STEPS;
    m->pulses.v = block + 3 * MAX_STEPS;
    return SNUG_OK;
}

/* ---- the training ---- */

static snug_status set_int(snug_recipe *r, const char *key, int64_t v)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, v);
    return snug_recipe_set(r, key, text);
}

static void write_data(const workload *w, int64_t batch, char *text, size_t bytes)
{
    /* a few batches, which a model comes to know by heart: that it learns shows in its losses */
    int64_t n = 8 * batch > 64 ? 8 * batch : 64;
    if (w->classes == 0)
        snprintf(text, bytes, "noise:steps=%" PRId64 ",c=%" PRId64 ",n=%" PRId64, w->h, w->c, n);
    else if (w->w == 0 && w->c > 0)
        snprintf(text, bytes,
                 "noise:steps=%" PRId64 ",c=%" PRId64 ",classes=%" PRId64 ",n=%" PRId64, w->h, w->c,
                 w->classes, n);
    else if (w->w > 0)
        snprintf(text, bytes,
                 "noise:h=%" PRId64 ",w=%" PRId64 ",c=%" PRId64 ",classes=%" PRId64 ",n=%" PRId64,
                 w->h, w->w, w->c, w->classes, n);
    else
        snprintf(text, bytes, "noise:tokens=%" PRId64 ",n=%" PRId64, w->classes, n * w->h);
}

static snug_status fill_recipe(snug_recipe *r, const workload *w, const snug_bench_config *config)
{
    char data[128];
    int64_t batch = config->batch > 0 ? config->batch : w->batch;
    write_data(w, batch, data, sizeof data);
    if (w->c == 0) TRY(set_int(r, "data.context", w->h));
    TRY(snug_recipe_set(r, "data.path", data));
    if (w->classes == 0) TRY(snug_recipe_set(r, "data.task", "reconstruct"));
    TRY(snug_recipe_set(r, "model", w->model));
    TRY(snug_recipe_set(r, "train.optimizer",
                        config->optimizer ? config->optimizer : w->optimizer));
    TRY(set_int(r, "train.batch", batch));
    TRY(set_int(r, "train.leaves", config->leaves));
    TRY(snug_recipe_set(r, "train.freeze", w->freeze));
    if (config->learning_rate)
        TRY(snug_recipe_set(r, "train.learning_rate", config->learning_rate));
    return snug_recipe_set(r, "train.epochs", "1000000");
}

/* Train until the meter has enough. */
static snug_status train(snug_trainer *t)
{
    snug_train_result result;
    snug_status status = snug_trainer_run(t, &result);
    atomic_store(&t->ctx->interrupted, false);
    if (status != SNUG_EINTERRUPTED) return status;
    snug_error_clear();
    return SNUG_OK;
}

static snug_status train_with(snug_context *ctx, const snug_recipe *r, meter *m,
                              snug_bench_result *out)
{
    const snug_train_config how = {.on_progress = on_step, .arg = m, .no_files = true};
    snug_trainer *t = NULL;
    TRY(snug_trainer_create(ctx, r, &how, &t));
    m->trainer = t;
    out->gflops = snug_trainer_plan(t)->flops_per_step * 1e-9; /* of one step, so far */
    out->planned_step_seconds = snug_trainer_plan(t)->step_seconds;
    snug_status status = train(t);
    if (status == SNUG_OK) status = m->status;
    snug_trainer_destroy(t);
    out->peak_bytes = snug_os_peak_rss();
    return status;
}

static snug_status measure_training(snug_context *ctx, const workload *w,
                                    const snug_bench_config *config, meter *m,
                                    snug_bench_result *out)
{
    snug_recipe *r = NULL;
    TRY(snug_recipe_create(&r));
    snug_status status = fill_recipe(r, w, config);
    if (status == SNUG_OK) status = train_with(ctx, r, m, out);
    snug_recipe_destroy(r);
    TRY(status);
    samples *kept = m->clean.n > 0 ? &m->clean : &m->stolen;
    CHECK(kept->n > 0, SNUG_EINVAL, "no step ended within the time to measure; give it more");
    out->batch = config->batch > 0 ? config->batch : w->batch;
    out->steps = kept->n;
    out->windows_dropped = m->dropped;
    out->step_seconds = median(kept);
    out->step_seconds_min = kept->v[0];
    out->samples_per_s = (double)out->batch / out->step_seconds;
    out->gflops /= out->step_seconds;
    out->pulse_gflops = median(&m->pulses);
    out->fraction_of_peak = out->gflops / out->pulse_gflops;
    out->first_step_began_s = m->first_step_began;
    out->first_step_s = m->first_step;
    out->n_losses = m->n_losses;
    memcpy(out->losses, m->losses, sizeof m->losses);
    return SNUG_OK;
}

/* ---- inference of one sample ---- */

typedef struct inference {
    snug_device device;
    snug_layer_list *layers;
    snug_persistent persistent;
    snug_built built;
    snug_arena arena;
    snug_exec *exec;
} inference;

static snug_status inference_open(snug_context *ctx, const workload *w, inference *f)
{
    const int64_t image[] = {w->h, w->w, w->c}, series[] = {w->h, w->c};
    const int64_t classes = w->classes, text[] = {w->h, w->classes};
    TRY(snug_device_find("cpu")->open(ctx, 0, &f->device));
    TRY(snug_layers_from_zoo(w->model, &f->layers));
    snug_model_shape model = {.layers = f->layers,
                              .sample = {.shape = snug_shape_make(3, image), .dtype = SNUG_F32},
                              .outputs = snug_shape_make(1, &classes),
                              .target = SNUG_TARGET_CLASS};
    if (w->w == 0) model.sample.shape = snug_shape_make(2, series);
    if (w->classes == 0) {
        model.outputs = model.sample.shape;
        model.target = SNUG_TARGET_SELF;
    }
    if (w->c == 0) {
        model.sample = (snug_type){.shape = snug_shape_make(1, text), .dtype = SNUG_I32};
        model.outputs = snug_shape_make(2, text);
        model.target = SNUG_TARGET_TOKENS;
    }
    const snug_plan_config config = {.batch = 1,
                                     .leaves = 1,
                                     .n_micro = 1,
                                     .threads = snug_context_threads(ctx),
                                     .device = &f->device};
    TRY(snug_build(&model, NULL, USE_PREDICT, &config, &f->persistent, &f->built));
    TRY(snug_arena_create(&f->persistent, 1, &f->built.plan, &f->arena));
    snug_arena_init(&f->arena, 1);
    return snug_exec_create(ctx, f->built.plan, &f->arena, 0, NULL, &f->exec);
}

static void inference_close(inference *f)
{
    snug_exec_destroy(f->exec);
    snug_arena_destroy(&f->arena);
    snug_built_free(&f->built);
    snug_persistent_free(&f->persistent);
    snug_layers_free(f->layers);
    if (f->device.driver) f->device.driver->close(&f->device);
}

static snug_status time_inference(inference *f, bool profiled, samples *times)
{
    const snug_exec_step step = {.n = 1};
    double until = snug_now() + LATENCY_SECONDS;
    TRY(snug_exec_run(f->exec, &step, NULL));
    snug_exec_profile(f->exec, profiled);
    times->n = 0;
    for (int i = 0; i < LATENCY_RUNS && (i < 3 || snug_now() < until); i++) {
        double began = snug_now();
        TRY(snug_exec_run(f->exec, &step, NULL));
        add(times, MAX_STEPS, snug_now() - began);
    }
    return SNUG_OK;
}

static snug_status measure_latency(snug_context *ctx, const workload *w,
                                   const snug_bench_config *config, meter *m,
                                   snug_bench_result *out)
{
    inference f = {0};
    snug_status status = inference_open(ctx, w, &f);
    if (status == SNUG_OK) status = time_inference(&f, config->each_op != NULL, &m->window);
    if (status == SNUG_OK && config->each_op)
        status = snug_bench_ops(f.exec, f.built.plan, config, "predict");
    inference_close(&f);
    TRY(status);
    out->latency_batch1_s = median(&m->window);
    return SNUG_OK;
}

/* ---- */

static snug_status find_workload(const char *name, const workload **out)
{
    const char *names[N_WORKLOADS];
    for (int i = 0; i < N_WORKLOADS; i++) {
        names[i] = workloads[i].name;
        if (strcmp(name, names[i]) == 0) {
            *out = &workloads[i];
            return SNUG_OK;
        }
    }
    int near = snug_nearest(name, N_WORKLOADS, names);
    CHECK(near < 0, SNUG_EINVAL, "there is no workload '%s'; did you mean '%s'?", name,
          names[near]);
    snug_str all = {0};
    for (int i = 0; i < N_WORKLOADS; i++) snug_str_printf(&all, "%s, ", names[i]);
    snug_status s = FAIL(SNUG_EINVAL, "there is no workload '%s'; there are %sand kernels", name,
                         all.text ? all.text : "");
    snug_str_free(&all);
    return s;
}

snug_status snug_bench_run(snug_context *ctx, const snug_bench_config *config,
                           snug_bench_result *out)
{
    const workload *w = NULL;
    TRY(find_workload(config->workload, &w));
    meter m;
    TRY(meter_create(ctx, config, &m));
    snug_bench_result r = {0};
    snprintf(r.workload, sizeof r.workload, "%s", w->name);
    snug_status status = measure_training(ctx, w, config, &m, &r);
    if (status == SNUG_OK) status = measure_latency(ctx, w, config, &m, &r);
    snug_free(m.window.v);
    TRY(status);
    *out = r;
    return SNUG_OK;
}
