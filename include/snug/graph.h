/* SPDX-License-Identifier: Apache-2.0 */
/* Building a graph.
 *
 * Calls return values and never need checking one by one: the first mistake is kept in the graph,
 * later calls return NULL and do nothing, and snug_graph_check tells what went wrong, naming the
 * node and both shapes.
 *
 *     snug_value *h = snug_relu(g, snug_linear(g, x, 128, "hidden"));
 *     snug_value *logits = snug_linear(g, h, 10, "out");
 *     if (snug_graph_check(g) != SNUG_OK) puts(snug_error_message());
 */
#ifndef SNUG_GRAPH_H
#define SNUG_GRAPH_H

#include <snug/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum snug_role {
    SNUG_ROLE_INPUT,      /* filled from outside before a step */
    SNUG_ROLE_PARAM,      /* trained */
    SNUG_ROLE_BUFFER,     /* part of the model, not trained by gradient: running statistics */
    SNUG_ROLE_STATE,      /* the optimizer's, kept between steps: moments */
    SNUG_ROLE_GRADIENT,   /* of a parameter */
    SNUG_ROLE_ACTIVATION, /* everything between */
    SNUG_ROLE_CONSTANT,
    SNUG_N_ROLES
} snug_role;

/* How a parameter or state starts. Random kinds are keyed by seed and the value's name. */
typedef enum snug_init_kind {
    SNUG_INIT_ZERO,
    SNUG_INIT_ONE,
    SNUG_INIT_CONSTANT,      /* a */
    SNUG_INIT_UNIFORM,       /* in [-a, a] */
    SNUG_INIT_NORMAL,        /* standard deviation a */
    SNUG_INIT_HE_NORMAL,     /* N(0, 2 / fan_in): He et al. 2015 */
    SNUG_INIT_HE_UNIFORM,    /* U(-sqrt(6 / fan_in), +): likewise */
    SNUG_INIT_GLOROT_UNIFORM /* U(-sqrt(6 / (fan_in + fan_out)), +): Glorot and Bengio 2010 */
} snug_init_kind;

typedef struct snug_init {
    snug_init_kind kind;
    double a;
} snug_init;

typedef enum snug_mode { SNUG_MODE_TRAIN, SNUG_MODE_EVAL } snug_mode;

SNUG_API snug_status snug_graph_create(snug_context *ctx, snug_mode mode,
                                       snug_graph **out) SNUG_MUST_USE;
SNUG_API void snug_graph_destroy(snug_graph *g);
SNUG_API snug_status snug_graph_check(snug_graph *g)
    SNUG_MUST_USE; /* the sticky error, and the structure */
SNUG_API snug_mode snug_graph_mode(const snug_graph *g);

/* Names of what is built next get this prefix ("block1."); nested calls append. */
SNUG_API void snug_graph_push_scope(snug_graph *g, const char *name);
SNUG_API void snug_graph_pop_scope(snug_graph *g);

/* Leaves of the graph. For inputs, shape.kind[] marks bounded axes. Names are unique in a graph. */
SNUG_API snug_value *snug_input(snug_graph *g, const char *name, snug_type type);
SNUG_API snug_value *snug_param(snug_graph *g, const char *name, snug_type type, snug_init init);
SNUG_API snug_value *snug_buffer(snug_graph *g, const char *name, snug_type type, snug_init init);
SNUG_API snug_value *snug_state(snug_graph *g, const char *name, snug_type type, snug_init init);
/* Copies snug_type_bytes(&type) bytes from data. */
SNUG_API snug_value *snug_constant(snug_graph *g, const char *name, snug_type type,
                                   const void *data);
/* new_value replaces the contents of `target` (a parameter or state) once a step. */
SNUG_API void snug_assign(snug_graph *g, snug_value *target, snug_value *new_value);
/* Stop the step with SNUG_ENUMERIC, naming the first node whose result is not finite, when v is NaN
 * or infinite: before anything that depends on v has run. For losses. */
SNUG_API void snug_expect_finite(snug_graph *g, snug_value *v);
/* Keep a value to the end of the step, under a name by which it can be fetched. */
SNUG_API void snug_output(snug_graph *g, const char *name, snug_value *v);

SNUG_API snug_type snug_value_type(const snug_value *v);
SNUG_API const char *snug_value_name(const snug_value *v);
SNUG_API snug_role snug_value_role(const snug_value *v);

/* Stop or allow gradients into a parameter (transfer learning). Parameters start trainable. */
SNUG_API void snug_param_freeze(snug_value *param, bool frozen);

/* Append gradient nodes of the scalar `loss` with respect to n values; grads[i] is NULL where the
 * loss does not depend on wrt[i]. */
SNUG_API snug_status snug_gradients(snug_graph *g, snug_value *loss, int n, snug_value *const *wrt,
                                    snug_value **grads) SNUG_MUST_USE;

/* ---- operators with parameters of their own ----------------------------------------------------
 */

typedef struct snug_conv2d_config {
    int64_t filters;
    int64_t kernel[2], stride[2]; /* height, width; 0 means 3 and 1 */
    int64_t pad[4];               /* top, bottom, left, right; used when same is false */
    bool same;                    /* pad so that out = ceil(in / stride) */
    int64_t groups;               /* 0 means 1 */
    bool no_bias;
    int64_t dilation[2];   /* 0 means 1 */
    int64_t output_pad[2]; /* of a transpose: more rows and columns at the end */
} snug_conv2d_config;

/* x [.., in] -> [.., units]; parameters NAME.weight [in, units], NAME.bias [units]. */
SNUG_API snug_value *snug_linear(snug_graph *g, snug_value *x, int64_t units, const char *name);
/* The same without NAME.bias. */
SNUG_API snug_value *snug_linear_no_bias(snug_graph *g, snug_value *x, int64_t units,
                                         const char *name);
typedef struct snug_linear_config {
    int64_t units;
    bool no_bias;
    double std; /* of the first weights, normal; 0: uniform, as He et al. 2015 */
} snug_linear_config;
SNUG_API snug_value *snug_linear_with(snug_graph *g, snug_value *x,
                                      const snug_linear_config *config, const char *name);
/* x [N, H, W, C] -> [N, OH, OW, filters]; NAME.weight [KH, KW, C / groups, filters], NAME.bias. */
SNUG_API snug_value *snug_conv2d(snug_graph *g, snug_value *x, const snug_conv2d_config *config,
                                 const char *name);
/* The transpose of a convolution, its gradient: x [N, H, W, C] -> [N, OH, OW, filters], OH = (H -
 * 1) stride - padding + dilation (KH - 1) + 1 + output_pad, or H * stride with `same`. NAME.weight
 * [KH, KW, filters / groups, C], NAME.bias. */
SNUG_API snug_value *snug_conv_transpose2d(snug_graph *g, snug_value *x,
                                           const snug_conv2d_config *config, const char *name);
/* Normalisation. A field that is 0 means its default. */
typedef struct snug_norm_config {
    double epsilon;          /* 1e-5: added to the variance or mean square */
    double momentum;         /* 0.1: how far batch_norm's running statistics move at a step */
    bool no_weight, no_bias; /* without NAME.weight there is no NAME.bias either; not batch_norm */
} snug_norm_config;

/* Over all axes but the last. NAME.weight, NAME.bias, and the buffers NAME.running_mean,
 * NAME.running_var (Ioffe and Szegedy 2015). */
SNUG_API snug_value *snug_batch_norm(snug_graph *g, snug_value *x, const char *name);
/* Each row, over the last axis: NAME.weight, NAME.bias (Ba, Kiros and Hinton 2016). */
SNUG_API snug_value *snug_layer_norm(snug_graph *g, snug_value *x, const char *name);
/* Each row divided by its root mean square: NAME.weight (Zhang and Sennrich 2019). */
SNUG_API snug_value *snug_rms_norm(snug_graph *g, snug_value *x, const char *name);
/* Each sample's groups of neighbouring channels, x [N, .., C]: NAME.weight, NAME.bias (Wu and He
 * 2018). groups 0: each channel by itself (instance normalisation). */
SNUG_API snug_value *snug_group_norm(snug_graph *g, snug_value *x, int64_t groups,
                                     const char *name);
/* The same, configured; `config` may be NULL. */
SNUG_API snug_value *snug_batch_norm_with(snug_graph *g, snug_value *x,
                                          const snug_norm_config *config, const char *name);
SNUG_API snug_value *snug_layer_norm_with(snug_graph *g, snug_value *x,
                                          const snug_norm_config *config, const char *name);
SNUG_API snug_value *snug_rms_norm_with(snug_graph *g, snug_value *x,
                                        const snug_norm_config *config, const char *name);
SNUG_API snug_value *snug_group_norm_with(snug_graph *g, snug_value *x, int64_t groups,
                                          const snug_norm_config *config, const char *name);

typedef struct snug_recurrent_config {
    int64_t units;
    int layers;          /* one on the other; 0 means 1 */
    bool bidirectional;  /* each layer also walks from the last step to the first: 2 * units */
    bool relu;           /* snug_rnn: max(., 0) in place of tanh */
    double dropout;      /* between layers, while training */
    snug_value *lengths; /* i32 [N], steps of each sample; NULL: all T */
} snug_recurrent_config;

/* x [N, T, C] -> all states [N, T, units], 0 behind a sample's last step. `last` may be NULL; else
 * receives the states after each sample's last step (walking back: after its first), [N, units].
 * Parameters of layer 0: NAME.weight_ih_l0 [C, gates * units], NAME.weight_hh_l0 [units, gates *
 * units], NAME.bias_l0; of gru NAME.bias_hn_l0 too; walking back ..._l0_reverse. Gates of lstm in
 * the order input, forget, cell, output; of gru reset, update, new. */
SNUG_API snug_value *snug_lstm(snug_graph *g, snug_value *x, const snug_recurrent_config *config,
                               const char *name, snug_value **last);
SNUG_API snug_value *snug_gru(snug_graph *g, snug_value *x, const snug_recurrent_config *config,
                              const char *name, snug_value **last);
SNUG_API snug_value *snug_rnn(snug_graph *g, snug_value *x, const snug_recurrent_config *config,
                              const char *name, snug_value **last);
/* ---- transformers ------------------------------------------------------------------------------
 */

typedef struct snug_embedding_config {
    int64_t rows;  /* 0 for snug_positions: as many as x has positions */
    int64_t width; /* snug_embedding */
    double std;    /* of the first weights, normal; 0: 0.02 */
} snug_embedding_config;

/* Rows of the parameter NAME.weight [rows, width] by ids i32 [..] -> [.., width]. */
SNUG_API snug_value *snug_embedding(snug_graph *g, snug_value *ids,
                                    const snug_embedding_config *config, const char *name);
/* x [N, T, D] plus the first T rows of the parameter NAME.weight [rows, D], a learned vector for
 * each position. */
SNUG_API snug_value *snug_positions(snug_graph *g, snug_value *x,
                                    const snug_embedding_config *config, const char *name);
/* x [N, 1, D], one position a sample, plus that row of NAME.weight [rows, D] which the number
 * `position`, i32 [], says: for texts that grow. */
SNUG_API snug_value *snug_positions_at(snug_graph *g, snug_value *x,
                                       const snug_embedding_config *config, snug_value *position,
                                       const char *name);
/* Scores of x [.., D] with every row of a table [V, D], such as the embedding's -> [.., V] (Press
 * and Wolf 2017). */
SNUG_API snug_value *snug_tied_linear(snug_graph *g, snug_value *x, snug_value *table);

typedef struct snug_attention_config {
    int64_t heads;
    int64_t kv_heads;     /* of keys and values, a divisor of heads; 0: as many */
    bool causal;          /* a position sees none behind it */
    double rotary;        /* base of rotary positions, 10000 as a rule; 0: none */
    bool no_bias;         /* neither NAME.qkv.bias nor NAME.out.bias */
    double std, out_std;  /* of the first weights, normal; 0: as snug_linear */
    snug_value *lengths;  /* i32 [N]: positions of each sample; NULL: all */
    snug_value *segments; /* i32 [N, T]: positions see those of their own segment; NULL: all */
    /* For texts that grow: x holds the positions from this number on, i32 [], and sees those before
     * it through the state NAME.cache [N, context, 2 kv_heads D / heads]. NULL: x is all there is
     */
    snug_value *position;
    int64_t context; /* positions that the cache has room for */
} snug_attention_config;

/* Positions of x [N, T, D] look at each other (Vaswani et al. 2017) -> [N, T, D]. NAME.qkv.weight
 * [D, (heads + 2 kv_heads) D / heads], NAME.out.weight [D, D], and their biases. */
SNUG_API snug_value *snug_self_attention(snug_graph *g, snug_value *x,
                                         const snug_attention_config *config, const char *name);

typedef struct snug_gated_config {
    int64_t units;       /* hidden features */
    double std, out_std; /* of the first weights, normal; 0: as snug_linear */
} snug_gated_config;

/* down(silu(gate(x)) * up(x)), x [.., D] -> [.., D] (Shazeer 2020): NAME.gate.weight [D, units],
 * NAME.up.weight [D, units], NAME.down.weight [units, D]. */
SNUG_API snug_value *snug_swiglu(snug_graph *g, snug_value *x, const snug_gated_config *config,
                                 const char *name);

/* ---- operators without -------------------------------------------------------------------------
 */

SNUG_API snug_value *snug_matmul(snug_graph *g, snug_value *a, snug_value *b); /* [M, K] x [K, N] */
/* [.., M, K] x [.., K, N], a product for each place of the leading axes. */
SNUG_API snug_value *snug_batch_matmul(snug_graph *g, snug_value *a, snug_value *b);
SNUG_API snug_value *snug_bias_add(snug_graph *g, snug_value *x,
                                   snug_value *bias); /* along the last axis */
/* Element by element, with NumPy's broadcasting; a batch axis is never repeated. */
SNUG_API snug_value *snug_add(snug_graph *g, snug_value *a, snug_value *b);
SNUG_API snug_value *snug_mul(snug_graph *g, snug_value *a, snug_value *b);
SNUG_API snug_value *snug_relu(snug_graph *g, snug_value *x);
SNUG_API snug_value *snug_gelu(snug_graph *g, snug_value *x); /* exact, with erf */
SNUG_API snug_value *snug_max_pool2d(snug_graph *g, snug_value *x, int64_t kernel, int64_t stride);
SNUG_API snug_value *snug_global_avg_pool(snug_graph *g,
                                          snug_value *x);        /* [N, H, W, C] -> [N, C] */
SNUG_API snug_value *snug_flatten(snug_graph *g, snug_value *x); /* [N, ...] -> [N, product] */
SNUG_API snug_value *snug_reshape(snug_graph *g, snug_value *x, int n_dims,
                                  const int64_t *dim); /* of a sample */
SNUG_API snug_value *snug_dropout(snug_graph *g, snug_value *x,
                                  double rate); /* identity in SNUG_MODE_EVAL */
/* Axis i of the result is axis perm[i] of x; the batch axis stays in front. */
SNUG_API snug_value *snug_transpose(snug_graph *g, snug_value *x, const int *perm);
/* Axes count from the end when negative; none of these cuts the batch axis. Elements start up to
 * stop: of one axis, the others whole. */
SNUG_API snug_value *snug_slice(snug_graph *g, snug_value *x, int axis, int64_t start,
                                int64_t stop);
SNUG_API snug_value *snug_concat(snug_graph *g, int n, snug_value *const *x, int axis);
/* n equal parts into parts[]; NULLs after an error. */
SNUG_API void snug_split_equal(snug_graph *g, snug_value *x, int axis, int n, snug_value **parts);
SNUG_API snug_value *snug_softmax(snug_graph *g, snug_value *x, int axis);
SNUG_API snug_value *snug_log_softmax(snug_graph *g, snug_value *x, int axis);
/* x [N, T, C] -> [N, C], over the steps that each sample has; lengths NULL: all. */
typedef enum snug_over_time_kind {
    SNUG_OVER_TIME_LAST,
    SNUG_OVER_TIME_MEAN,
    SNUG_OVER_TIME_MAX
} snug_over_time_kind;
SNUG_API snug_value *snug_over_time(snug_graph *g, snug_value *x, snug_over_time_kind kind,
                                    snug_value *lengths);
/* Zeros behind each sample's last step; x itself when lengths are NULL. */
SNUG_API snug_value *snug_mask_padding(snug_graph *g, snug_value *x, snug_value *lengths);

/* ---- losses ------------------------------------------------------------------------------------
 * Scalars: means over the step's batch. */

/* logits [.., C], labels i32 [..]; a label outside 0..C-1 counts 0. probabilities may be NULL; else
 * receives [.., C]. */
SNUG_API snug_value *snug_softmax_cross_entropy(snug_graph *g, snug_value *logits,
                                                snug_value *labels, snug_value **probabilities);

typedef struct snug_cross_entropy_config {
    double label_smoothing; /* share of the target spread evenly over the classes */
    double gamma;           /* focal loss (Lin et al. 2017); 0: plain */
    snug_value *weights;    /* of the classes, [C]; NULL: 1 each */
    snug_value *total;      /* [], sum of the weights of all labels of the whole step that are
                             * classes: what the mean divides by; NULL: the number of its rows */
} snug_cross_entropy_config;

SNUG_API snug_value *snug_softmax_cross_entropy_with(snug_graph *g, snug_value *logits,
                                                     snug_value *labels,
                                                     const snug_cross_entropy_config *config,
                                                     snug_value **probabilities);
/* By element, over all elements of the batch; a target [N] fits a prediction [N, 1]. */
SNUG_API snug_value *snug_mse(snug_graph *g, snug_value *prediction, snug_value *target);
SNUG_API snug_value *snug_mae(snug_graph *g, snug_value *prediction, snug_value *target);
SNUG_API snug_value *snug_huber(snug_graph *g, snug_value *prediction, snug_value *target,
                                double delta);
/* Targets in [0, 1], several a sample; pos_weight [C] or NULL. */
SNUG_API snug_value *snug_bce_with_logits(snug_graph *g, snug_value *logits, snug_value *targets,
                                          snug_value *pos_weight);
/* Targets 0 or 1; alpha below 0: no weights (Lin et al. 2017: gamma 2, alpha 0.25). */
SNUG_API snug_value *snug_sigmoid_focal(snug_graph *g, snug_value *logits, snug_value *targets,
                                        double gamma, double alpha);
/* Targets -1 or 1. */
SNUG_API snug_value *snug_hinge(snug_graph *g, snug_value *prediction, snug_value *target,
                                double margin);
/* Over the rows of the batch; log-probabilities [.., C] and probabilities [.., C]. */
SNUG_API snug_value *snug_kl_divergence(snug_graph *g, snug_value *prediction, snug_value *target);
/* Rows [.., C] that belong together (label 1) or not (-1); labels i32 [..]. */
SNUG_API snug_value *snug_cosine_embedding(snug_graph *g, snug_value *a, snug_value *b,
                                           snug_value *labels, double margin);
/* Rows [.., C]: the positive nearer to the anchor than the negative by the margin. */
SNUG_API snug_value *snug_triplet_margin(snug_graph *g, snug_value *anchor, snug_value *positive,
                                         snug_value *negative, double margin);
/* log_probs [N, T, C] of log_softmax, targets i32 [N, S]; i32 [N] frames of T and lengths of S that
 * count (Graves et al. 2006). Samples whose target does not fit their frames count 0. */
SNUG_API snug_value *snug_ctc(snug_graph *g, snug_value *log_probs, snug_value *targets,
                              snug_value *frames, snug_value *lengths, int64_t blank);

/* Any operator by its name (`snug help ops` and docs/ops.md list them), its attributes as text:
 *     snug_apply_named(g, "leaky_relu", "slope=0.2", 1, &x)
 * NULL or "": the defaults. Returns the first output; NULL after an error, which the graph keeps:
 * an unknown operator or attribute (the nearest is offered), a value out of range, wrong inputs. */
SNUG_API snug_value *snug_apply_named(snug_graph *g, const char *op, const char *attrs, int n_in,
                                      snug_value *const *in);
/* The same, all outputs into out[], which must have room for as many as the operator makes. */
SNUG_API snug_status snug_apply_named_all(snug_graph *g, const char *op, const char *attrs,
                                          int n_in, snug_value *const *in, snug_value **out);

/* The graph as text or as a Graphviz DOT file, into a malloc'ed string that the caller frees. */
SNUG_API snug_status snug_graph_print(const snug_graph *g, bool dot, char **out) SNUG_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
