/* SPDX-License-Identifier: Apache-2.0 */
/* Everything public, in one header. */
#ifndef SNUG_SNUG_H
#define SNUG_SNUG_H

#include <snug/context.h>
#include <snug/data.h>
#include <snug/graph.h>
#include <snug/leaves.h>
#include <snug/machine.h>
#include <snug/op.h>
#include <snug/recipe.h>
#include <snug/run.h>
#include <snug/status.h>
#include <snug/tensor.h>
#include <snug/text.h>
#include <snug/train.h>

#endif
