/* SPDX-License-Identifier: Apache-2.0 */
/* Short names inside Snug for the public error macros. */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

#include <inttypes.h>
#include <snug/status.h>
#include <stddef.h>

#define TRY   SNUG_TRY
#define CHECK SNUG_CHECK
#define FAIL  SNUG_FAIL

/* A copy of this thread's record, to be handed to the thread that joins this one. */
typedef struct snug_error_copy {
    snug_status status;
    int n_frames;
    char message[512];
    char frame[16][96];
} snug_error_copy;

void snug_error_take(snug_error_copy *out); /* copies and clears */
snug_status
snug_error_give(const snug_error_copy *in); /* becomes this thread's record unless it has one */

#endif
