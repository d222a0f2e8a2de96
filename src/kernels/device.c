/* SPDX-License-Identifier: Apache-2.0 */
/* The table of device drivers. */
#include "kernels/device.h"
#include <string.h>

#define SNUG_DEVICE(id) extern const snug_device_driver snug_device_##id;
#include "kernels/devices.def"
#undef SNUG_DEVICE

static const snug_device_driver *const drivers[] = {
#define SNUG_DEVICE(id) &snug_device_##id,
#include "kernels/devices.def"
#undef SNUG_DEVICE
};

const snug_device_driver *snug_device_find(const char *name)
{
    for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
        if (strcmp(drivers[i]->name, name) == 0) return drivers[i];
    return NULL;
}
