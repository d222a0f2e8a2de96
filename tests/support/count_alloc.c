/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD library that counts every call for memory of the process, whichever thread makes it:
 * malloc, calloc, realloc, aligned allocations, free, mmap, munmap and brk.
 *
 * A program finds it with dlsym(RTLD_DEFAULT, "snug_count_alloc_calls") and takes the difference of
 * two readings; with COUNT_ALLOC_REPORT=FILE in the environment the sums are written there at exit.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALLOC, FREE, MAP, UNMAP, BREAK, N_KINDS };
static const char *const kind_names[N_KINDS] = {"alloc", "free", "mmap", "munmap", "brk"};
static atomic_llong calls[N_KINDS];

/* Calls for memory so far (not those that give it back). */
long long snug_count_alloc_calls(void)
{
    return atomic_load(&calls[ALLOC]) + atomic_load(&calls[MAP]) + atomic_load(&calls[BREAK]);
}

/* glibc's own entry points, so that no dlsym is needed before memory is there. */
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static void count(int kind)
{
    atomic_fetch_add_explicit(&calls[kind], 1, memory_order_relaxed);
}

void *malloc(size_t bytes)
{
    count(ALLOC);
    return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t each)
{
    count(ALLOC);
    return __libc_calloc(n, each);
}

void *realloc(void *p, size_t bytes)
{
    count(ALLOC);
    return __libc_realloc(p, bytes);
}

void *memalign(size_t alignment, size_t bytes)
{
    count(ALLOC);
    return __libc_memalign(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return memalign(alignment, bytes);
}

int posix_memalign(void **out, size_t alignment, size_t bytes)
{
    *out = memalign(alignment, bytes);
    return *out ? 0 : 12; /* ENOMEM */
}

void free(void *p)
{
    if (p) count(FREE);
    __libc_free(p);
}

void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    static void *(*real)(void *, size_t, int, int, int, off_t);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "mmap");
    count(MAP);
    return real(at, bytes, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    return mmap(at, bytes, protection, flags, fd, offset);
}

int munmap(void *p, size_t bytes)
{
    static int (*real)(void *, size_t);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "munmap");
    count(UNMAP);
    return real(p, bytes);
}

void *sbrk(intptr_t increment)
{
    static void *(*real)(intptr_t);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "sbrk");
    count(BREAK);
    return real(increment);
}

__attribute__((destructor)) static void report(void)
{
    const char *path = getenv("COUNT_ALLOC_REPORT");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : -1;
    if (fd < 0) return;
    char text[256];
    int n = 0;
    for (int k = 0; k < N_KINDS; k++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s %lld\n", kind_names[k],
                      (long long)atomic_load(&calls[k]));
    if (write(fd, text, (size_t)n) != n) _exit(1);
    close(fd);
}
