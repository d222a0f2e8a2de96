/* SPDX-License-Identifier: Apache-2.0 */
/* POSIX, and what Linux adds to it: the only file of Snug that knows. Signals never cut a call
 * short, and partial reads and writes are continued. */
#define _GNU_SOURCE
#include "base/fault.h"
#include "base/memory.h"
#include "base/os.h"
#include "base/os_calls.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#ifdef __linux__
#include <sys/prctl.h>
#endif

/* ---- what was loaded before ---- */

snug_os_counter snug_os_alloc_counter(void)
{
    snug_os_counter counter = NULL;
    *(void **)&counter = dlsym(RTLD_DEFAULT, "snug_count_alloc_calls");
    return counter;
}

/* ---- clocks ---- */

static double read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double snug_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double snug_wall_time(void)
{
    return read_clock(CLOCK_REALTIME);
}

/* Linux tells in clock ticks when a process began; so this is late by a tick (10 ms) at most. */
double snug_os_process_seconds(void)
{
    char text[1024];
    FILE *f = fopen("/proc/self/stat", "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f) fclose(f);
    text[n] = '\0';
    const char *p = strrchr(text, ')'); /* the name before it may hold anything */
    for (int field = 2; p && field < 22; field++) p = strchr(p + 1, ' ');
    if (!p) return read_clock(CLOCK_PROCESS_CPUTIME_ID);
    return read_clock(CLOCK_BOOTTIME) - strtod(p, NULL) / (double)sysconf(_SC_CLK_TCK);
}

/* ---- the terminal ---- */

int snug_terminal_columns(int fd)
{
    struct winsize size = {0};
    if (!isatty(fd)) return 0;
    const char *wanted = getenv("COLUMNS");
    int columns = wanted ? atoi(wanted) : 0;
    if (columns > 0) return columns;
    bool told = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return told ? size.ws_col : 80;
}

/* ---- what the system tells in small text files ---- */

/* The start of a file of /proc or /sys as a string; "" when it cannot be read. Bypasses the fault
 * hook: nothing depends on success. */
static const char *read_small(const char *path, char *buf, size_t buf_bytes)
{
    buf[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return buf;
    size_t n = 0;
    for (ssize_t got = 1; got > 0 && n + 1 < buf_bytes; n += got > 0 ? (size_t)got : 0)
        got = read(fd, buf + n, buf_bytes - 1 - n);
    close(fd);
    buf[n] = '\0';
    return buf;
}

/* The number after `key` in /proc/self/status, in bytes. */
static uint64_t status_bytes(const char *key)
{
    char text[4096];
    const char *line = strstr(read_small("/proc/self/status", text, sizeof text), key);
    return line ? strtoull(line + strlen(key), NULL, 10) * 1024 : 0;
}

uint64_t snug_os_rss(void)
{
    return status_bytes("VmRSS:");
}

uint64_t snug_os_peak_rss(void)
{
    return status_bytes("VmHWM:");
}

double snug_os_steal_seconds(void)
{
    char text[512];
    unsigned long long steal = 0;
    if (sscanf(read_small("/proc/stat", text, sizeof text), "cpu %*u %*u %*u %*u %*u %*u %*u %llu",
               &steal) != 1)
        return 0;
    return (double)steal / (double)sysconf(_SC_CLK_TCK);
}

int snug_os_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

static uint64_t limit_in(const char *path, uint64_t best)
{
    char text[64];
    uint64_t limit = strtoull(read_small(path, text, sizeof text), NULL, 10); /* "max": 0 */
    return limit && limit < best ? limit : best;
}

static uint64_t group_limit(const char *folder, uint64_t best)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/memory.max", folder);
    return limit_in(path, best);
}

/* The least of `of` over this process's control group (version 2) and those above it. */
static uint64_t least_of_groups(uint64_t (*of)(const char *folder, uint64_t best), uint64_t best)
{
    char text[1024], folder[1100];
    const char *group = strstr(read_small("/proc/self/cgroup", text, sizeof text), "0::/");
    if (!group) return best;
    snprintf(folder, sizeof folder, "/sys/fs/cgroup%.*s", (int)strcspn(group + 3, "\n"), group + 3);
    const size_t root = strlen("/sys/fs/cgroup");
    for (size_t n = strlen(folder); n >= root; n = (size_t)(strrchr(folder, '/') - folder)) {
        folder[n] = '\0';
        best = of(folder, best);
    }
    return best;
}

uint64_t snug_os_memory(void)
{
    uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
    const uint64_t one = /* version 1, as it is inside a container */
        limit_in("/sys/fs/cgroup/memory/memory.limit_in_bytes", pages * snug_os_page_bytes());
    return least_of_groups(group_limit, one);
}

/* The number behind `key`, which begins a line; `missing` where there is none. */
static uint64_t number_of(const char *text, const char *key, uint64_t missing)
{
    const size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, n) == 0) return strtoull(line + n, NULL, 10);
    }
    return missing;
}

/* What is left to a control group: its limit without what it uses, of which pages of files can be
 * had back. */
static uint64_t group_room(const char *folder, uint64_t best)
{
    char path[1200], text[4096];
    snprintf(path, sizeof path, "%s/memory.max", folder);
    const uint64_t limit = limit_in(path, UINT64_MAX);
    if (limit == UINT64_MAX) return best;
    snprintf(path, sizeof path, "%s/memory.current", folder);
    const uint64_t used = strtoull(read_small(path, text, sizeof text), NULL, 10);
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    read_small(path, text, sizeof text);
    const uint64_t files =
        number_of(text, "inactive_file ", 0) + number_of(text, "active_file ", 0);
    const uint64_t held = used > files ? used - files : 0, room = limit > held ? limit - held : 0;
    return room < best ? room : best;
}

uint64_t snug_os_free_memory(void)
{
    char text[4096];
    read_small("/proc/meminfo", text, sizeof text);
    const uint64_t available = number_of(text, "MemAvailable:", UINT64_MAX / 2048);
    const uint64_t free = 1024 * (available + number_of(text, "SwapFree:", 0));
    return least_of_groups(group_room, free);
}

/* ---- pages ---- */

size_t snug_os_page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static void touch(volatile char *p, size_t bytes, bool write)
{
    size_t page = snug_os_page_bytes();
    for (size_t i = 0; i < bytes; i += page) {
        if (write)
            p[i] = 0;
        else
            (void)p[i];
    }
}

/* Make pages resident; by hand where the kernel (before Linux 5.14) cannot. */
static int populate(char *p, size_t bytes, bool write)
{
#ifdef MADV_POPULATE_WRITE
    for (;;) {
        if (madvise(p, bytes, write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) == 0) return 0;
        if (errno == EINVAL) break;
        if (errno != EAGAIN && errno != EINTR) return errno;
    }
#endif
    touch(p, bytes, write);
    return 0;
}

/* Pages of the process's own that begin where a huge page may. One lies wholly inside the mapping,
 * so it adds no resident byte. */
static char *map_pages(size_t bytes)
{
    enum { HUGE = 2 << 20 };
    const size_t page = snug_os_page_bytes(), wanted = snug_round_up(bytes ? bytes : 1, page);
    const size_t spare = wanted >= HUGE ? HUGE - page : 0;
    char *p =
        mmap(NULL, wanted + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    if (spare) {
        const size_t before = -(uintptr_t)p & (HUGE - 1);
        if (before) munmap(p, before);
        if (spare > before) munmap(p + before + wanted, spare - before);
        p += before;
    }
#ifdef MADV_HUGEPAGE
    madvise(p, wanted, MADV_HUGEPAGE);
#endif
    return p;
}

void *snug_os_reserve(size_t bytes)
{
    return map_pages(bytes);
}

void *snug_os_map(size_t bytes)
{
    char *p = map_pages(bytes);
    const size_t whole = snug_round_up(bytes ? bytes : 1, snug_os_page_bytes());
    if (!p || populate(p, whole, true) == 0) return p;
    munmap(p, whole);
    return NULL;
}

void snug_os_unmap(void *p, size_t bytes)
{
    size_t page = snug_os_page_bytes();
    munmap(p, bytes ? (bytes + page - 1) / page * page : page);
}

/* One line of /proc/self/maps that maps a file privately and readably. */
typedef void region_fn(char *start, size_t bytes, void *arg);

static void each_file_region(region_fn *fn, void *arg)
{
    FILE *f = fopen("/proc/self/maps", "re");
    char line[512];
    bool line_start = true;
    while (f && fgets(line, sizeof line, f)) {
        unsigned long start, end, inode;
        char mode[5];
        bool parsed =
            line_start && sscanf(line, "%lx-%lx %4s %*x %*s %lu", &start, &end, mode, &inode) == 4;
        line_start = strchr(line, '\n') != NULL;
        if (parsed && inode && mode[0] == 'r' && mode[3] == 'p')
            fn((char *)start, end - start, arg); // NOLINT(performance-no-int-to-ptr)
    }
    if (f) fclose(f);
}

static void make_resident(char *start, size_t bytes, void *arg)
{
    (void)arg;
    populate(start, bytes, false);
}

static void add_bytes(char *start, size_t bytes, void *arg)
{
    (void)start;
    *(uint64_t *)arg += bytes;
}

void snug_os_settle(void)
{
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
    mallopt(M_TRIM_THRESHOLD, 128 << 10);
#endif
#ifdef PR_SET_THP_DISABLE
    /* Linux 6.18: huge pages only where they are asked for, so that the heap is not rounded up to
     * them. Older kernels refuse the flag, and nothing changes. */
    enum { EXCEPT_ADVISED = 1 << 1 };
    prctl(PR_SET_THP_DISABLE, 1UL, (unsigned long)EXCEPT_ADVISED, 0UL, 0UL);
#endif
    each_file_region(make_resident, NULL);
}

void snug_os_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

uint64_t snug_os_code_bytes(void)
{
    uint64_t bytes = 0;
    each_file_region(add_bytes, &bytes);
    return bytes;
}

/* ---- files ---- */

/* A program may start with its standard streams closed. A file in the place of one would be written
 * to by whatever prints. */
static int above_standard_streams(int *fd)
{
    if (*fd < 0 || *fd > STDERR_FILENO) return *fd < 0 ? errno : 0;
    int higher = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int error = higher < 0 ? errno : 0;
    close(*fd);
    *fd = higher;
    return error;
}

int snug_os_open(const char *path, snug_os_mode mode, int *fd)
{
    if (snug_fault_hit(FAULT_OPEN)) return EIO;
    static const int flags[] = {[OS_READ] = O_RDONLY | O_NONBLOCK, /* no waiting at a pipe's end */
                                [OS_CREATE_NEW] = O_WRONLY | O_CREAT | O_EXCL,
                                [OS_APPEND] = O_RDWR | O_CREAT,
                                [OS_UNNAMED] = O_RDWR};
    int extra = O_CLOEXEC;
#ifdef O_TMPFILE
    if (mode == OS_UNNAMED) extra |= O_TMPFILE;
#endif
    do *fd = open(path, flags[mode] | extra, mode == OS_UNNAMED ? 0600 : 0666);
    while (*fd < 0 && errno == EINTR);
    if (*fd >= 0 || mode != OS_UNNAMED) return above_standard_streams(fd);
    char name[4096]; /* a file system without O_TMPFILE */
    if (snprintf(name, sizeof name, "%s/snug-XXXXXX", path) >= (int)sizeof name)
        return ENAMETOOLONG;
    *fd = mkstemp(name);
    if (*fd < 0) return errno;
    unlink(name);
    return above_standard_streams(fd);
}

void snug_os_close(int fd)
{
    if (fd >= 0) close(fd);
}

bool snug_os_is_regular(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

int snug_os_size(int fd, uint64_t *size)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return errno;
    if (S_ISDIR(st.st_mode)) return EISDIR;
    *size = (uint64_t)st.st_size;
    return 0;
}

snug_os_kind snug_os_kind_of(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) return OS_MISSING;
    return S_ISREG(st.st_mode) ? OS_FILE : S_ISDIR(st.st_mode) ? OS_DIR : OS_OTHER;
}

int snug_os_read_at(int fd, uint64_t offset, void *out, size_t bytes, size_t *done)
{
    *done = 0;
    if (snug_fault_hit(FAULT_READ)) return EIO;
    while (*done < bytes) {
        ssize_t n = pread(fd, (char *)out + *done, bytes - *done, (off_t)(offset + *done));
        if (n == 0) return 0;
        if (n < 0 && errno != EINTR) return errno;
        if (n > 0) *done += (size_t)n;
    }
    return 0;
}

int snug_os_read(int fd, void *out, size_t bytes, size_t *done)
{
    *done = 0;
    if (snug_fault_hit(FAULT_READ)) return EIO;
    while (*done < bytes) {
        ssize_t n = read(fd, (char *)out + *done, bytes - *done);
        if (n == 0) return 0;
        if (n < 0 && errno != EINTR) return errno;
        if (n > 0) *done += (size_t)n;
    }
    return 0;
}

int snug_os_write_at(int fd, uint64_t offset, const void *data, size_t bytes, size_t *done)
{
    *done = 0;
    if (snug_fault_hit(FAULT_WRITE)) return ENOSPC;
    while (*done < bytes) {
        ssize_t n = pwrite(fd, (const char *)data + *done, bytes - *done, (off_t)(offset + *done));
        if (n < 0 && errno != EINTR) return errno;
        if (n > 0) *done += (size_t)n;
    }
    return 0;
}

int snug_os_truncate(int fd, uint64_t size)
{
    return ftruncate(fd, (off_t)size) == 0 ? 0 : errno;
}

int snug_os_sync(int fd)
{
    if (snug_fault_hit(FAULT_SYNC)) return EIO;
    return fsync(fd) == 0 ? 0 : errno;
}

int snug_os_sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno;
    int error = snug_os_sync(fd);
    close(fd);
    return error == EINVAL ? 0 : error; /* some file systems cannot sync a folder */
}

int snug_os_rename(const char *from, const char *to)
{
    if (snug_fault_hit(FAULT_RENAME)) return EIO;
    return rename(from, to) == 0 ? 0 : errno;
}

int snug_os_remove(const char *path)
{
    return unlink(path) == 0 ? 0 : errno;
}

int snug_os_make_dir(const char *path)
{
    return mkdir(path, 0777) == 0 ? 0 : errno;
}

int snug_os_list(const char *path, bool (*each)(void *arg, const char *name), void *arg)
{
    if (snug_fault_hit(FAULT_OPEN)) return EIO;
    DIR *dir = opendir(path);
    if (!dir) return errno;
    bool more = true;
    struct dirent *entry;
    while (more && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            more = each(arg, entry->d_name);
    closedir(dir);
    return 0;
}

const char *snug_os_error_text(int error, char *buf, size_t buf_bytes)
{
#ifdef __GLIBC__ /* whose strerror_r returns the text */
    char own[128];
    snprintf(buf, buf_bytes, "%s", strerror_r(error, own, sizeof own));
#else
    if (strerror_r(error, buf, buf_bytes) != 0) snprintf(buf, buf_bytes, "error %d", error);
#endif
    return buf;
}

int snug_os_process_id(void)
{
    return (int)getpid();
}

/* ---- threads ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_BYTES                                                                                \
    ((size_t)4 << 20) /* sanitizers need room in frames and thread-local storage                   \
                       */
#else
#define STACK_BYTES ((size_t)256 << 10)
#endif

struct snug_os_thread {
    pthread_t id;
    char *map; /* a guard page, then the stack */
    void (*fn)(void *);
    void *arg;
};

static void *thread_main(void *arg)
{
    snug_os_thread *t = arg;
    t->fn(t->arg);
    return NULL;
}

static char *map_stack(void)
{
    size_t guard = snug_os_page_bytes();
    char *map = mmap(NULL, guard + STACK_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) return NULL;
    bool ok = mprotect(map + guard, STACK_BYTES, PROT_READ | PROT_WRITE) == 0;
#ifdef MADV_NOHUGEPAGE
    madvise(map, guard + STACK_BYTES, MADV_NOHUGEPAGE);
#endif
    if (ok && populate(map + guard, STACK_BYTES, true) == 0) return map;
    munmap(map, guard + STACK_BYTES);
    return NULL;
}

/* Signals are for the program's own threads: a new thread starts with all of them blocked. */
static int start_blocked(snug_os_thread *t)
{
    pthread_attr_t attr;
    int error = pthread_attr_init(&attr);
    if (error) return error;
    sigset_t all, before;
    sigfillset(&all);
    error = pthread_attr_setstack(&attr, t->map + snug_os_page_bytes(), STACK_BYTES);
    if (!error) {
        pthread_sigmask(SIG_SETMASK, &all, &before);
        error = pthread_create(&t->id, &attr, thread_main, t);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attr);
    return error;
}

int snug_os_thread_start(void (*fn)(void *arg), void *arg, snug_os_thread **out)
{
    if (snug_fault_hit(FAULT_THREAD)) return EAGAIN;
    snug_os_thread *t = snug_alloc(TAG_CONTEXT, sizeof *t);
    if (!t) return ENOMEM;
    *t = (snug_os_thread){.map = map_stack(), .fn = fn, .arg = arg};
    int error = t->map ? start_blocked(t) : ENOMEM;
    if (error) {
        if (t->map) munmap(t->map, snug_os_page_bytes() + STACK_BYTES);
        snug_free(t);
        return error;
    }
    *out = t;
    return 0;
}

void snug_os_thread_join(snug_os_thread *t)
{
    pthread_join(t->id, NULL);
    munmap(t->map, snug_os_page_bytes() + STACK_BYTES);
    snug_free(t);
}

size_t snug_os_thread_bytes(void)
{
    /* The stack holds thread-local storage too; the heap holds the C library's few tables. */
    return STACK_BYTES + 4096;
}

struct snug_os_gate {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
};

snug_os_gate *snug_os_gate_create(void)
{
    snug_os_gate *g = snug_alloc(TAG_CONTEXT, sizeof *g);
    if (!g) return NULL;
    pthread_mutex_init(&g->mutex, NULL);
    pthread_cond_init(&g->condition, NULL);
    return g;
}

void snug_os_gate_destroy(snug_os_gate *g)
{
    if (!g) return;
    pthread_cond_destroy(&g->condition);
    pthread_mutex_destroy(&g->mutex);
    snug_free(g);
}

void snug_os_gate_lock(snug_os_gate *g)
{
    pthread_mutex_lock(&g->mutex);
}

void snug_os_gate_unlock(snug_os_gate *g)
{
    pthread_mutex_unlock(&g->mutex);
}

void snug_os_gate_wait(snug_os_gate *g)
{
    pthread_cond_wait(&g->condition, &g->mutex);
}

void snug_os_gate_wake(snug_os_gate *g, int n)
{
    for (; n > 0; n--) pthread_cond_signal(&g->condition);
}

void snug_os_die(void)
{
    kill(getpid(), SIGKILL);
    for (;;) pause(); /* until it arrives */
}
