/* SPDX-License-Identifier: Apache-2.0 */
/* What losses mean at their edges: paths counted one by one, means over the rows that count,
 * certainty, nothing at all. */
#include "support/check.h"

#include <math.h>

#include "support/small_op.h"

static double loss_of(small *s, const snug_op *op, const void *attrs)
{
    small_run(s, op, attrs);
    double loss = snug_load(&s->out[0], 0);
    small_free(s);
    return loss;
}

static void close_to(double have, double want)
{
    if (!(fabs(have - want) <= 1e-12 * fmax(1, fabs(want))))
        fail_msg("%.17g, not %.17g", have, want);
}

/* ---- connectionist temporal classification ---- */

enum { FRAMES = 5, CLASSES = 3 };

static const double log_probs[FRAMES * CLASSES] = {-0.5, -1.5, -2.0, -1.2, -0.7, -1.4, -2.5, -0.4,
                                                   -1.9, -0.9, -1.1, -1.3, -1.6, -0.8, -1.0};

/* Whether the path's classes, repetitions and blanks (0) left out, are the target. */
static bool spells(const int path[FRAMES], int frames, const double *target, int length)
{
    int n = 0;
    for (int t = 0; t < frames; t++) {
        if (path[t] == 0 || (t > 0 && path[t] == path[t - 1])) continue;
        if (n == length || target[n] != path[t]) return false;
        n++;
    }
    return n == length;
}

/* -log of the sum over all paths of their probability, over the length. */
static double by_counting(int frames, const double *target, int length)
{
    int n_paths = 1, path[FRAMES] = {0};
    double p = 0;
    for (int t = 0; t < frames; t++) n_paths *= CLASSES;
    for (int k = 0; k < n_paths; k++) {
        double log_p = 0;
        for (int t = 0, rest = k; t < frames; t++, rest /= CLASSES) {
            path[t] = rest % CLASSES;
            log_p += log_probs[t * CLASSES + path[t]];
        }
        if (spells(path, frames, target, length)) p += exp(log_p);
    }
    return -log(p) / (length > 1 ? length : 1);
}

static double by_ctc(int frames, const double *target, int length, const snug_ctc_attrs *attrs)
{
    small s = {.step = op_step(1)};
    small_in(&s, SNUG_F64, log_probs, DIMS(1, FRAMES, CLASSES));
    small_in(&s, SNUG_I32, target, DIMS(1, 3));
    small_in(&s, SNUG_I32, VALUES(frames), DIMS(1));
    small_in(&s, SNUG_I32, VALUES(length), DIMS(1));
    return loss_of(&s, &snug_op_ctc, attrs);
}

static void ctc_counts_every_path(void **state)
{
    (void)state;
    static const double targets[][3] = {{1, 2, 1}, {1, 1, 2}, {2, 2, 2}};
    for (int i = 0; i < 3; i++)
        for (int length = 0; length <= 3; length++)
            for (int frames = 1; frames <= FRAMES; frames++) {
                double want = by_counting(frames, targets[i], length);
                double have = by_ctc(frames, targets[i], length, &(snug_ctc_attrs){0});
                if (isinf(want))
                    assert_true(isinf(have));
                else
                    close_to(have, want);
            }
}

static void ctc_leaves_out_what_does_not_fit(void **state)
{
    (void)state;
    const snug_ctc_attrs zero = {.zero_infinity = 1};
    close_to(by_ctc(2, VALUES(1, 1, 0), 2, &zero), 0);  /* needs a blank between */
    close_to(by_ctc(0, VALUES(1, 2, 0), 1, &zero), 0);  /* no frames */
    close_to(by_ctc(5, VALUES(1, 9, 0), 2, &zero), 0);  /* no such class */
    close_to(by_ctc(5, VALUES(1, -1, 0), 2, &zero), 0); /* likewise */
    assert_true(isinf(by_ctc(2, VALUES(1, 1, 0), 2, &(snug_ctc_attrs){0})));
}

/* ---- cross entropy ---- */

static double entropy(const double *labels, const double *total, const snug_cross_entropy_attrs *a)
{
    small s = {.step = op_step(4)};
    small_in(&s, SNUG_F64, VALUES(1, 2, 0, 3, 1, 1, -1, 2), DIMS(4, 2));
    small_in(&s, SNUG_I32, labels, DIMS(4));
    if (total) small_scalar(&s, SNUG_F64, *total);
    return loss_of(&s, &snug_op_softmax_cross_entropy, a);
}

static void a_total_is_what_the_mean_divides_by(void **state)
{
    (void)state;
    const snug_cross_entropy_attrs plain = {0};
    const double *some = VALUES(0, -100, 1, -100), *no = VALUES(-1, -1, -1, -1);
    double rows = entropy(some, NULL, &plain);
    close_to(entropy(some, VALUES(2), &plain), 2 * rows);
    close_to(entropy(no, VALUES(0), &plain), 0);
}

static void a_focal_loss_of_gamma_0_is_plain(void **state)
{
    (void)state;
    small s = {.step = op_step(3)}, again = {.step = op_step(3)};
    const double *x = VALUES(-2, 0.5, 40), *t = VALUES(1, 0, 1);
    small_in(&s, SNUG_F64, x, DIMS(3)), small_in(&again, SNUG_F64, x, DIMS(3));
    small_in(&s, SNUG_F64, t, DIMS(3)), small_in(&again, SNUG_F64, t, DIMS(3));
    const snug_loss_attrs plain = {.gamma = 0, .alpha = -1};
    close_to(loss_of(&s, &snug_op_sigmoid_focal, &plain),
             loss_of(&again, &snug_op_bce_with_logits, &plain));
}

/* ---- certainty and nothing ---- */

static void binary_cross_entropy_of_certainty_is_finite(void **state)
{
    (void)state;
    const snug_loss_attrs a = {0};
    small right = {.step = op_step(2)}, wrong = {.step = op_step(2)};
    small_in(&right, SNUG_F64, VALUES(1000, -1000), DIMS(2));
    small_in(&right, SNUG_F64, VALUES(1, 0), DIMS(2));
    small_in(&wrong, SNUG_F64, VALUES(1000, -1000), DIMS(2));
    small_in(&wrong, SNUG_F64, VALUES(0, 1), DIMS(2));
    close_to(loss_of(&right, &snug_op_bce_with_logits, &a), 0);
    close_to(loss_of(&wrong, &snug_op_bce_with_logits, &a), 1000);
}

static void what_never_happens_diverges_from_nothing(void **state)
{
    (void)state;
    small s = {.step = op_step(1)};
    small_in(&s, SNUG_F64, VALUES(0, -INFINITY), DIMS(1, 2));
    small_in(&s, SNUG_F64, VALUES(1, 0), DIMS(1, 2));
    close_to(loss_of(&s, &snug_op_kl_divergence, &(snug_loss_attrs){0}), 0);
}

static void equal_rows_have_a_slope_of_0(void **state)
{
    (void)state;
    small s = {.step = op_step(1)};
    for (int i = 0; i < 3; i++) small_in(&s, SNUG_F64, VALUES(1, 2), DIMS(1, 2));
    small_scalar(&s, SNUG_F64, 1);
    small_run(&s, &snug_op_triplet_margin_grad, &(snug_loss_attrs){.margin = 1});
    close_to(snug_load(&s.out[0], 0), 0); /* as near to the one as to the other */
    small_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ctc_counts_every_path),
        cmocka_unit_test(ctc_leaves_out_what_does_not_fit),
        cmocka_unit_test(a_total_is_what_the_mean_divides_by),
        cmocka_unit_test(a_focal_loss_of_gamma_0_is_plain),
        cmocka_unit_test(binary_cross_entropy_of_certainty_is_finite),
        cmocka_unit_test(what_never_happens_diverges_from_nothing),
        cmocka_unit_test(equal_rows_have_a_slope_of_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
