/* SPDX-License-Identifier: Apache-2.0 */
/* Connectionist temporal classification (Graves et al. 2006). A sample has log-probabilities
 * x [T, C] of which the first `frames` count, and a target of `length` labels. With l the target
 * with a blank before, between and after its labels, S = 2 length + 1:
 *     alpha[t][s] = x[t][l[s]] + log(e^alpha[t-1][s] + e^alpha[t-1][s-1] + e^alpha[t-1][s-2])
 * the last term only where l[s] is neither blank nor l[s-2]; the loss of the sample is
 *     -log p,  p = e^alpha[frames-1][S-1] + e^alpha[frames-1][S-2],
 * divided by its length (1 at least), and the loss the mean over the samples of the step's batch.
 * beta is alpha walked backwards. The slope is minus the share of the paths that pass there:
 *     dx[t][c] = -sum over s with l[s] = c of e^(alpha[t][s] + beta[t][s] - x[t][c] - log p). */
#include "ops/cases.h"
#include "ops/leaf_sum.h"
#include <math.h>

static const snug_attr attrs[] = {
    ATTR_INT(snug_ctc_attrs, blank, 0, MAX_EXTENT, 0, "class that stands for no label"),
    ATTR_BOOL(snug_ctc_attrs, zero_infinity,
              "samples that no path fits count 0 (else their loss is infinite)"),
    {0}};

enum { LOG_PROBS, TARGETS, FRAMES, LENGTHS, DLOSS };

/* ---- types ------------------------------------------------------------------------------------
 */

static snug_status check_samples(const snug_infer *f)
{
    const snug_shape *x = &f->in[LOG_PROBS].shape;
    const snug_ctc_attrs *a = f->attrs;
    char text[SNUG_SHAPE_TEXT], other[SNUG_SHAPE_TEXT];
    TRY(snug_infer_float(f, LOG_PROBS, -1));
    TRY(snug_infer_rank(f, LOG_PROBS, 3, "[N, T, C]"));
    for (int i = TARGETS; i <= LENGTHS; i++) {
        const snug_shape *s = &f->in[i].shape;
        CHECK(f->in[i].dtype == SNUG_I32 && s->n_dims == (i == TARGETS ? 2 : 1) &&
                  s->dim[0] == x->dim[0] && s->kind[0] == x->kind[0],
              SNUG_ESHAPE, "'%s': input %d is %s %s, but must be i32 %s for log-probabilities %s",
              f->name, i, snug_dtype_get(f->in[i].dtype)->name,
              snug_shape_text(s, other, sizeof other), i == TARGETS ? "[N, S]" : "[N]",
              snug_shape_text(x, text, sizeof text));
    }
    CHECK(a->blank < x->dim[2], SNUG_EINVAL,
          "'%s': the blank is class %" PRId64
          ", but log-probabilities %s (targets %s) have no such "
          "class",
          f->name, a->blank, snug_shape_text(x, text, sizeof text),
          snug_shape_text(&f->in[TARGETS].shape, other, sizeof other));
    CHECK(f->in[TARGETS].shape.dim[1] < MAX_EXTENT / 4, SNUG_ESHAPE,
          "'%s': targets %s of log-probabilities %s are too long", f->name,
          snug_shape_text(&f->in[TARGETS].shape, other, sizeof other),
          snug_shape_text(x, text, sizeof text));
    return SNUG_OK;
}

static snug_status ctc_shape(snug_infer *f)
{
    TRY(check_samples(f));
    f->out[0] = (snug_type){.shape = snug_shape_scalar(),
                            .dtype = f->in[0].dtype == SNUG_F64 ? SNUG_F64 : SNUG_F32};
    return SNUG_OK;
}

static snug_status ctc_grad_shape(snug_infer *f)
{
    TRY(check_samples(f));
    TRY(snug_infer_scalar(f, DLOSS));
    f->out[0] = f->in[0];
    return SNUG_OK;
}

static int ctc_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    if (!snug_shape_has_batch(&s->in[0].shape)) return 0; /* the mean's divisor is the length */
    for (int i = LOG_PROBS; i <= LENGTHS; i++) n = snug_use_axis(u, n, 0, -1, i, 0);
    return n;
}

static int ctc_grad_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    if (!snug_shape_has_batch(&s->in[0].shape)) return 0;
    for (int i = LOG_PROBS; i <= LENGTHS; i++) n = snug_use_batch(s, u, n, 0, i);
    return n;
}

static snug_status ctc_gradient(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_value *in[] = {g->in[0], g->in[1], g->in[2], g->in[3], g->dout[0]};
    return snug_apply_all(g->graph, &snug_op_ctc_grad, NULL, g->attrs, 5, in, &g->din[0]);
}

/* Every state of every frame is reached from three. */
static snug_cost ctc_cost(const snug_sig *s)
{
    const snug_shape *x = &s->in[LOG_PROBS].shape;
    double states = 2 * (double)s->in[TARGETS].shape.dim[1] + 1;
    return snug_cost_of(s, 30 * (double)x->dim[0] * (double)x->dim[1] * states);
}

/* alpha of every frame, and two rows of beta. */
static size_t ctc_scratch(const snug_sig *s)
{
    size_t states = 2 * (size_t)s->in[TARGETS].shape.dim[1] + 1;
    return ((size_t)s->in[LOG_PROBS].shape.dim[1] + 2) * states * sizeof(double);
}

/* ---- one sample -------------------------------------------------------------------------------
 */

typedef struct sample {
    const snug_call *c;
    int64_t n, frames, length, states; /* which, and its sizes */
    int64_t n_frames, n_classes, blank;
    bool possible; /* every label is a class */
    double *alpha; /* [frames][states] */
} sample;

static int64_t clamped(const snug_tensor *t, int64_t i, int64_t most)
{
    int64_t v = (int64_t)snug_load(t, i);
    return v < 0 ? 0 : v < most ? v : most;
}

/* Label of state s: blanks at even places. */
static int64_t label_at(const sample *k, int64_t s)
{
    int64_t row = k->n * k->c->in[TARGETS].type.shape.dim[1];
    return s % 2 ? (int64_t)snug_load(&k->c->in[TARGETS], row + s / 2) : k->blank;
}

static sample sample_of(const snug_call *c, int64_t n)
{
    const snug_ctc_attrs *a = c->attrs;
    const snug_shape *x = &c->in[LOG_PROBS].type.shape;
    sample k = {.c = c, .n = n, .n_frames = x->dim[1], .n_classes = x->dim[2], .blank = a->blank};
    k.frames = clamped(&c->in[FRAMES], n, k.n_frames);
    k.length = clamped(&c->in[LENGTHS], n, c->in[TARGETS].type.shape.dim[1]);
    k.states = 2 * k.length + 1;
    k.alpha = c->scratch;
    k.possible = true;
    for (int64_t s = 1; s < k.states; s += 2)
        k.possible = k.possible && label_at(&k, s) >= 0 && label_at(&k, s) < k.n_classes;
    return k;
}

static int64_t place(const sample *k, int64_t t, int64_t class)
{
    return (k->n * k->n_frames + t) * k->n_classes + class;
}

static double log_prob(const sample *k, int64_t t, int64_t s)
{
    return snug_load(&k->c->in[LOG_PROBS], place(k, t, label_at(k, s)));
}

/* log(e^a + e^b) */
static double log_add(double a, double b)
{
    double most = a > b ? a : b, least = a > b ? b : a;
    return most == -INFINITY ? most : most + log1p(exp(least - most));
}

/* Whether a path may go from state s - 2 to s without the blank between. */
static bool may_skip(const sample *k, int64_t s)
{
    return s >= 2 && label_at(k, s) != k->blank && label_at(k, s) != label_at(k, s - 2);
}

static void forward(const sample *k)
{
    for (int64_t s = 0; s < k->states && k->frames > 0; s++)
        k->alpha[s] = s < 2 ? log_prob(k, 0, s) : -INFINITY;
    for (int64_t t = 1; t < k->frames; t++) {
        const double *before = k->alpha + (t - 1) * k->states;
        for (int64_t s = 0; s < k->states; s++) {
            double sum = before[s];
            if (s >= 1) sum = log_add(sum, before[s - 1]);
            if (may_skip(k, s)) sum = log_add(sum, before[s - 2]);
            k->alpha[t * k->states + s] = sum + log_prob(k, t, s);
        }
    }
}

/* log p of the target, after forward. */
static double log_likelihood(const sample *k)
{
    if (!k->possible) return -INFINITY;
    if (k->frames == 0) return k->length == 0 ? 0 : -INFINITY;
    const double *last = k->alpha + (k->frames - 1) * k->states;
    double p = last[k->states - 1];
    return k->states > 1 ? log_add(p, last[k->states - 2]) : p;
}

/* log p of a sample, with alpha left in scratch. */
static double run_forward(const sample *k)
{
    if (k->possible) forward(k);
    return log_likelihood(k);
}

static double weight_of(const sample *k)
{
    return 1 / (double)(k->length > 1 ? k->length : 1);
}

static bool counts(const sample *k, double log_p)
{
    return log_p != -INFINITY || !((const snug_ctc_attrs *)k->c->attrs)->zero_infinity;
}

/* ---- loss -------------------------------------------------------------------------------------
 */

typedef struct losses {
    const snug_call *c;
    const leaf_rows *samples;
} losses;

static double loss_partial(const void *arg, int64_t begin, int64_t end)
{
    const losses *l = arg;
    double sum = 0;
    for (int64_t n = begin; n < end; n++) {
        sample k = sample_of(l->c, n);
        double log_p = run_forward(&k);
        if (counts(&k, log_p)) sum -= log_p * weight_of(&k);
    }
    return begin < end ? sum / leaf_rows_step(l->samples) : 0;
}

static void ctc_ref(const snug_call *c)
{
    leaf_rows samples = leaf_rows_of(c, &c->in[LOG_PROBS].type.shape, 1);
    losses l = {.c = c, .samples = &samples};
    snug_store(&c->out[0], 0, leaf_sum(&samples, c->out[0].type.dtype, loss_partial, &l));
}

/* ---- gradient ---------------------------------------------------------------------------------
 */

/* beta of frame t from that of t + 1; `after` NULL: of the last frame. */
static void backward_frame(const sample *k, int64_t t, const double *after, double *beta)
{
    for (int64_t s = 0; s < k->states; s++) {
        double sum = s + 2 >= k->states ? 0 : -INFINITY; /* where a path may end */
        if (after) {
            sum = after[s];
            if (s + 1 < k->states) sum = log_add(sum, after[s + 1]);
            if (s + 2 < k->states && may_skip(k, s + 2)) sum = log_add(sum, after[s + 2]);
        }
        beta[s] = sum + log_prob(k, t, s);
    }
}

/* The share of paths that are in state s at frame t. */
static double share_of(const sample *k, int64_t t, int64_t s, double beta, double log_p)
{
    double both = k->alpha[t * k->states + s] + beta;
    return both == -INFINITY ? 0 : exp(both - log_prob(k, t, s) - log_p);
}

/* Blanks, which are half of the states, are added in double first. */
static void add_shares(const sample *k, int64_t t, const double *beta, double log_p, double scale)
{
    const snug_tensor *dx = &k->c->out[0];
    double blanks = 0;
    for (int64_t s = 0; s < k->states; s += 2) blanks += share_of(k, t, s, beta[s], log_p);
    snug_store(dx, place(k, t, k->blank), -scale * blanks);
    for (int64_t s = 1; s < k->states; s += 2) {
        int64_t at = place(k, t, label_at(k, s));
        snug_store(dx, at, snug_load(dx, at) - scale * share_of(k, t, s, beta[s], log_p));
    }
}

static void sample_gradient(const snug_call *c, int64_t n, double scale)
{
    sample k = sample_of(c, n);
    double log_p = run_forward(&k);
    double *rows[2] = {k.alpha + k.n_frames * k.states, k.alpha + (k.n_frames + 1) * k.states};
    for (int64_t i = place(&k, 0, 0); i < place(&k, k.n_frames, 0); i++)
        snug_store(&c->out[0], i, 0);
    if (!k.possible || !counts(&k, log_p)) return;
    for (int64_t t = k.frames - 1; t >= 0; t--) {
        const double *after = t + 1 < k.frames ? rows[(t + 1) % 2] : NULL;
        backward_frame(&k, t, after, rows[t % 2]);
        add_shares(&k, t, rows[t % 2], log_p, scale * weight_of(&k));
    }
}

static void ctc_grad_ref(const snug_call *c)
{
    leaf_rows samples = leaf_rows_of(c, &c->in[LOG_PROBS].type.shape, 1);
    double scale = snug_load(&c->in[DLOSS], 0) / leaf_rows_step(&samples);
    for (int64_t n = 0; n < samples.n_rows; n++) sample_gradient(c, n, scale);
}

/* ---- cases ------------------------------------------------------------------------------------
 */

static const snug_ctc_attrs first = {.blank = 0, .zero_infinity = 1},
                            other = {.blank = 2, .zero_infinity = 1};

static const snug_case cases[] = {
    {.name = "speech",
     .attrs = &first,
     .n_in = 4,
     .in = INPUTS(BATCH(7, 9, 5), INDICES(5, 7, 3), LABELS(7, 10), LABELS(7, 4))},
    {.name = "other blank",
     .attrs = &other,
     .n_in = 4,
     .in = INPUTS(BATCH(5, 12, 4), INDICES(4, 5, 2), LABELS(5, 13), LABELS(5, 3))},
    {0}};

static const snug_case grad_cases[] = {
    {.name = "speech",
     .attrs = &first,
     .n_in = 5,
     .in =
         INPUTS(BATCH(7, 9, 5), INDICES(5, 7, 3), LABELS(7, 10), LABELS(7, 4), SCALAR_OF(NORMAL))},
    {0}};

const snug_op snug_op_ctc = {
    .name = "ctc",
    .doc = "ctc(log_probs [N, T, C], targets i32 [N, S], frames i32 [N], lengths i32 [N]) -> loss "
           "[]\n"
           "loss = the mean over the samples of the step's batch of -log p / length, p the\n"
           "probability that the first `frames` of T spell the first `length` of S labels, blanks\n"
           "and repetitions left out; this call's part of it (Graves et al. 2006). log_probs are\n"
           "those of log_softmax.\n"
           "Gradient: ctc_grad(log_probs, targets, frames, lengths, dloss).",
    .n_in_min = 4,
    .n_in_max = 4,
    .n_out = 1,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_ctc_attrs),
    .shape = ctc_shape,
    .axes = ctc_axes,
    .grad = ctc_gradient,
    .cost = ctc_cost,
    .ref = ctc_ref,
    .ref_scratch = ctc_scratch,
    .cases = cases};

const snug_op snug_op_ctc_grad = {
    .name = "ctc_grad",
    .doc = "ctc_grad(log_probs [N, T, C], targets i32 [N, S], frames i32 [N], lengths i32 [N],\n"
           "dloss []) -> dlog_probs\n"
           "dlog_probs[t, c] = minus the share of the paths that are at c in frame t, over length\n"
           "and samples of the step's batch, times dloss; 0 from `frames` on.",
    .n_in_min = 5,
    .n_in_max = 5,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_ctc_attrs),
    .shape = ctc_grad_shape,
    .axes = ctc_grad_axes,
    .cost = ctc_cost,
    .ref = ctc_grad_ref,
    .ref_scratch = ctc_scratch,
    .cases = grad_cases};
