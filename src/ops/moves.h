/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that only move elements, told as copies of boxes: reference kernels walk them one
 * element at a time, fast ones as they please. A box has its lengths and, for both tensors, where
 * its first element is and how many elements one step along each axis goes. A step of 0 in the
 * source repeats it. */
#ifndef OPS_MOVES_H
#define OPS_MOVES_H

#include "ops/rules.h"

#define BOX_DIMS (2 * SNUG_MAX_DIMS)

typedef struct snug_box {
    int n_dims;
    int64_t dim[BOX_DIMS], from[BOX_DIMS], to[BOX_DIMS];
    int64_t from_first, to_first;
} snug_box;

/* One copy of a call: a box of an input into an output. */
typedef struct snug_move {
    int in, out;
    snug_box box;
} snug_move;

#define MAX_MOVES 8 /* SNUG_MAX_IN or SNUG_MAX_OUT, the larger */

/* What each operator moves, at the actual shapes; the number of moves. Elements of outputs that no
 * move reaches are filled before: with zeros, or with pad's value. */
int snug_transpose_moves(const snug_call *c, snug_move *m);
int snug_slice_moves(const snug_call *c, snug_move *m);
int snug_slice_grad_moves(const snug_call *c, snug_move *m);
int snug_pad_moves(const snug_call *c, snug_move *m); /* PAD_CONSTANT */
int snug_concat_moves(const snug_call *c, snug_move *m);
int snug_split_moves(const snug_call *c, snug_move *m);
int snug_tile_moves(const snug_call *c, snug_move *m);

/* Steps of a contiguous tensor. */
void snug_steps(const snug_shape *s, int64_t step[SNUG_MAX_DIMS]);

/* Element by element. Outputs that nobody uses have data NULL. */
void snug_move_ref(const snug_call *c, const snug_move *m);
void snug_moves_ref(const snug_call *c, int (*moves)(const snug_call *, snug_move *));

#endif
