/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator is: one const descriptor. Snug's own operators and a program's are alike.
 *
 *     static void cube_ref(const snug_call *c) {
 *         for (int64_t i = 0; i < snug_shape_elements(&c->in[0].type.shape); i++) {
 *             double x = snug_load(&c->in[0], i);
 *             snug_store(&c->out[0], i, x * x * x);
 *         }
 *     }
 *     static const snug_op cube = {.name = "cube", .doc = "cube(x) -> y, y = x*x*x",
 *         .n_in_min = 1, .n_in_max = 1, .n_out = 1, .shape = snug_shape_same,
 *         .axes = snug_axes_same, .grad = cube_grad, .cost = snug_cost_elementwise,
 *         .ref = cube_ref};
 *     snug_context_add_op(ctx, &cube);
 */
#ifndef SNUG_OP_H
#define SNUG_OP_H

#include <snug/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snug_graph snug_graph;
typedef struct snug_node snug_node;
typedef struct snug_value snug_value;
typedef struct snug_queue snug_queue;

#define SNUG_MAX_IN  8
#define SNUG_MAX_OUT 6

/* ---- attributes -------------------------------------------------------------------------------
 */

typedef enum snug_attr_kind {
    SNUG_ATTR_INT,
    SNUG_ATTR_FLOAT,
    SNUG_ATTR_BOOL,
    SNUG_ATTR_ENUM
} snug_attr_kind;

/* One attribute of an operator: a field of its attribute struct. INT, BOOL and ENUM fields are
 * int64_t, FLOAT fields are double. */
typedef struct snug_attr {
    const char *name;
    snug_attr_kind kind;
    size_t offset;
    double min, max, initial;
    const char *const *names; /* of an ENUM, ends with NULL */
    const char *help;
} snug_attr;

/* ---- the rules of an operator -----------------------------------------------------------------
 */

/* Shape rule: reads the input types, writes the output types, or fails naming `name` and the
 * shapes. */
typedef struct snug_infer {
    const char *name; /* of the node, for messages */
    const void *attrs;
    int n_in, n_out;
    const snug_type *in;
    snug_type *out;
} snug_infer;

/* Axis rule: how one axis of one output follows one axis of one input. An input axis that is summed
 * over (or otherwise combined) has out_axis -1. Axes not mentioned must be whole. */
typedef enum snug_axis_how {
    SNUG_FOLLOW_BATCH,    /* out[i] depends on in[i] alone, and i counts independent samples */
    SNUG_FOLLOW_PARALLEL, /* out[i] depends on in[i] alone along this axis */
    SNUG_FOLLOW_REDUCED,  /* combined over this axis by summation; out_axis is -1 */
    SNUG_FOLLOW_WINDOW    /* out[i] depends on a window of in (convolution, pooling) */
} snug_axis_how;

typedef struct snug_axis_use {
    int8_t out, out_axis, in, in_axis;
    uint8_t how; /* snug_axis_how */
} snug_axis_use;

#define SNUG_MAX_AXIS_USES 48

/* What axis, cost and kernel rules see of a node: types and attributes, no graph. */
typedef struct snug_sig {
    const void *attrs;
    int n_in, n_out;
    const snug_type *in, *out;
    bool kept; /* the kernel reads what it made of in[1] before, not in[1] */
    int way;   /* that the kernel was told to go; 0: what suits the shape */
} snug_sig;

/* Gradient rule: appends nodes to `graph` that compute din[i] for every i with need[i], from dout.
 * A dout that is NULL is zero. A din left NULL is zero. */
typedef struct snug_grad {
    snug_graph *graph;
    const snug_node *node;
    const void *attrs;
    int n_in, n_out;
    snug_value *const *in, *const *out, *const *dout;
    const bool *need;
    snug_value **din;
} snug_grad;

typedef struct snug_cost {
    double flops, bytes_read, bytes_written;
    double bytes_again; /* of those read: a second time, since results wait for a sum over them */
} snug_cost;

/* ---- running ----------------------------------------------------------------------------------
 */

/* What a kernel may know of the step it runs in. A step's batch of n_step samples is cut into
 * leaves of leaf_samples consecutive samples (the last may be short). A call sees n_here samples,
 * which start at sample first_here of the batch: whole leaves, an aligned power-of-two group of
 * them, leaves_here slots in number. Every reduction over samples makes one partial a leaf and
 * combines partials by the binary tree over leaf slots, empty slots being zero (see leaves.h). */
typedef struct snug_step {
    uint64_t seed, step;
    int64_t n_step, first_here, n_here;
    int64_t leaf_samples, leaves_here;
    int64_t micro, n_micro; /* which micro-batch of how many */
} snug_step;

/* One call of a kernel: everything was checked when the node was built and the plan was made.
 * Tensor shapes are actual (bounded axes cut to this call). */
typedef struct snug_call {
    const void *attrs;
    const snug_tensor *in;
    const snug_tensor *out;
    int32_t n_in, n_out;
    void *scratch; /* as many bytes as the kernel or reference asked for, 64-byte aligned */
    size_t scratch_bytes;
    void *kept;        /* what a kernel made of in[1], in place of it; NULL: nothing */
    snug_queue *queue; /* through which a kernel runs work in parallel */
    const snug_step *step;
    uint64_t node_key;   /* stable number of the node, for random numbers */
    int way;             /* as in snug_sig */
    int64_t row, n_rows; /* of out[0], which then has these alone; n_rows 0: all. Only kernels that
                            say so (kernels/kernel.h) are asked for less */
} snug_call;

/* Run fn(arg, task, thread) for every task in [0, n_tasks) on the queue's threads and return when
 * all are done. `thread` is below snug_queue_threads. What a task computes must not depend on
 * `thread` or on how many there are. */
SNUG_API void snug_parallel(snug_queue *q, int64_t n_tasks,
                            void (*fn)(void *arg, int64_t task, int thread), void *arg);
SNUG_API int snug_queue_threads(const snug_queue *q);

/* ---- test cases -------------------------------------------------------------------------------
 */

/* One case, from which tests of correctness, gradient, kernels, speed and documentation are driven.
 * The first axis is the batch when `batch` is set. `fill` says what each input holds. */
typedef enum snug_fill {
    SNUG_FILL_NORMAL,   /* standard normal */
    SNUG_FILL_SMALL,    /* a tenth of that: weights of recurrences */
    SNUG_FILL_POSITIVE, /* uniform in [0.5, 1.5] */
    SNUG_FILL_DISTINCT, /* values at least 0.01 apart and away from 0: for kinks and maxima */
    SNUG_FILL_INDEX,    /* integers in [0, index_below) */
    SNUG_FILL_UNIT      /* uniform in [0, 1] */
} snug_fill;

typedef struct snug_case_in {
    int32_t dim[SNUG_MAX_DIMS];
    uint16_t index_below;
    uint8_t n_dims;
    uint8_t fill; /* snug_fill */
    bool batch;   /* axis 0 is the batch */
    bool integer; /* i32, whatever the case's float type */
    bool byte;    /* u8, likewise */
    bool given;   /* no gradient is asked for: class weights */
} snug_case_in;

typedef struct snug_case {
    const char *name; /* NULL ends the list */
    const void *attrs;
    const snug_case_in *in; /* n_in of them */
    float tolerance; /* f32 kernels against the reference, of the largest magnitude; 0: 2e-6 */
    uint8_t n_in;
    bool no_grad; /* leave out of the gradient check (not differentiable there) */
    bool bench;   /* a shape of the zoo: measured by `snug bench kernels` too */
} snug_case;

/* ---- the descriptor ---------------------------------------------------------------------------
 */

enum {
    SNUG_OP_VIEW = 1u << 0,   /* out[0] is in[0]'s bytes under another shape */
    SNUG_OP_RANDOM = 1u << 1, /* draws random numbers keyed by step and node */
    SNUG_OP_UPDATE = 1u << 2, /* out[i] overwrites in[inplace[i]], which is persistent */
    SNUG_OP_BATCH_STATS =
        1u << 3,              /* mixes samples of a micro-batch: micro-batches change the result */
    SNUG_OP_EFFECT = 1u << 4, /* start/wait pair: data, communication, spilling */
    SNUG_OP_BACKWARD = 1u << 5, /* made by gradient rules; not offered as a layer */
    SNUG_OP_ACROSS =
        1u << 6 /* outputs live from the first repetition of the body to the step's end */
};

typedef struct snug_op {
    const char *name;
    const char *doc;   /* signature, formula, gradient, source, example */
    const char *layer; /* in a line, for recipes: a layer of this name, the attributes being its
                        * keys; of one input, without parameters. NULL: not a layer */
    uint8_t n_in_min, n_in_max, n_out;
    uint32_t flags;
    const snug_attr *attrs; /* ends with a NULL name; NULL: none */
    size_t attrs_bytes;
    /* out[i] may share the bytes of in[inplace[i] - 1]; 0: no */
    uint8_t inplace[SNUG_MAX_OUT];
    snug_status (*shape)(snug_infer *);
    int (*axes)(const snug_sig *, snug_axis_use *uses); /* returns how many */
    snug_status (*grad)(snug_grad *);                   /* NULL: not differentiable */
    snug_cost (*cost)(const snug_sig *);
    void (*ref)(
        const snug_call *); /* any shape, any float type, double accumulation; cannot fail */
    size_t (*ref_scratch)(const snug_sig *); /* bytes of scratch that ref needs; NULL: none */
    const snug_case *cases;                  /* ends with a NULL name */
    int (*outputs)(const void *attrs);       /* how many of n_out outputs there are; NULL: all */
} snug_op;

/* Outputs of a node with these attributes. */
static inline int snug_op_outputs(const snug_op *op, const void *attrs)
{
    return op->outputs ? op->outputs(attrs) : op->n_out;
}

/* Rules that many operators share. */
SNUG_API snug_status snug_shape_same(snug_infer *); /* every output like in[0] */
SNUG_API int snug_axes_same(const snug_sig *,
                            snug_axis_use *); /* element-wise over inputs of one shape */
SNUG_API snug_cost snug_cost_elementwise(const snug_sig *); /* one flop an output element */

/* Add a node. `attrs` may be NULL (defaults), `name` NULL (one is made up). Returns the first
 * output, NULL after an error (which the graph keeps). */
SNUG_API snug_value *snug_apply(snug_graph *g, const snug_op *op, const char *name,
                                const void *attrs, int n_in, snug_value *const *in);
/* The same, all outputs into out[]. */
SNUG_API snug_status snug_apply_all(snug_graph *g, const snug_op *op, const char *name,
                                    const void *attrs, int n_in, snug_value *const *in,
                                    snug_value **out);
SNUG_API const snug_op *snug_graph_find_op(const snug_graph *g, const char *name);

#ifdef __cplusplus
}
#endif
#endif
