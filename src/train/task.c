/* SPDX-License-Identifier: Apache-2.0 */
/* Finds tasks. */
#include "train/task.h"

#define SNUG_TASK(id) extern const snug_task snug_task_##id;
#include "train/tasks.def"
#undef SNUG_TASK

const snug_task *snug_task_find(snug_target_kind target)
{
    static const snug_task *const table[] = {
#define SNUG_TASK(id) &snug_task_##id,
#include "train/tasks.def"
#undef SNUG_TASK
    };
    for (size_t i = 0; i < sizeof table / sizeof(snug_task *); i++)
        if (table[i]->target == target) return table[i];
    return NULL;
}
