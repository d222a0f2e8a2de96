/* SPDX-License-Identifier: Apache-2.0 */
/* Paths put together within their bound, and pairs of names. */
#include "data/names.h"

#include "base/file.h"
#include "base/memory.h"

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

/* ---- pairs ----------------------------------------------------------------------------------- */

typedef struct listing {
    const char *folder;
    char **name;
    int n;
    bool (*mine)(const char *name);
} listing;

/* The name of the test file of name `train`, NULL: none. */
static const char *test_of(const listing *l, const char *train)
{
    for (int i = 0; i < l->n; i++)
        if (l->mine(l->name[i]) && snug_names_pair(train, l->name[i])) return l->name[i];
    return NULL;
}

static const char *train_of(const listing *l, const char *test)
{
    for (int i = 0; i < l->n; i++)
        if (l->mine(l->name[i]) && snug_names_pair(l->name[i], test)) return l->name[i];
    return NULL;
}

static snug_status join_pair(const listing *l, const char *train, snug_pair *out)
{
    const char *test = test_of(l, train);
    TRY(snug_path_join(l->folder, train, out->train));
    return test ? snug_path_join(l->folder, test, out->test) : SNUG_OK;
}

/* The one set of a folder. */
static snug_status pair_of_folder(const listing *l, snug_pair *out)
{
    const char *first = NULL;
    for (int i = 0; i < l->n; i++) {
        if (!l->mine(l->name[i]) || train_of(l, l->name[i])) continue;
        CHECK(!first, SNUG_EINVAL, "%s: holds several sets (%s and %s): name the one to train on",
              l->folder, first, l->name[i]);
        first = l->name[i];
    }
    CHECK(first, SNUG_EFORMAT, "%s: nothing to read in this folder", l->folder);
    return join_pair(l, first, out);
}

static snug_status pair_of_file(const listing *l, const char *path, snug_pair *out)
{
    const char *name = snug_name_of(path), *train = train_of(l, name), *test = test_of(l, name);
    if (train) TRY(snug_path_join(l->folder, train, out->train));
    if (test) TRY(snug_path_join(l->folder, test, out->test));
    return snug_path_copy(path, train ? out->test : out->train);
}

snug_status snug_pair_find(const char *path, bool (*mine)(const char *name), snug_pair *out)
{
    char folder[SNUG_PATH_BYTES];
    bool is_folder = snug_path_is_dir(path);
    listing l = {.folder = folder, .mine = mine};
    *out = (snug_pair){{0}, {0}};
    TRY(snug_path_copy(path, folder));
    char *name = is_folder ? NULL : strrchr(folder, '/');
    if (name)
        name[name == folder] = '\0'; /* "/" stays */
    else if (!is_folder)
        TRY(snug_path_copy(".", folder));
    TRY(snug_list_dir(folder, &l.name, &l.n));
    snug_status status = is_folder ? pair_of_folder(&l, out) : pair_of_file(&l, path, out);
    snug_free(l.name);
    return status;
}
