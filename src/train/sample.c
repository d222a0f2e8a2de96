/* SPDX-License-Identifier: Apache-2.0 */
/* Sampling: logits over the temperature, cut to the top k, then to the fewest whose probabilities
 * among those reach p (nucleus sampling, Holtzman et al. 2020), and one number of Philox keyed by
 * seed and position. */
#include "train/sample.h"
#include "base/rng.h"
#include <math.h>

static int32_t likeliest(const float *logits, int64_t n)
{
    int32_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = (int32_t)i;
    return best;
}

/* Whether a stands before b: higher logits first, of equals the lower number. */
static int before(const float *logits, int32_t a, int32_t b)
{
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

/* Lets the element at `at` sink to its place in a heap whose root stands last. */
static void sink(const float *logits, int32_t *heap, int64_t n, int64_t at)
{
    for (;;) {
        int64_t child = 2 * at + 1;
        if (child >= n) return;
        if (child + 1 < n && before(logits, heap[child], heap[child + 1])) child++;
        if (!before(logits, heap[at], heap[child])) return;
        const int32_t swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
        at = child;
    }
}

/* All tokens, the likeliest first. */
static void sort_tokens(const float *logits, int64_t n, int32_t *order)
{
    for (int64_t i = 0; i < n; i++) order[i] = (int32_t)i;
    for (int64_t i = n / 2 - 1; i >= 0; i--) sink(logits, order, n, i);
    for (int64_t left = n - 1; left > 0; left--) {
        const int32_t last = order[0];
        order[0] = order[left];
        order[left] = last;
        sink(logits, order, left, 0);
    }
}

/* How many of the sorted tokens may be drawn. */
static int64_t cut(const snug_sampling *s, int64_t n, const double *weight)
{
    const int64_t k = s->top_k > 0 && s->top_k < n ? s->top_k : n;
    double sum = 0, reached = 0;
    if (!(s->top_p > 0 && s->top_p < 1)) return k;
    for (int64_t i = 0; i < k; i++) sum += weight[i];
    for (int64_t i = 0; i < k; i++) {
        reached += weight[i];
        if (reached >= s->top_p * sum) return i + 1;
    }
    return k;
}

int32_t snug_sample(const float *logits, int64_t n, const snug_sampling *s, uint64_t position,
                    int32_t *order, double *weight)
{
    uint32_t u[4];
    double sum = 0, at = 0;
    if (!(s->temperature > 0)) return likeliest(logits, n);
    sort_tokens(logits, n, order);
    const double most = (double)logits[order[0]];
    for (int64_t i = 0; i < n; i++)
        weight[i] = exp(((double)logits[order[i]] - most) / s->temperature);
    const int64_t kept = cut(s, n, weight);
    for (int64_t i = 0; i < kept; i++) sum += weight[i];
    snug_rng(s->seed, RNG_GENERATE, position, 0, u);
    const double drawn = snug_rng_double(u[0], u[1]) * sum;
    for (int64_t i = 0; i < kept; i++) {
        at += weight[i];
        if (drawn < at) return order[i];
    }
    return order[kept - 1];
}

double snug_sample_probability(const float *logits, int64_t n, int32_t token)
{
    const double most = (double)logits[likeliest(logits, n)];
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += exp((double)logits[i] - most);
    return exp((double)logits[token] - most) / sum;
}
