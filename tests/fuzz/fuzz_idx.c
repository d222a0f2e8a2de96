/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as IDX images (the part before the last "LABELS" of the input, or all of it) and labels
 * (the rest): refused with a message, or every sample can be read. */
#include "fuzz/open_dataset.h"
#include "fuzz/scratch_path.h"

#include <string.h>

#define MARK "LABELS"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t images = size, mark = strlen(MARK);
    for (size_t i = 0; i + mark <= size; i++)
        if (memcmp(data + i, MARK, mark) == 0) images = i;
    size_t labels = images < size ? images + mark : size;
    fuzz_file(1, "labels-idx1", data + labels, size - labels);
    const snug_data_config config = {.path = fuzz_file(0, "images-idx3", data, images),
                                     .scratch_dir = "/dev/shm"};
    fuzz_dataset(&config);
    return 0;
}
