/* SPDX-License-Identifier: Apache-2.0 */
/* Reading knobs. */
#include "base/knobs.h"
#include "base/str.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static snug_status unknown_knob(const char *path, const char *name, int n, const snug_knob *knobs)
{
    const char *names[SNUG_MAX_KNOBS];
    char all[256] = "";
    for (int i = 0; i < n; i++) {
        names[i] = knobs[i].name;
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", names[i]);
    }
    int near = snug_nearest(name, n, names);
    return FAIL(SNUG_EINVAL, "%.*s: there is no knob '%s'%s%s%s; there are %s",
                (int)strcspn(path, ":"), path, name, near >= 0 ? ", did you mean '" : "",
                near >= 0 ? names[near] : "", near >= 0 ? "'" : "", all);
}

static snug_status read_one(const char *path, char *name, int n, const snug_knob *knobs,
                            double *value)
{
    char *text = strchr(name, '=');
    CHECK(text, SNUG_EINVAL, "%.*s: '%s' should be knob=value, such as %s=%.10g",
          (int)strcspn(path, ":"), path, name, knobs[0].name, knobs[0].initial);
    *text++ = '\0';
    int i = 0;
    while (i < n && strcmp(knobs[i].name, name) != 0) i++;
    if (i == n) return unknown_knob(path, name, n, knobs);
    double v = 0;
    const snug_knob *k = &knobs[i];
    bool number = snug_parse_double(text, &v) == SNUG_OK;
    if (!number) snug_error_clear();
    CHECK(number && v >= k->min && v <= k->max && (!k->whole || v == floor(v)), SNUG_EINVAL,
          "%.*s: %s=%s must be a %snumber from %.10g to %.10g (%s)", (int)strcspn(path, ":"), path,
          name, text, k->whole ? "whole " : "", k->min, k->max, k->help);
    value[i] = v;
    return SNUG_OK;
}

snug_status snug_knobs_read(const char *path, int n, const snug_knob *knobs, double *value)
{
    for (int i = 0; i < n; i++) value[i] = knobs[i].initial;
    const char *p = strchr(path, ':');
    while (p && p[1]) {
        const char *start = p + 1, *end = start + strcspn(start, ",");
        char knob[64];
        CHECK((size_t)(end - start) < sizeof knob, SNUG_EINVAL, "'%.60s...' is too long a knob",
              start);
        memcpy(knob, start, (size_t)(end - start));
        knob[end - start] = '\0';
        TRY(read_one(path, knob, n, knobs, value));
        p = *end ? end : NULL;
    }
    return SNUG_OK;
}

bool snug_knobs_named(const char *path, const char *name)
{
    size_t n = strlen(name);
    return strncmp(path, name, n) == 0 && (path[n] == '\0' || path[n] == ':');
}
