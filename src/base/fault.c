/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of the test hook. Disarmed, a call costs one atomic addition. */
#include "base/fault.h"
#include "base/os.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[N_FAULTS] = {
    [FAULT_ALLOC] = "alloc",   [FAULT_READ] = "read", [FAULT_WRITE] = "write",
    [FAULT_RENAME] = "rename", [FAULT_SYNC] = "sync", [FAULT_OPEN] = "open",
    [FAULT_THREAD] = "thread", [FAULT_STEP] = "step",
};

static atomic_llong seen[N_FAULTS];
static atomic_llong armed[N_FAULTS]; /* the call that fails, counted from arming; 0: none */
static atomic_flag env_read = ATOMIC_FLAG_INIT;
static atomic_bool fatal; /* die instead of failing */

/* SNUG_FAULT="write:3" or "write:3:kill", read at the first question. */
static void arm_from_environment(void)
{
    const char *text = getenv("SNUG_FAULT");
    const char *colon = text ? strchr(text, ':') : NULL;
    if (!colon) return;
    size_t length = (size_t)(colon - text);
    for (int kind = 0; kind < N_FAULTS; kind++)
        if (strlen(kind_names[kind]) == length && !strncmp(kind_names[kind], text, length))
            atomic_store(&armed[kind], strtoll(colon + 1, NULL, 10));
    atomic_store(&fatal, strstr(colon + 1, ":kill") != NULL);
}

void snug_fault_arm(snug_fault kind, int64_t n)
{
    atomic_flag_test_and_set(&env_read);
    atomic_store(&seen[kind], 0);
    atomic_store(&armed[kind], n);
}

int64_t snug_fault_count(snug_fault kind)
{
    return atomic_load(&seen[kind]);
}

bool snug_fault_hit(snug_fault kind)
{
    if (!atomic_flag_test_and_set(&env_read)) arm_from_environment();
    long long n = atomic_fetch_add(&seen[kind], 1) + 1;
    if (n != atomic_load(&armed[kind])) return false;
    if (atomic_load(&fatal)) snug_os_die();
    return true;
}
