/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes and the error record.
 *
 * Every function that can fail returns a snug_status; results come back through out-pointers and
 * are set only on success. What went wrong is kept in a record of fixed size, one a thread: the
 * first message wins, and callers add frames on the way up. Nothing in it is allocated, so that
 * running out of memory can be told too.
 *
 *     if (snug_context_create(NULL, &ctx) != SNUG_OK)
 *         fprintf(stderr, "%s\n", snug_error_message());
 */
#ifndef SNUG_STATUS_H
#define SNUG_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SNUG_API          __attribute__((visibility("default")))
#define SNUG_MUST_USE     __attribute__((warn_unused_result))
#define SNUG_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define SNUG_API
#define SNUG_MUST_USE
#define SNUG_PRINTF(f, a)
#endif

typedef enum snug_status {
    SNUG_OK = 0,
    SNUG_EINVAL,       /* a wrong argument, option or recipe key */
    SNUG_ESHAPE,       /* shapes or types that do not fit together */
    SNUG_EFORMAT,      /* a file whose content is malformed, truncated or lies */
    SNUG_ENOENT,       /* a file, run or name that does not exist */
    SNUG_EUNSUPPORTED, /* well-formed, but not something this build can do */
    SNUG_EBUDGET,      /* the declared budget cannot be met */
    SNUG_EINTERRUPTED, /* the user asked to stop; the work was saved */
    SNUG_ENUMERIC,     /* NaN or Inf where a number was needed */
    SNUG_EIO,          /* the system refused a read, a write or a rename */
    SNUG_ENOMEM,       /* the system refused memory */
    SNUG_ESYSTEM       /* the system refused something else (a thread, a signal handler) */
} snug_status;

/* The first message recorded on this thread since the last snug_error_clear; "" when there is none.
 * Valid until the next call into Snug on this thread. */
SNUG_API const char *snug_error_message(void);
SNUG_API snug_status snug_error_status(void);
SNUG_API void snug_error_clear(void);

/* Frames added while the error travelled up, innermost first: "file:line function". */
SNUG_API int snug_error_frame_count(void);
SNUG_API const char *snug_error_frame(int i);

/* Short name of a status, such as "shape". */
SNUG_API const char *snug_status_name(snug_status s);

/* What a command should exit with: 0, 1 (failed while running), 2 (bad usage or input), 3 (budget),
 * 130 (interrupted). */
SNUG_API int snug_status_exit_code(snug_status s);

/* Record an error and return its status. Used through the macros below, by operators of a program
 * as by Snug itself. */
SNUG_API snug_status snug_fail(snug_status s, const char *file, int line, const char *func,
                               const char *fmt, ...) SNUG_PRINTF(5, 6);
SNUG_API snug_status snug_error_pass(snug_status s, const char *file, int line, const char *func);

/* The value is `status` itself, so that compilers and analysers see that it is not SNUG_OK. */
#define SNUG_FAIL(status, ...)                                                                     \
    ((void)snug_fail((status), __FILE__, __LINE__, __func__, __VA_ARGS__), (status))

/* Return from the enclosing function with an error unless `cond` holds. */
#define SNUG_CHECK(cond, status, ...)                                                              \
    do {                                                                                           \
        if (!(cond)) return SNUG_FAIL((status), __VA_ARGS__);                                      \
    } while (0)

/* Return from the enclosing function when `expr` fails, adding a frame. */
#define SNUG_TRY(expr)                                                                             \
    do {                                                                                           \
        snug_status snug_try_s = (expr);                                                           \
        if (snug_try_s != SNUG_OK) {                                                               \
            (void)snug_error_pass(snug_try_s, __FILE__, __LINE__, __func__);                       \
            return snug_try_s;                                                                     \
        }                                                                                          \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
