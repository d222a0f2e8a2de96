/* SPDX-License-Identifier: Apache-2.0 */
/* Snug's own operators: descriptors from ops.def, and the attribute structs that passes, kernels
 * and builders share. Every field is int64_t or double (snug_attr).
 *
 * Element-wise forms, not repeated below: bias_add(x [.., C], bias [C]) -> y; sum_rows(x [.., C])
 * -> [C]; add(a, b), mul(a, b), with broadcasting; relu(x), relu_grad(dy, y) -> dx; gelu(x),
 * gelu_grad(dy, x) -> dx; softmax(x) along the last axis; sum_squares(x) -> [].
 *
 * Sums over samples make one partial a leaf (snug/leaves.h), rounded to the output's type; a loss
 * divides the partial of each leaf, before it is rounded, by the count of the whole step
 * (batch_norm divides its statistics after the sum). A tensor without a batch axis is one leaf. An
 * axis of kind BATCH may hold several rows a sample: rows a sample = rows / n_here. */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include <snug/op.h>

/* An activation fused into the operator before it. */
enum { ACT_NONE, ACT_RELU, ACT_RELU6, ACT_GELU };

/* matmul(a, b[, bias]) -> y = act(op(a) op(b) + bias); a [M.., K], b [K, N]. With trans_a, a is [K,
 * M] and the sum runs over its first axis (a batch axis gives leaves); with trans_b, b is [N, K].
 * Without trans_a, leading axes of a are kept. */
typedef struct snug_matmul_attrs {
    int64_t trans_a, trans_b, act;
} snug_matmul_attrs;

/* batch_matmul(a [.., M, K], b [.., K, N]) -> y [.., M, N], a product for each place of the leading
 * axes. */
typedef struct snug_batch_matmul_attrs {
    int64_t trans_a, trans_b;
} snug_batch_matmul_attrs;

/* conv2d(x, w[, bias]); conv2d_grad_input(dy, w) -> dx [N, in_h, in_w, C]; conv2d_grad_weight(x,
 * dy) -> dw; conv2d_grad_weight_each(x, dy) -> dw of each sample; conv_transpose2d(x, w) -> y is
 * conv2d_grad_input with x as dy, y as dx. */
typedef struct snug_conv2d_attrs {
    int64_t stride_h, stride_w, dilation_h, dilation_w;
    int64_t pad_top, pad_bottom, pad_left, pad_right, groups, act;
    int64_t in_h, in_w, kernel_h, kernel_w; /* of the gradients' outputs; 0 in conv2d itself */
    int64_t inference;                      /* kernels are to suit few samples */
} snug_conv2d_attrs;

/* conv2d_grad_weight_each by a kernel of conv2d_grad_weight: a call a sample. */
void snug_conv2d_each(const snug_call *c, void (*run)(const snug_call *));

/* max_pool2d(x) -> y, index (u8: which of the window's kernel*kernel places won, the first on a
 * tie, 255 at most); max_pool2d_grad(dy, index) -> dx. No padding; a window that does not fit whole
 * is left out. */
typedef struct snug_pool2d_attrs {
    int64_t kernel_h, kernel_w, stride_h, stride_w;
    int64_t in_h, in_w; /* of the gradient's output */
} snug_pool2d_attrs;

/* global_avg_pool_grad(dy) -> dx [N, in_h, in_w, C] */
typedef struct snug_size2d_attrs {
    int64_t in_h, in_w;
} snug_size2d_attrs;

/* avg_pool2d(x) -> y, the mean of each window; a window that does not fit whole is left out.
 * avg_pool2d_grad(dy) -> dx. */
typedef struct snug_avg_pool2d_attrs {
    int64_t kernel_h, kernel_w, stride_h, stride_w;
    int64_t pad_top, pad_bottom, pad_left, pad_right;
    int64_t count_pad;  /* padding counts in the mean */
    int64_t in_h, in_w; /* of the gradient's output */
} snug_avg_pool2d_attrs;

/* adaptive_avg_pool2d(x), resize2d(x) -> y [N, out_h, out_w, C]; their gradients of dy -> dx [N,
 * in_h, in_w, C] (in resample.h the matrices of all these). */
typedef struct snug_adaptive2d_attrs {
    int64_t out_h, out_w, in_h, in_w;
} snug_adaptive2d_attrs;

typedef struct snug_resize2d_attrs {
    int64_t out_h, out_w, mode, corners, in_h, in_w;
} snug_resize2d_attrs;

enum { RESIZE_NEAREST, RESIZE_BILINEAR }; /* mode */

/* batch_norm(x, gamma, beta, running_mean, running_var) -> y, mean, inv_std, new_running_mean,
 * new_running_var; batch_norm_grad(x, dy, gamma, beta, mean, inv_std) -> dx, dgamma, dbeta (the
 * activation's mask recomputed); batch_norm_again(x, gamma, beta, mean, inv_std) -> y, the same y
 * from the same statistics; batch_norm_inference(x, gamma, beta, running_mean, running_var) ->
 * y. Statistics over all axes but the last. */
typedef struct snug_batch_norm_attrs {
    double momentum, epsilon;
    int64_t act; /* NONE, RELU or RELU6 */
} snug_batch_norm_attrs;

/* The same in parts, p [N, 2, C] being of one sample each: batch_norm_partials(x) -> p;
 * batch_norm_merge(p, running_mean, running_var) -> mean, inv_std, new_running_mean,
 * new_running_var; then batch_norm_again. batch_norm_grad_partials(x, dy, gamma, beta, mean,
 * inv_std) -> p; batch_norm_grad_merge(p, gamma, inv_std) -> dgamma, dbeta, slope, shift;
 * batch_norm_grad_apply(x, dy, gamma, beta, mean, inv_std, slope, shift) -> dx. Partials and apply
 * have snug_batch_norm_attrs, of which they read act. */
typedef struct snug_batch_norm_merge_attrs {
    double momentum, epsilon; /* not of the gradient */
    int64_t rows;             /* of a sample */
} snug_batch_norm_merge_attrs;

/* layer_norm(x[, weight[, bias]]) -> y, mean, inv_std; layer_norm_grad(dy, x, mean, inv_std[,
 * weight]) -> dx, dweight, dbias; rms_norm(x[, weight]) -> y, inv_rms; rms_norm_grad(dy, x,
 * inv_rms[, weight]) -> dx, dweight. Over the last axis. */
typedef struct snug_layer_norm_attrs {
    double epsilon;
} snug_layer_norm_attrs;

/* group_norm(x [N, .., C][, weight[, bias]]) -> y, mean, inv_std [N, groups]; group_norm_grad(dy,
 * x, mean, inv_std[, weight]) -> dx, dweight, dbias. */
typedef struct snug_group_norm_attrs {
    int64_t groups; /* 0: as many as channels */
    double epsilon;
} snug_group_norm_attrs;

/* Losses, f32 scalars (f64 for f64 inputs), means over the step's batch: a call's part of them.
 * softmax_cross_entropy(logits [.., C], labels i32 [..][, weights [C]][, total []]) -> loss [],
 * probabilities [.., C]; softmax_cross_entropy_grad(probabilities, labels, dloss []
 * [, weights][, total]) -> dlogits. A label outside 0..C-1 gives loss 0 and gradient 0.
 * Losses by element (pointwise_loss.h) are X(prediction, target[, weight [C]]) -> loss [] and
 * X_grad(prediction, target, dloss []
 * [, weight]) -> dprediction, or dtarget; the target has the prediction's elements, [N] for [N, 1]
 * too. */
typedef struct snug_loss_attrs {
    double delta, margin, gamma, alpha;
    int64_t wrt; /* of a gradient: 0 prediction, 1 target */
} snug_loss_attrs;

/* ctc(log_probs [N, T, C], targets i32 [N, S], frames i32 [N], lengths i32 [N]) -> loss [];
 * ctc_grad(.., dloss []) -> dlog_probs. Numbers outside of T and S are cut to them. */
typedef struct snug_ctc_attrs {
    int64_t blank, zero_infinity;
} snug_ctc_attrs;

typedef struct snug_cross_entropy_attrs {
    double label_smoothing, gamma;
} snug_cross_entropy_attrs;

/* batch_norm_fold(w, gamma, beta, mean, var[, bias]) -> w', bias': w' = w * s, bias' = beta + (bias
 * - mean) * s, s = gamma / sqrt(var + epsilon), along the last axis of w. */
typedef struct snug_fold_attrs {
    double epsilon;
} snug_fold_attrs;

/* Functions of one input, NAME(x) -> y; each reads the fields that its attribute rows name. */
typedef struct snug_unary_attrs {
    double slope, alpha, min, max;
} snug_unary_attrs;

/* cast(x) -> y */
typedef struct snug_cast_attrs {
    int64_t dtype; /* snug_dtype */
} snug_cast_attrs;

/* dropout(x) -> y; which elements are kept is defined in dropout_mask.h. Its gradient is the same
 * operator with the same key. */
typedef struct snug_dropout_attrs {
    double rate;
    int64_t key;
} snug_dropout_attrs;

/* embedding(table [V, D], ids i32 [..]) -> y [.., D]; embedding_grad(dy, ids; rows) -> dtable
 * [rows, D]; embedding_grad_onto(base, dy, ids) -> base + dtable. */
typedef struct snug_embedding_attrs {
    int64_t rows; /* of the gradient */
} snug_embedding_attrs;

/* rope(x [N, T, C], position i32 []?) -> y: the first heads * width columns turned. */
typedef struct snug_rope_attrs {
    int64_t width, heads;
    double base;
    int64_t interleaved, inverse;
} snug_rope_attrs;

/* attention(q [N, T, H*D], k, v [N, S, K*D], extras) -> y [N, T, H*D], lse [N, H, T];
 * attention_grad(dy, y, lse, q, k, v, extras) -> dq, dk, dv; self_attention and its gradient, of
 * one packed qkv [N, T, (H + 2K)*D]; cached_attention(qkv, cache, position) -> y, cache', which
 * knows neither causal nor offset. Extras in any order: lengths i32 [N], segments i32 [N, T]. */
typedef struct snug_attention_attrs {
    int64_t heads, kv_heads; /* kv_heads 0: heads */
    int64_t causal, offset;
    double scale; /* 0: 1 / sqrt(D) */
} snug_attention_attrs;

/* reshape(x): the sample's axes; the batch axis, when there is one, stays in front. */
typedef struct snug_reshape_attrs {
    int64_t n_dims, dim[SNUG_MAX_DIMS];
} snug_reshape_attrs;

/* transpose(x): axis i of the output is axis perm[i] of x. The batch axis stays in front. */
typedef struct snug_transpose_attrs {
    int64_t perm[SNUG_MAX_DIMS];
} snug_transpose_attrs;

/* slice(x): of each axis the elements start, start + step, .. before stop, negative ones counted
 * from the end and all of them cut to the axis, as in NumPy; step 0 takes the axis whole, as an
 * axis of samples must be. slice_grad(dy): dim is x's shape, 0 where step is. */
typedef struct snug_slice_attrs {
    int64_t start[SNUG_MAX_DIMS], stop[SNUG_MAX_DIMS], step[SNUG_MAX_DIMS], dim[SNUG_MAX_DIMS];
} snug_slice_attrs;

/* pad(x): elements before and after each axis; pad_grad(dy). */
enum { PAD_CONSTANT, PAD_EDGE, PAD_REFLECT, PAD_WRAP };
typedef struct snug_pad_attrs {
    int64_t mode, before[SNUG_MAX_DIMS], after[SNUG_MAX_DIMS];
    double value; /* of PAD_CONSTANT */
} snug_pad_attrs;

/* concat(x0, .., x7) and softmax's relatives: along an axis, counted from the end when negative. */
typedef struct snug_axis_attrs {
    int64_t axis;
} snug_axis_attrs;

/* split(x) -> n parts along an axis; size 0: equal ones. */
typedef struct snug_split_attrs {
    int64_t axis, n, size[SNUG_MAX_OUT];
} snug_split_attrs;

/* tile(x): each axis so many times, 0 as 1; tile_grad(dy) with the same. */
typedef struct snug_tile_attrs {
    int64_t times[SNUG_MAX_DIMS];
} snug_tile_attrs;

/* reduce_X(x): over the axes whose bits are set (bit 0 is axis 0; 0: over all), which disappear or
 * keep a length of 1. reduce_sum_grad(dy[, x]): n_dims and dim are x's shape, of the reduced axes;
 * x itself is needed where samples were reduced. */
typedef struct snug_reduce_attrs {
    int64_t axes, keep_dims;
    int64_t correction; /* variance: divides by n - correction */
    int64_t mean, n_dims, dim[SNUG_MAX_DIMS];
} snug_reduce_attrs;

/* argmax(x), argmin(x) -> i32, or i64 when wide; `last`: of equal elements the last. */
typedef struct snug_arg_attrs {
    int64_t axis, keep_dims, last, wide;
} snug_arg_attrs;

/* cumsum(x): exclusive: without the element itself; reverse: from the end. */
typedef struct snug_cumsum_attrs {
    int64_t axis, exclusive, reverse;
} snug_cumsum_attrs;

/* gather and its relatives: along an axis of x, counted from the end when negative; `dim` is its
 * length in the gradients' output. */
typedef struct snug_gather_attrs {
    int64_t axis, dim;
} snug_gather_attrs;

/* one_hot(indices) -> y: a new last axis of `depth` elements. */
typedef struct snug_one_hot_attrs {
    int64_t depth;
    double on, off;
} snug_one_hot_attrs;

/* quantize(x, scale, zero?), dequantize(q, scale, zero?): one scale and zero point, or one for each
 * element of an axis. */
typedef struct snug_quantize_attrs {
    int64_t axis, is_unsigned;
} snug_quantize_attrs;

/* Updates, X_update(w, g, states.., hyper[, scale]) -> w', states'..: sgd has no state; momentum,
 * rmsprop, adagrad and lion have one; adam and adadelta have two. hyper f32 [4]: learning rate, 1 -
 * beta1^t, 1 - beta2^t, unused. scale: a scalar that multiplies g first (gradient clipping by
 * norm). */
typedef struct snug_update_attrs {
    double momentum, beta1, beta2, alpha, rho, epsilon;
    int64_t nesterov; /* momentum: look ahead */
    double weight_decay;
    int64_t decoupled;          /* weight decay as in AdamW */
    double clip_value;          /* clamp each element of g to [-clip, clip] after scaling; 0: off */
    double clip_rms, least_rms; /* adafactor: of a step, of a weight */
} snug_update_attrs;

/* Shapes of adafactor's states for a weight: means by row and by column. */
snug_shape snug_adafactor_rows(const snug_shape *w);
snug_shape snug_adafactor_columns(const snug_shape *w);

/* clip_scale(sum of squares) -> min(1, max_norm / sqrt(sum)) */
typedef struct snug_clip_attrs {
    double max_norm;
} snug_clip_attrs;

/* accumulate(g) -> total, partials: called once a micro-batch, adds g by the binary tree over
 * micro-batch numbers (a binary counter: at micro-batch m, one merge for each trailing one bit of
 * m). Level l < log2(n_micro) - 1 waits in partials[l], the top level in total; after the last
 * micro-batch total is the sum. partials is [log2(n_micro) - 1, elements of g], of length 0 for
 * n_micro 2. Made by the accumulate pass. */
typedef struct snug_accumulate_attrs {
    int64_t n_micro; /* a power of two, at least 2 */
} snug_accumulate_attrs;

/* sequence_mask(x, lengths), sequence_mean(x[, lengths]), sequence_last(x[, lengths]),
 * sequence_max(x[, lengths]) over the steps of x [N, T, C]; steps: of their gradients' results. */
typedef struct snug_sequence_attrs {
    int64_t steps;
} snug_sequence_attrs;

/* Recurrent operators (recurrent.h): lstm(z, w_hh[, h0, c0][, lengths]), gru(z, w_hh, b_hn[, h0][,
 * lengths]), rnn(z, w_hh[, h0][, lengths]), their gradients, recurrent_grad_weight. The fields say
 * which optional inputs there are. */
typedef struct snug_recurrent_attrs {
    int64_t reverse, initial, lengths;
    int64_t dy, dh, dc; /* of gradients */
    int64_t relu;       /* rnn: in place of tanh */
    int64_t second;     /* recurrent_grad_weight: last columns of their own */
} snug_recurrent_attrs;

#define SNUG_OP(id) extern const snug_op snug_op_##id;
#include "ops/ops.def"
#undef SNUG_OP

/* Snug's own operators, in the order of ops.def, each one's name unique. */
const snug_op *const *snug_builtin_ops(int *n);

/* What an input of a case is, in a case of this float type. */
static inline snug_type snug_case_type(const snug_case_in *in, snug_dtype dtype)
{
    snug_type t = {.dtype = in->byte ? SNUG_U8 : in->integer ? SNUG_I32 : dtype};
    t.shape.n_dims = in->n_dims;
    for (int i = 0; i < in->n_dims; i++) t.shape.dim[i] = in->dim[i];
    if (in->batch) t.shape.kind[0] = SNUG_AXIS_BATCH;
    return t;
}

#endif
