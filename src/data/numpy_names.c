/* SPDX-License-Identifier: Apache-2.0 */
/* Names of arrays: words are cut at what is neither letter nor digit, words of parts taken out. */
#include "data/numpy_names.h"

#include <ctype.h>
#include <string.h>

typedef struct word {
    const char *text;
    int meaning;
} word;

static const word parts[] = {{"training", RAW_MAIN},         {"train", RAW_MAIN},
                             {"testing", RAW_TEST},          {"test", RAW_TEST},
                             {"validation", RAW_VALIDATION}, {"valid", RAW_VALIDATION},
                             {"val", RAW_VALIDATION}};
static const word roles[] = {
    {"x", ROLE_SAMPLES},       {"images", ROLE_SAMPLES},   {"image", ROLE_SAMPLES},
    {"data", ROLE_SAMPLES},    {"features", ROLE_SAMPLES}, {"inputs", ROLE_SAMPLES},
    {"samples", ROLE_SAMPLES}, {"arr0", ROLE_SAMPLES},     {"y", ROLE_TRUTH},
    {"labels", ROLE_TRUTH},    {"label", ROLE_TRUTH},      {"targets", ROLE_TRUTH},
    {"target", ROLE_TRUTH},    {"values", ROLE_TRUTH},     {"classes", ROLE_TRUTH},
    {"arr1", ROLE_TRUTH}};

/* Whether a word of a part begins, or ends, these n letters: its length, the longest first. */
static size_t part_in(const char *p, size_t n, bool at_end, snug_raw_part *part)
{
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        size_t m = strlen(parts[k].text);
        const char *from = at_end ? p + n - m : p;
        if (m > n || strncmp(from, parts[k].text, m) != 0) continue;
        *part = (snug_raw_part)parts[k].meaning;
        return m;
    }
    return 0;
}

static snug_array_role role_of(const char *p, size_t n)
{
    for (size_t k = 0; k < sizeof roles / sizeof *roles; k++)
        if (strlen(roles[k].text) == n && strncmp(p, roles[k].text, n) == 0)
            return (snug_array_role)roles[k].meaning;
    return ROLE_NONE;
}

/* One word: a part, a role, both in one (xtrain), or a word of the set's name. */
static void take_word(const char *p, size_t n, snug_array_name *out)
{
    snug_raw_part part;
    size_t m = part_in(p, n, false, &part);
    bool front = m > 0;
    if (!front) m = part_in(p, n, true, &part);
    const char *rest = front ? p + m : p;
    snug_array_role role = role_of(rest, n - m);
    bool mine = m > 0 && (m == n || role != ROLE_NONE);
    if (mine) out->part = part;
    if (role != ROLE_NONE && (mine || m == 0)) out->role = role;
    if (mine || role != ROLE_NONE) return;
    size_t used = strlen(out->set);
    if (used + n < sizeof out->set) {
        memcpy(out->set + used, p, n);
        out->set[used + n] = '\0';
    }
}

snug_array_name snug_array_name_read(const char *name)
{
    snug_array_name out = {.role = ROLE_NONE, .part = RAW_MAIN};
    char low[128];
    size_t n = 0, length = strlen(name);
    if (length > 4 && strcmp(name + length - 4, ".npy") == 0) length -= 4;
    for (size_t i = 0; i < length && n + 1 < sizeof low; i++) {
        bool of_savez = name[i] == '_' && n == 3 && strncmp(low, "arr", 3) == 0;
        if (!of_savez) low[n++] = (char)tolower((unsigned char)name[i]);
    }
    low[n] = '\0';
    for (size_t i = 0, end; i < n; i = end + 1) {
        for (end = i; end < n && isalnum((unsigned char)low[end]);) end++;
        if (end > i) take_word(low + i, end - i, &out);
    }
    return out;
}
