/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that only move elements (ops/moves.h): transpose, slice, pad, concat, split, tile. A
 * box is made as simple as it gets (axes of one element dropped, neighbours joined where both
 * tensors walk them alike), and then copied in runs where its last axis is contiguous in both
 * tensors, in square blocks where each tensor is contiguous along another axis, and by elements
 * otherwise. Bits are moved, whatever the element type. */
#include "kernels/cpu/spans.h"
#include "ops/moves.h"

enum { SQUARE = 64 }; /* elements of a block's side: its lines stay in the first-level cache */

/* The axis that the innermost copy runs along, `other` beside it in a block of a transpose, and
 * the outer axes, of which the last counts chunks of the inner one. */
typedef struct copier {
    const char *from;
    char *to;
    size_t bytes; /* of an element */
    int n_outer;
    int64_t dim[BOX_DIMS + 1], from_step[BOX_DIMS + 1], to_step[BOX_DIMS + 1];
    int64_t n, chunk, from_in, to_in;
    int64_t n_other, from_other;
    void (*inner)(const struct copier *, const char *from, char *to, int64_t n);
    int64_t units, units_per_task; /* a unit is one chunk */
} copier;

/* ---- innermost copies -------------------------------------------------------------------------
 */

static void copy_run(const copier *k, const char *from, char *to, int64_t n)
{
    size_t bytes = (size_t)n * k->bytes;
    if (bytes > 64 || bytes % 4) {
        memcpy(to, from, bytes);
        return;
    }
    for (size_t i = 0; i < bytes; i += 4) memcpy(to + i, from + i, 4);
}

#define COPY_EACH(size)                                                                            \
    for (int64_t i = 0; i < n; i++) memcpy(to + i * to_step, from + i * from_step, size)

static void copy_elements(const copier *k, const char *from, char *to, int64_t n)
{
    int64_t from_step = k->from_in * (int64_t)k->bytes, to_step = k->to_in * (int64_t)k->bytes;
    if (k->bytes == 4)
        COPY_EACH(4);
    else if (k->bytes == 1)
        COPY_EACH(1);
    else if (k->bytes == 2)
        COPY_EACH(2);
    else
        COPY_EACH(8);
}

/* One word again and again. */
static void repeat_word(const copier *k, const char *from, char *to, int64_t n)
{
    (void)k;
    float word;
    memcpy(&word, from, sizeof word);
    vf all = vset1(word);
    float *t = (float *)to;
    for (int64_t i = 0; i < n; i += VLEN) vstore_upto(t + i, all, vlanes(i, n));
}

/* VLEN x VLEN words or fewer: rows of `from` are columns of `to`. */
static void turn_square(const copier *k, const float *from, float *to, int n, int n_other)
{
    vf r[VLEN];
    for (int i = 0; i < VLEN; i++)
        r[i] = i < n_other ? vload_upto(from + i * k->from_other, n) : vzero();
    vtranspose(r);
    for (int i = 0; i < n; i++) vstore_upto(to + i * k->to_in, r[i], n_other);
}

static void turn_words(const copier *k, const char *from, char *to, int64_t n)
{
    const float *f = (const float *)from;
    float *t = (float *)to;
    for (int64_t j = 0; j < k->n_other; j += VLEN)
        for (int64_t i = 0; i < n; i += VLEN)
            turn_square(k, f + j * k->from_other + i, t + i * k->to_in + j, vlanes(i, n),
                        vlanes(j, k->n_other));
}

/* ---- boxes ------------------------------------------------------------------------------------
 */

static snug_box simplify(const snug_box *b)
{
    snug_box s = {.from_first = b->from_first, .to_first = b->to_first};
    for (int d = 0; d < b->n_dims; d++) {
        if (b->dim[d] == 1) continue;
        int last = s.n_dims - 1;
        bool joined = last >= 0 && s.from[last] == b->from[d] * b->dim[d] &&
                      s.to[last] == b->to[d] * b->dim[d];
        if (!joined) s.n_dims++, last++, s.dim[last] = 1;
        s.dim[last] *= b->dim[d];
        s.from[last] = b->from[d], s.to[last] = b->to[d];
    }
    if (s.n_dims == 0) s.n_dims = 1, s.dim[0] = 1, s.from[0] = s.to[0] = 1;
    return s;
}

/* Another axis than the last that is contiguous in the source, when the last one is in the output;
 * -1: there is none, or elements are no words. */
static int turned_axis(const snug_box *b, size_t bytes)
{
    int last = b->n_dims - 1;
    if (bytes != sizeof(float) || b->to[last] != 1 || b->from[last] == 1) return -1;
    for (int d = 0; d < last; d++)
        if (b->from[d] == 1) return d;
    return -1;
}

static void choose_inner(copier *k, const snug_box *b)
{
    int last = b->n_dims - 1, turned = turned_axis(b, k->bytes), in = turned < 0 ? last : turned;
    k->n = b->dim[in], k->from_in = b->from[in], k->to_in = b->to[in];
    k->chunk = turned < 0 ? SPAN_STREAM : SQUARE;
    k->inner = copy_elements;
    if (turned >= 0) k->inner = turn_words;
    if (turned < 0 && k->to_in == 1) {
        if (k->from_in == 1) k->inner = copy_run;
        if (k->from_in == 0 && k->bytes == sizeof(float)) k->inner = repeat_word;
    }
    k->n_other = 1;
    if (turned >= 0) k->n_other = b->dim[last], k->from_other = b->from[last];
    for (int d = 0; d < b->n_dims; d++) {
        if (d == in || (turned >= 0 && d == last)) continue;
        k->dim[k->n_outer] = b->dim[d];
        k->from_step[k->n_outer] = b->from[d], k->to_step[k->n_outer++] = b->to[d];
    }
    k->dim[k->n_outer] = (k->n + k->chunk - 1) / k->chunk;
    k->from_step[k->n_outer] = k->from_in * k->chunk;
    k->to_step[k->n_outer++] = k->to_in * k->chunk;
}

static void copy_task(void *arg, int64_t task, int thread)
{
    const copier *k = arg;
    (void)thread;
    int64_t at[BOX_DIMS + 1], begin = task * k->units_per_task, from = 0, to = 0, rest = begin;
    int64_t end = begin + k->units_per_task < k->units ? begin + k->units_per_task : k->units;
    int last = k->n_outer - 1;
    for (int d = last; d >= 0; d--) {
        at[d] = rest % k->dim[d], rest /= k->dim[d];
        from += at[d] * k->from_step[d], to += at[d] * k->to_step[d];
    }
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t left = k->n - at[last] * k->chunk;
        k->inner(k, k->from + from * (int64_t)k->bytes, k->to + to * (int64_t)k->bytes,
                 left < k->chunk ? left : k->chunk);
        for (int d = last; d >= 0; d--) {
            from += k->from_step[d], to += k->to_step[d];
            if (++at[d] < k->dim[d]) break;
            from -= k->from_step[d] * k->dim[d], to -= k->to_step[d] * k->dim[d];
            at[d] = 0;
        }
    }
}

static void copy_box(const snug_call *c, const snug_box *box, const void *from, void *to,
                     size_t bytes)
{
    for (int d = 0; d < box->n_dims; d++)
        if (box->dim[d] == 0) return;
    snug_box b = simplify(box);
    copier k = {.bytes = bytes};
    k.from = (const char *)from + b.from_first * (int64_t)bytes;
    k.to = (char *)to + b.to_first * (int64_t)bytes;
    choose_inner(&k, &b);
    k.units = 1;
    for (int d = 0; d < k.n_outer; d++) k.units *= k.dim[d];
    int64_t unit = (k.n < k.chunk ? k.n : k.chunk) * k.n_other;
    k.units_per_task = span_rows(unit, SPAN_STREAM);
    int64_t tasks = (k.units + k.units_per_task - 1) / k.units_per_task;
    snug_parallel(c->queue, tasks, copy_task, &k);
}

/* ---- kernels ----------------------------------------------------------------------------------
 */

static size_t element_bytes(const snug_tensor *t)
{
    return snug_dtype_get(t->type.dtype)->block_bytes;
}

static void move_all(const snug_call *c, int (*moves)(const snug_call *, snug_move *))
{
    snug_move m[MAX_MOVES];
    int n = moves(c, m);
    for (int i = 0; i < n; i++)
        if (c->out[m[i].out].data)
            copy_box(c, &m[i].box, c->in[m[i].in].data, c->out[m[i].out].data,
                     element_bytes(&c->out[0]));
}

/* Every element of the output. */
static void fill(const snug_call *c, double value)
{
    _Alignas(16) char element[16];
    const snug_tensor *y = &c->out[0];
    snug_dtype_get(y->type.dtype)->store(element, 0, value);
    snug_box b = {.n_dims = 1, .dim = {snug_shape_elements(&y->type.shape)}, .to = {1}};
    copy_box(c, &b, element, y->data, element_bytes(y));
}

static bool moves_elements(const snug_sig *s)
{
    return snug_dtype_get(s->in[0].dtype)->block_elements == 1;
}

static bool moves_pad(const snug_sig *s)
{
    return moves_elements(s) && ((const snug_pad_attrs *)s->attrs)->mode == PAD_CONSTANT;
}

static void k_transpose(const snug_call *c)
{
    move_all(c, snug_transpose_moves);
}

static void k_slice(const snug_call *c)
{
    move_all(c, snug_slice_moves);
}

static void k_slice_grad(const snug_call *c)
{
    fill(c, 0);
    move_all(c, snug_slice_grad_moves);
}

static void k_pad(const snug_call *c)
{
    fill(c, ((const snug_pad_attrs *)c->attrs)->value);
    move_all(c, snug_pad_moves);
}

static void k_concat(const snug_call *c)
{
    move_all(c, snug_concat_moves);
}

static void k_split(const snug_call *c)
{
    move_all(c, snug_split_moves);
}

static void k_tile(const snug_call *c)
{
    move_all(c, snug_tile_moves);
}

KERNEL_TABLE(move) = {
    {.op = "transpose", .name = "k_transpose", .fits = moves_elements, .run = k_transpose},
    {.op = "slice", .name = "k_slice", .fits = moves_elements, .run = k_slice},
    {.op = "slice_grad", .name = "k_slice_grad", .fits = moves_elements, .run = k_slice_grad},
    {.op = "pad", .name = "k_pad", .fits = moves_pad, .run = k_pad},
    {.op = "concat", .name = "k_concat", .fits = moves_elements, .run = k_concat},
    {.op = "split", .name = "k_split", .fits = moves_elements, .run = k_split},
    {.op = "tile", .name = "k_tile", .fits = moves_elements, .run = k_tile},
    {0},
};
