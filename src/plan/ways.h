/* SPDX-License-Identifier: Apache-2.0 */
/* Ways that kernels were told to go: a text of items "KEY=WAY; KEY=WAY", where a key is an operator
 * and the shapes of its first two inputs and its first output, with N for the batch. It belongs to
 * a recipe and to the model that was trained by it, because another way has other last bits. */
#ifndef PLAN_WAYS_H
#define PLAN_WAYS_H

#include "kernels/kernel.h"

enum { SNUG_WAY_KEY = 256 };

void snug_way_key(const char *op, const snug_sig *sig, char key[SNUG_WAY_KEY]);
/* *way: which of the kernel's ways the text asks for, 1 for the first; 0 when it says nothing. */
snug_status snug_way_find(const char *text, const snug_kernel *kernel, const char *op,
                          const snug_sig *sig, int *way) SNUG_MUST_USE;

#endif
