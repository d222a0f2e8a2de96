/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes, times and names as people write them, and the terminal that shows them: what a program
 * around Snug needs to speak as Snug does. Nothing here depends on the locale.
 */
#ifndef SNUG_TEXT_H
#define SNUG_TEXT_H

#include <snug/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "64M" -> 67108864; K M G T are powers of 1024, a trailing B or iB is allowed. */
SNUG_API snug_status snug_parse_size(const char *text, int64_t *out) SNUG_MUST_USE;
/* "20m" -> 1200.0 seconds; s m h d; a bare number is seconds. */
SNUG_API snug_status snug_parse_time(const char *text, double *out) SNUG_MUST_USE;
/* The whole text must be a number. */
SNUG_API snug_status snug_parse_int(const char *text, int64_t *out) SNUG_MUST_USE;
SNUG_API snug_status snug_parse_double(const char *text, double *out) SNUG_MUST_USE;

/* "63.9 M", "1.2 K": at most 8 characters. Returns buf, as does the next. */
SNUG_API const char *snug_format_size(double bytes, char *buf, size_t buf_bytes);
/* "850 ms", "1m20s" */
SNUG_API const char *snug_format_time(double seconds, char *buf, size_t buf_bytes);

/* Index of the name nearest to `typo` by edit distance, -1 when none is near enough to offer. */
SNUG_API int snug_nearest(const char *typo, int n, const char *const *names);

/* Columns of the terminal that this file descriptor is; 0 when it is none. COLUMNS in the
 * environment overrides what the terminal says. */
SNUG_API int snug_terminal_columns(int fd);
/* Seconds on a clock that never goes back. */
SNUG_API double snug_now(void);

#ifdef __cplusplus
}
#endif
#endif
