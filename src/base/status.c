/* SPDX-License-Identifier: Apache-2.0 */
/* The error record: one a thread, of fixed size, so that running out of memory can be told too.
 * The first message wins; whoever fails later only adds a frame. */
#include "base/status.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_FRAMES 16

static _Thread_local snug_error_copy record;

static void add_frame(const char *file, int line, const char *func)
{
    if (record.n_frames == MAX_FRAMES) return;
    char *frame = record.frame[record.n_frames++];
    snprintf(frame, sizeof record.frame[0], "%s:%d %s", file, line, func);
}

snug_status snug_fail(snug_status s, const char *file, int line, const char *func, const char *fmt,
                      ...)
{
    if (record.status == SNUG_OK) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(record.message, sizeof record.message, fmt, args);
        va_end(args);
        record.status = s;
        record.n_frames = 0;
    }
    add_frame(file, line, func);
    return s;
}

snug_status snug_error_pass(snug_status s, const char *file, int line, const char *func)
{
    if (record.status == SNUG_OK)
        return snug_fail(s, file, line, func, "%s error", snug_status_name(s));
    add_frame(file, line, func);
    return s;
}

const char *snug_error_message(void)
{
    return record.status == SNUG_OK ? "" : record.message;
}

snug_status snug_error_status(void)
{
    return record.status;
}

void snug_error_clear(void)
{
    record.status = SNUG_OK;
    record.n_frames = 0;
}

int snug_error_frame_count(void)
{
    return record.n_frames;
}

const char *snug_error_frame(int i)
{
    return i >= 0 && i < record.n_frames ? record.frame[i] : "";
}

void snug_error_take(snug_error_copy *out)
{
    *out = record;
    snug_error_clear();
}

snug_status snug_error_give(const snug_error_copy *in)
{
    if (record.status == SNUG_OK && in->status != SNUG_OK) record = *in;
    return in->status;
}

static const struct {
    const char *name;
    int exit_code;
} statuses[] = {
    [SNUG_OK] = {"ok", 0},
    [SNUG_EINVAL] = {"invalid", 2},
    [SNUG_ESHAPE] = {"shape", 2},
    [SNUG_EFORMAT] = {"format", 2},
    [SNUG_ENOENT] = {"missing", 2},
    [SNUG_EUNSUPPORTED] = {"unsupported", 2},
    [SNUG_EBUDGET] = {"budget", 3},
    [SNUG_EINTERRUPTED] = {"interrupted", 130},
    [SNUG_ENUMERIC] = {"numeric", 1},
    [SNUG_EIO] = {"io", 1},
    [SNUG_ENOMEM] = {"memory", 1},
    [SNUG_ESYSTEM] = {"system", 1},
};

#define N_STATUSES (sizeof statuses / sizeof statuses[0])

const char *snug_status_name(snug_status s)
{
    return (size_t)s < N_STATUSES ? statuses[s].name : "unknown";
}

int snug_status_exit_code(snug_status s)
{
    return (size_t)s < N_STATUSES ? statuses[s].exit_code : 1;
}
