/* SPDX-License-Identifier: Apache-2.0 */
/* A device is one const table: how to open it, its memory, its kernels, its queue. The planner asks
 * it for kernels, the executor submits calls to its queue; neither knows which device it is. */
#ifndef KERNELS_DEVICE_H
#define KERNELS_DEVICE_H

#include "base/context.h"
#include "kernels/kernel.h"

/* Where bytes are. */
typedef enum snug_space { SPACE_HOST, SPACE_PINNED, SPACE_DEVICE, SPACE_FILE } snug_space;

typedef struct snug_device snug_device;

typedef struct snug_device_driver {
    const char *name, *doc;
    int (*count)(void); /* devices of this kind here */
    snug_status (*open)(snug_context *ctx, int index, snug_device *out);
    void (*close)(snug_device *d);
    snug_status (*alloc)(snug_device *d, snug_space space, size_t bytes,
                         void **out); /* zeroed, resident */
    void (*release)(snug_device *d, snug_space space, void *p, size_t bytes);
    snug_status (*copy_start)(snug_device *d, void *to, const void *from, size_t bytes);
    snug_status (*copy_wait)(snug_device *d);
    /* NULL: there is none; the CPU then runs the operator's reference */
    const snug_kernel *(*find_kernel)(const snug_device *d, const char *op, const snug_sig *sig);
    /* In order of submission; the call stays unchanged until sync. */
    void (*submit)(snug_device *d, void (*run)(const snug_call *), const snug_call *call);
    snug_status (*sync)(snug_device *d); /* wait for all that was submitted */
} snug_device_driver;

struct snug_device {
    const snug_device_driver *driver;
    snug_context *ctx;
    snug_queue *queue; /* what kernels see */
    snug_queue *inner; /* what they see inside a loop of `queue`: one thread; NULL: no such loops */
    uint32_t tiers;    /* CPU: tiers it may use; 0: the reference kernels only */
    void *self;        /* the driver's own */
};

/* The driver of this name, NULL when there is none. */
const snug_device_driver *snug_device_find(const char *name);

#endif
