/* SPDX-License-Identifier: Apache-2.0 */
/* System calls as base/ uses them, implemented by os_posix.c alone. Functions that return int give
 * 0 or an errno value; none records an error and none asks the fault hook unless it says so. */
#ifndef BASE_OS_CALLS_H
#define BASE_OS_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- memory ---- */
size_t snug_os_page_bytes(void);
void *snug_os_map(size_t bytes);     /* zero pages, all resident; NULL when refused */
void *snug_os_reserve(size_t bytes); /* likewise, each resident once it is touched */
void snug_os_unmap(void *p, size_t bytes);

/* ---- files. Reading, writing, opening, renaming and syncing ask the fault hook. ---- */
typedef enum snug_os_mode {
    OS_READ,
    OS_CREATE_NEW, /* fails with EEXIST */
    OS_APPEND,     /* created when missing; for reading and writing at any place */
    OS_UNNAMED     /* path is a folder; for reading and writing; gone when closed */
} snug_os_mode;

typedef enum snug_os_kind { OS_MISSING, OS_FILE, OS_DIR, OS_OTHER } snug_os_kind;

int snug_os_open(const char *path, snug_os_mode mode, int *fd);
void snug_os_close(int fd);
int snug_os_size(int fd, uint64_t *size);
bool snug_os_is_regular(int fd); /* no pipe, no device */
snug_os_kind snug_os_kind_of(const char *path);
/* As many bytes as there are up to `bytes`; short only at the end of the file. */
int snug_os_read_at(int fd, uint64_t offset, void *out, size_t bytes, size_t *done);
/* From the file's position on; for files that do not tell their size (/proc). */
int snug_os_read(int fd, void *out, size_t bytes, size_t *done);
int snug_os_write_at(int fd, uint64_t offset, const void *data, size_t bytes, size_t *done);
int snug_os_truncate(int fd, uint64_t size);
int snug_os_sync(int fd);
int snug_os_sync_dir(const char *path);
int snug_os_rename(const char *from, const char *to);
int snug_os_remove(const char *path);
int snug_os_make_dir(const char *path);
int snug_os_list(const char *path, bool (*each)(void *arg, const char *name), void *arg);
const char *snug_os_error_text(int error, char *buf, size_t buf_bytes);
int snug_os_process_id(void);

/* ---- threads ---- */
typedef struct snug_os_thread snug_os_thread;
/* On a stack of SNUG_STACK_BYTES of its own, resident from the start, all signals blocked. Asks the
 * fault hook. */
int snug_os_thread_start(void (*fn)(void *arg), void *arg, snug_os_thread **out);
void snug_os_thread_join(snug_os_thread *t); /* frees it and its stack */
size_t snug_os_thread_bytes(void);           /* resident bytes that one adds */

/* A mutex with one condition. */
typedef struct snug_os_gate snug_os_gate;
snug_os_gate *snug_os_gate_create(void); /* NULL: refused */
void snug_os_gate_destroy(snug_os_gate *g);
void snug_os_gate_lock(snug_os_gate *g);
void snug_os_gate_unlock(snug_os_gate *g);
void snug_os_gate_wait(snug_os_gate *g);        /* locked before and after */
void snug_os_gate_wake(snug_os_gate *g, int n); /* up to n of those who wait; locked */

static inline void snug_os_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
