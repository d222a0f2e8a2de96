/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a spec: refused with a message, or it is written back as it was read and can be
 * applied to images and to a table. */
#include "base/memory.h"
#include "data/spec.h"
#include "fuzz/open_dataset.h"
#include "fuzz/scratch_path.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *written(const char *json)
{
    snug_bump *bump = snug_bump_create(TAG_TEST);
    snug_spec s;
    char *out = NULL;
    snug_error_clear();
    snug_status status = snug_spec_read(json, bump, &s);
    if (status != SNUG_OK && !snug_error_message()[0]) abort();
    if (status == SNUG_OK && snug_spec_write(&s, &out) != SNUG_OK) abort();
    snug_bump_destroy(bump);
    return out;
}

static void apply(const char *spec)
{
    static const char table[] = "size,colour,kind\n1,red,a\n2,,b\n,blue,a\n";
    const uint8_t *rows = (const uint8_t *)table;
    snug_data_config config = {.path = "glyphs:n=2", .spec = spec, .scratch_dir = "/dev/shm"};
    fuzz_dataset(&config);
    config.path = fuzz_file(0, "table.csv", rows, sizeof table - 1);
    fuzz_dataset(&config);
    config.no_target = true;
    fuzz_dataset(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *json = malloc(size + 1);
    if (!json) abort();
    memcpy(json, data, size);
    json[size] = '\0';
    char *once = written(json);
    free(json);
    if (!once) return 0;
    char *twice = written(once);
    if (!twice || strcmp(once, twice) != 0) abort();
    apply(once);
    snug_free(once);
    snug_free(twice);
    return 0;
}
