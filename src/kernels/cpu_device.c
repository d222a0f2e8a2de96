/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU as a device: memory is the process's own, the queue runs a call at once on the context's
 * pool. */
#include "base/memory.h"
#include "kernels/device.h"
#include <string.h>

static int cpu_count(void)
{
    return 1;
}

static snug_status cpu_open(snug_context *ctx, int index, snug_device *out)
{
    CHECK(index == 0, SNUG_ENOENT, "there is one CPU device, number 0, not %d", index);
    *out = (snug_device){.driver = snug_device_find("cpu"),
                         .ctx = ctx,
                         .queue = &ctx->queue,
                         .inner = &ctx->inner,
                         .tiers = ctx->config.reference_kernels ? 0 : ctx->tiers};
    return SNUG_OK;
}

static void cpu_close(snug_device *d)
{
    *d = (snug_device){0};
}

static snug_status cpu_alloc(snug_device *d, snug_space space, size_t bytes, void **out)
{
    (void)d;
    CHECK(space == SPACE_HOST, SNUG_EUNSUPPORTED, "the CPU device has host memory only");
    return snug_map(bytes, out);
}

static void cpu_release(snug_device *d, snug_space space, void *p, size_t bytes)
{
    (void)d;
    (void)space;
    snug_unmap(p, bytes);
}

static snug_status cpu_copy_start(snug_device *d, void *to, const void *from, size_t bytes)
{
    (void)d;
    memmove(to, from, bytes);
    return SNUG_OK;
}

static snug_status cpu_done(snug_device *d)
{
    (void)d;
    return SNUG_OK;
}

static const snug_kernel *cpu_find_kernel(const snug_device *d, const char *op, const snug_sig *sig)
{
    return d->tiers ? snug_kernel_find(d->tiers, op, sig) : NULL;
}

static void cpu_submit(snug_device *d, void (*run)(const snug_call *), const snug_call *call)
{
    (void)d;
    run(call);
}

const snug_device_driver snug_device_cpu = {
    .name = "cpu",
    .doc = "this machine's processor, by its best instruction set",
    .count = cpu_count,
    .open = cpu_open,
    .close = cpu_close,
    .alloc = cpu_alloc,
    .release = cpu_release,
    .copy_start = cpu_copy_start,
    .copy_wait = cpu_done,
    .find_kernel = cpu_find_kernel,
    .submit = cpu_submit,
    .sync = cpu_done,
};
