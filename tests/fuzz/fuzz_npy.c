/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an .npy file: refused with a message, or every sample can be read. */
#include "fuzz/open_dataset.h"
#include "fuzz/scratch_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const snug_data_config config = {.path = fuzz_file(0, "x.npy", data, size),
                                     .scratch_dir = "/dev/shm"};
    fuzz_dataset(&config);
    return 0;
}
