/* SPDX-License-Identifier: Apache-2.0 */
/* Paths put together within their bound, and pairs of names. */
#include "data/names.h"

#include <stdio.h>
#include <string.h>

bool snug_name_ends(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcmp(name + n - m, end) == 0;
}

const char *snug_name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

snug_status snug_path_copy(const char *from, char out[SNUG_PATH_BYTES])
{
    int n = snprintf(out, SNUG_PATH_BYTES, "%s", from);
    CHECK(n > 0 && n < SNUG_PATH_BYTES, SNUG_EINVAL, "%.60s...: the name is too long", from);
    return SNUG_OK;
}

snug_status snug_path_join(const char *folder, const char *name, char out[SNUG_PATH_BYTES])
{
    int n = snprintf(out, SNUG_PATH_BYTES, "%s/%s", folder, name);
    CHECK(n > 0 && n < SNUG_PATH_BYTES, SNUG_EINVAL, "%.60s...: the name is too long", folder);
    return SNUG_OK;
}

bool snug_names_pair(const char *train, const char *test)
{
    static const char *const words[][2] = {{"train", "test"},       {"training", "test"},
                                           {"training", "testing"}, {"TRAIN", "TEST"},
                                           {".data", ".test"},      {".tra", ".tes"}};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        const char *from = words[k][0], *to = words[k][1];
        for (const char *p = strstr(train, from); p; p = strstr(p + 1, from)) {
            size_t before = (size_t)(p - train);
            if (strncmp(train, test, before) != 0) continue;
            if (strncmp(test + before, to, strlen(to)) != 0) continue;
            if (strcmp(p + strlen(from), test + before + strlen(to)) == 0) return true;
        }
    }
    return false;
}
