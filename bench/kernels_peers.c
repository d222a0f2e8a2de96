/* SPDX-License-Identifier: Apache-2.0 */
/* Snug's matmul and convolution kernels beside OpenBLAS and oneDNN, on the benchmark cases of the
 * operators:  kernels_peers [THREADS [WORD]]   (WORD: only cases whose operator or name has it)
 * or on products of other sizes:  kernels_peers THREADS MxKxN[a|b]...   (a, b: that one transposed)
 * or convolutions, all three passes:  kernels_peers THREADS NxHxWxC-FkK[sS][pP]...
 * The three run in turn, again and again; lower quartiles and their ratios are printed, and a pulse
 * of multiply-adds in between tells what the machine gave. oneDNN gets images as [N, H, W, C] like
 * Snug, and its weights in the layout it likes best, reordered outside the timing; for Winograd's
 * convolution all its tensors are in the layouts it likes. TIER=avx2 in the environment holds Snug
 * and the pulse to that tier. */
#include "base/cpu.h"
#include "base/os.h"
#include "kernels/pulse.h"
/* As the plan places tensors. */
#define SKEW 0
#include "kernels/trial.h"
#include "plan/plan.h"
#include <cblas.h>
#include <dnnl.h>
#include <stdio.h>
#include <threads.h>
#include <time.h>

#define ROUNDS 31

extern void openblas_set_num_threads(int);
extern void omp_set_num_threads(int);

typedef struct peer {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[4];
    int n_args;
} peer;

static bool sure(dnnl_status_t s)
{
    if (s != dnnl_success) fprintf(stderr, "oneDNN: status %d\n", (int)s);
    return s == dnnl_success;
}

static void peer_arg(peer *p, int name, const dnnl_memory_desc_t *want,
                     const dnnl_memory_desc_t *have, void *data)
{
    dnnl_memory_t plain, m;
    if (!sure(dnnl_memory_create(&plain, have, p->engine, data))) exit(1);
    m = plain;
    if (!dnnl_memory_desc_equal(want, have)) {
        dnnl_primitive_desc_t rd;
        dnnl_primitive_t r;
        if (!sure(dnnl_memory_create(&m, want, p->engine, DNNL_MEMORY_ALLOCATE))) exit(1);
        if (!sure(
                dnnl_reorder_primitive_desc_create(&rd, have, p->engine, want, p->engine, NULL)) ||
            !sure(dnnl_primitive_create(&r, rd)))
            exit(1);
        dnnl_exec_arg_t a[] = {{DNNL_ARG_FROM, plain}, {DNNL_ARG_TO, m}};
        if (!sure(dnnl_primitive_execute(r, p->stream, 2, a))) exit(1);
    }
    p->args[p->n_args++] = (dnnl_exec_arg_t){name, m};
}

static dnnl_memory_desc_t desc(const int64_t *dim, int n, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t d;
    if (!sure(dnnl_memory_desc_init_by_tag(&d, n, dim, dnnl_f32, tag))) exit(1);
    return d;
}

static void peer_open(peer *p)
{
    if (p->engine) return;
    if (!sure(dnnl_engine_create(&p->engine, dnnl_cpu, 0)) ||
        !sure(dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags)))
        exit(1);
}

/* The tensors of one convolution, whichever pass: x, w, y as inputs or output. */
typedef struct conv_tensors {
    const snug_tensor *x, *w, *y;
} conv_tensors;

static const dnnl_memory_desc_t *md(dnnl_primitive_desc_t d, dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(d, what, 0);
}

static bool peer_conv(peer *p, const trial *t, dnnl_alg_kind_t how)
{
    const snug_conv2d_attrs *a = t->attrs;
    bool gi = strcmp(t->op->name, "conv2d_grad_input") == 0;
    bool gw = strcmp(t->op->name, "conv2d_grad_weight") == 0;
    conv_tensors c = {&t->in[0], &t->in[1], &t->out[0]};
    if (gi) c = (conv_tensors){&t->out[0], &t->in[1], &t->in[0]};
    if (gw) c = (conv_tensors){&t->in[0], &t->out[0], &t->in[1]};
    const int64_t *x = c.x->type.shape.dim, *w = c.w->type.shape.dim, *y = c.y->type.shape.dim;
    const bool depthwise = a->groups > 1 && a->groups == w[3];
    if (a->groups != 1 && (!depthwise || w[2] != 1)) return false;
    peer_open(p);
    int64_t xd[] = {x[0], x[3], x[1], x[2]}, yd[] = {y[0], y[3], y[1], y[2]};
    const int64_t dense[] = {w[3], w[2], w[0], w[1]}, grouped[] = {w[3], 1, 1, w[0], w[1]};
    const int64_t *wd = depthwise ? grouped : dense;
    const int n_wd = depthwise ? 5 : 4;
    int64_t stride[DNNL_MAX_NDIMS] = {a->stride_h, a->stride_w},
            left[DNNL_MAX_NDIMS] = {a->pad_top, a->pad_left};
    int64_t right[DNNL_MAX_NDIMS] = {a->pad_bottom, a->pad_right};
    const bool plain = how == dnnl_convolution_direct;
    dnnl_memory_desc_t xm = desc(xd, 4, dnnl_nhwc), ym = desc(yd, 4, dnnl_nhwc);
    dnnl_memory_desc_t wm = desc(wd, n_wd, depthwise ? dnnl_hwigo : dnnl_hwio);
    dnnl_memory_desc_t any = desc(wd, n_wd, dnnl_format_tag_any);
    dnnl_memory_desc_t xa = plain ? xm : desc(xd, 4, dnnl_format_tag_any);
    dnnl_memory_desc_t ya = plain ? ym : desc(yd, 4, dnnl_format_tag_any);
    dnnl_convolution_desc_t d, fd;
    dnnl_primitive_desc_t pd, fpd;
    if (!sure(dnnl_convolution_forward_desc_init(&fd, dnnl_forward_training, how, &xa, &any, NULL,
                                                 &ya, stride, left, right)) ||
        dnnl_primitive_desc_create(&fpd, &fd, NULL, p->engine, NULL) != dnnl_success)
        return false;
    pd = fpd;
    if (gi && (!sure(dnnl_convolution_backward_data_desc_init(&d, how, &xa, &any, &ya, stride, left,
                                                              right)) ||
               dnnl_primitive_desc_create(&pd, &d, NULL, p->engine, fpd) != dnnl_success))
        return false;
    if (gw && (!sure(dnnl_convolution_backward_weights_desc_init(&d, how, &xa, &any, NULL, &ya,
                                                                 stride, left, right)) ||
               dnnl_primitive_desc_create(&pd, &d, NULL, p->engine, fpd) != dnnl_success))
        return false;
    if (!sure(dnnl_primitive_create(&p->primitive, pd))) return false;
    peer_arg(p, gi ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC,
             md(pd, gi ? dnnl_query_diff_src_md : dnnl_query_src_md), &xm, c.x->data);
    peer_arg(p, gw ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS,
             md(pd, gw ? dnnl_query_diff_weights_md : dnnl_query_weights_md), &wm, c.w->data);
    peer_arg(p, gi || gw ? DNNL_ARG_DIFF_DST : DNNL_ARG_DST,
             md(pd, gi || gw ? dnnl_query_diff_dst_md : dnnl_query_dst_md), &ym, c.y->data);
    return true;
}

/* Rows, columns and inner length of a product. */
static void product_sizes(const trial *t, int64_t s[3])
{
    const snug_matmul_attrs *a = t->attrs;
    const snug_shape *x = &t->in[0].type.shape;
    int64_t last = x->dim[x->n_dims - 1], rows = snug_shape_elements(x) / last;
    s[0] = a->trans_a ? last : rows, s[2] = a->trans_a ? rows : last;
    s[1] = snug_shape_elements(&t->out[0].type.shape) / s[0];
}

static bool peer_matmul(peer *p, const trial *t)
{
    const snug_matmul_attrs *a = t->attrs;
    int64_t s[3];
    product_sizes(t, s);
    if (t->n_in > 2) return false;
    peer_open(p);
    int64_t ad[] = {s[0], s[2]}, bd[] = {s[2], s[1]}, cd[] = {s[0], s[1]};
    dnnl_memory_desc_t am = desc(ad, 2, a->trans_a ? dnnl_ba : dnnl_ab), cm = desc(cd, 2, dnnl_ab);
    dnnl_memory_desc_t bm = desc(bd, 2, a->trans_b ? dnnl_ba : dnnl_ab);
    dnnl_memory_desc_t any = desc(bd, 2, dnnl_format_tag_any);
    dnnl_matmul_desc_t d;
    dnnl_primitive_desc_t pd;
    if (!sure(dnnl_matmul_desc_init(&d, &am, &any, NULL, &cm)) ||
        !sure(dnnl_primitive_desc_create(&pd, &d, NULL, p->engine, NULL)) ||
        !sure(dnnl_primitive_create(&p->primitive, pd)))
        return false;
    peer_arg(p, DNNL_ARG_SRC, &am, &am, t->in[0].data);
    peer_arg(p, DNNL_ARG_WEIGHTS, md(pd, dnnl_query_weights_md), &bm, t->in[1].data);
    peer_arg(p, DNNL_ARG_DST, &cm, &cm, t->out[0].data);
    return true;
}

static double peer_run(const peer *p)
{
    double start = snug_now();
    if (!p->primitive) return INFINITY;
    (void)dnnl_primitive_execute(p->primitive, p->stream, p->n_args, p->args);
    (void)dnnl_stream_wait(p->stream);
    return snug_now() - start;
}

static double blas_run(const trial *t)
{
    const snug_matmul_attrs *a = t->attrs;
    int64_t s[3];
    if (strcmp(t->op->name, "matmul") != 0) return INFINITY;
    product_sizes(t, s);
    double start = snug_now();
    cblas_sgemm(CblasRowMajor, a->trans_a ? CblasTrans : CblasNoTrans,
                a->trans_b ? CblasTrans : CblasNoTrans, (int)s[0], (int)s[1], (int)s[2], 1,
                t->in[0].data, (int)(a->trans_a ? s[0] : s[2]), t->in[1].data,
                (int)(a->trans_b ? s[2] : s[1]), 0, t->out[0].data, (int)s[1]);
    return snug_now() - start;
}

/* One of the three. Several threads begin after a pause, in which the last one's workers, who spin
 * for their next task, fall asleep; and with runs that wake their own. */
typedef struct runner {
    trial *t;
    const snug_kernel *kernel;
    snug_pool *pool;
    const peer *peer;
    enum { SNUG, BLAS, DNNL } which;
} runner;

static double run_once(const runner *r)
{
    double start = snug_now();
    if (r->which == BLAS) return blas_run(r->t);
    if (r->which == DNNL) return peer_run(r->peer);
    trial_run(r->t, r->kernel, r->pool);
    return snug_now() - start;
}

static double run_awake(const runner *r)
{
    if (snug_pool_threads(r->pool) == 1) return run_once(r);
    double least = INFINITY, begin;
    thrd_sleep(&(struct timespec){.tv_nsec = 4000000}, NULL);
    for (begin = snug_now(); snug_now() - begin < 0.001;) (void)run_once(r);
    for (int i = 0; i < 3; i++) {
        double seconds = run_once(r);
        if (seconds < least) least = seconds;
    }
    return least;
}

/* Those of this CPU, up to the one that TIER in the environment names. */
static unsigned tiers(void)
{
    const char *highest = getenv("TIER");
    unsigned mask = snug_cpu_tiers();
    for (int tier = 0; highest && tier < SNUG_N_TIERS; tier++)
        if (strcmp(snug_tier_name((snug_tier)tier), highest) == 0) mask &= (2u << tier) - 1;
    return mask;
}

/* GFLOP/s of independent multiply-adds on one thread. */
static double pulse(void)
{
    const snug_pulse *p = NULL;
    for (int tier = 0; tier < SNUG_N_TIERS; tier++)
        if (tiers() >> tier & 1) p = snug_pulse_of((snug_tier)tier);
    double start = snug_now();
    volatile float used = p->run(2000, 0.5f);
    (void)used;
    return 2000 * p->flops_per_round / (snug_now() - start) * 1e-9;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The lower quartile: what others take from the machine makes times longer, never shorter. */
static double usual(double x[ROUNDS])
{
    qsort(x, ROUNDS, sizeof *x, by_value);
    return x[ROUNDS / 4];
}

static void measure(const snug_op *op, const snug_case *c, snug_pool *pool)
{
    int64_t samples = 0;
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i].batch) samples = c->in[i].dim[0];
    const int64_t leaves = snug_default_leaves(samples);
    snug_step step = {.n_step = samples,
                      .n_here = samples,
                      .leaf_samples = (samples + leaves - 1) / leaves,
                      .leaves_here = leaves,
                      .n_micro = 1};
    trial t;
    if (!trial_make(&t, op, c, &step)) return;
    const snug_kernel *k = NULL;
    for (int tier = SNUG_N_TIERS - 1; tier >= 0 && !k; tier--)
        if (tiers() >> tier & 1) k = trial_kernel(&t, (snug_tier)tier);
    snug_type in[SNUG_MAX_IN], out[SNUG_MAX_OUT];
    snug_sig sig = trial_sig(&t, in, out);
    peer p = {0}, w = {0};
    const bool product = strcmp(op->name, "matmul") == 0;
    const int threads = snug_pool_threads(pool);
    bool known = product ? peer_matmul(&p, &t) : peer_conv(&p, &t, dnnl_convolution_direct);
    if (!known) p.primitive = NULL;
    if (product || !peer_conv(&w, &t, dnnl_convolution_winograd)) w.primitive = NULL;
    double own[ROUNDS], blas[ROUNDS], dnnl[ROUNDS], wino[ROUNDS], fma[ROUNDS];
    double flops = op->cost(&sig).flops;
    for (int r = 0; r < ROUNDS; r++) {
        fma[r] = -pulse();
        own[r] = run_awake(&(runner){&t, k, pool, &p, SNUG});
        blas[r] = run_awake(&(runner){&t, k, pool, &p, BLAS});
        dnnl[r] = run_awake(&(runner){&t, k, pool, &p, DNNL});
        wino[r] = run_awake(&(runner){&t, k, pool, &w, DNNL});
    }
    double mine = usual(own), rate = flops / mine * 1e-9, peak = -usual(fma) * threads;
    printf("%-19s %-18s %8.1f us %6.1f GF, %3.0f %% of the pulse   x%.2f of OpenBLAS  x%.2f of "
           "oneDNN  x%.2f of its Winograd\n",
           op->name, c->name, mine * 1e6, rate, 100 * rate / peak, usual(blas) / mine,
           usual(dnnl) / mine, usual(wino) / mine);
    trial_close(&t);
}

/* MxKxN, with a letter for the operand that is transposed. */
static bool measure_product(const char *text, snug_pool *pool)
{
    int m, k, n, end = 0;
    if (sscanf(text, "%dx%dx%d%n", &m, &k, &n, &end) != 3) return false;
    const bool ta = text[end] == 'a', tb = text[end] == 'b';
    const snug_matmul_attrs attrs = {.trans_a = ta, .trans_b = tb};
    const snug_case_in in[] = {{.n_dims = 2, .dim = {ta ? k : m, ta ? m : k}, .batch = true},
                               {.n_dims = 2, .dim = {tb ? n : k, tb ? k : n}, .batch = ta}};
    const snug_case c = {.name = text, .attrs = &attrs, .n_in = 2, .in = in};
    measure(&snug_op_matmul, &c, pool);
    return true;
}

/* NxHxWxC-FkK[sS][pP]: F filters of K x K with stride S, 1 unless given, and P zeros all around,
 * else so many that windows reach as far out on each side. */
static bool measure_convolution(const char *name, snug_pool *pool)
{
    int n, h, w, c, f, k, s = 1, p, end = 0;
    const char *text = name;
    if (sscanf(text, "%dx%dx%dx%d-%dk%d%n", &n, &h, &w, &c, &f, &k, &end) != 6) return false;
    text += end;
    p = k / 2;
    if (sscanf(text, "s%d%n", &s, &end) == 1) text += end;
    (void)sscanf(text, "p%d", &p);
    snug_conv2d_attrs a = {s, s, 1, 1, p, p, p, p, .groups = 1};
    const int oh = (h + 2 * p - k) / s + 1, ow = (w + 2 * p - k) / s + 1;
    const snug_case_in x = {.n_dims = 4, .dim = {n, h, w, c}, .batch = true};
    const snug_case_in y = {.n_dims = 4, .dim = {n, oh, ow, f}, .batch = true};
    const snug_case_in kernel = {.n_dims = 4, .dim = {k, k, c, f}};
    const snug_case_in forward[] = {x, kernel}, back[] = {y, kernel}, weight[] = {x, y};
    snug_case made = {.name = name, .attrs = &a, .n_in = 2, .in = forward};
    measure(&snug_op_conv2d, &made, pool);
    a.in_h = h, a.in_w = w, a.kernel_h = a.kernel_w = k;
    made.in = back;
    measure(&snug_op_conv2d_grad_input, &made, pool);
    made.in = weight;
    measure(&snug_op_conv2d_grad_weight, &made, pool);
    return true;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 1, n_ops, done = 0;
    snug_pool *pool;
    if (snug_pool_create(threads, &pool) != SNUG_OK) return 1;
    openblas_set_num_threads(threads);
    omp_set_num_threads(threads);
    for (int i = 2; i < argc; i++)
        done += measure_convolution(argv[i], pool) || measure_product(argv[i], pool);
    const snug_op *const *ops = snug_builtin_ops(&n_ops);
    for (int i = 0; i < n_ops && !done; i++) {
        if (strcmp(ops[i]->name, "matmul") != 0 && strncmp(ops[i]->name, "conv2d", 6) != 0)
            continue;
        for (const snug_case *c = ops[i]->cases; c && c->name; c++)
            if (c->bench && (argc < 3 || strstr(c->name, argv[2]) || strstr(ops[i]->name, argv[2])))
                measure(ops[i], c, pool);
    }
    snug_pool_destroy(pool);
    return 0;
}
