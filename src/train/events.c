/* SPDX-License-Identifier: Apache-2.0 */
/* Events: what was observed, once, as one line of JSON each in events.jsonl and a call to the
 * program. Lines are made in a buffer on the stack: an event allocates nothing. */
#include "base/os.h"
#include "base/tree.h"
#include "train/trainer.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 2048

/* Take back a character of UTF-8 that may be incomplete. */
static size_t drop_character(const char *buf, size_t n)
{
    while (n > 1 && ((unsigned char)buf[n - 1] & 0xc0) == 0x80) n--;
    return n > 1 ? n - 1 : n;
}

/* JSON text of a string into buf, cut at a character when it is too long. Bytes that are not UTF-8
 * become question marks. */
static void quote(const char *text, char *buf, size_t buf_bytes)
{
    const bool utf8 = snug_text_is_utf8(text);
    const unsigned char *c = (const unsigned char *)text;
    size_t n = 0;
    buf[n++] = '"';
    for (; *c && n + 8 < buf_bytes; c++) {
        if (*c < 0x20) {
            n += (size_t)snprintf(buf + n, buf_bytes - n, "\\u%04x", *c);
            continue;
        }
        if (*c == '"' || *c == '\\') buf[n++] = '\\';
        buf[n++] = *c < 0x80 || utf8 ? (char)*c : '?';
    }
    if (*c) n = drop_character(buf, n);
    buf[n++] = '"';
    buf[n] = '\0';
}

static snug_status append_line(snug_appender *a, const snug_event *e)
{
    char line[LINE_BYTES], value[32] = "null";
    if (isfinite(e->value)) snprintf(value, sizeof value, "%.17g", e->value);
    int n = snprintf(line, sizeof line,
                     "{\"name\":\"%s\",\"step\":%" PRId64 ",\"epoch\":%" PRId64
                     ",\"value\":%s,\"time\":%.3f",
                     e->name, e->step, e->epoch, value, e->time);
    if (e->text) {
        n += snprintf(line + n, sizeof line - (size_t)n, ",\"text\":");
        quote(e->text, line + n, sizeof line - (size_t)n - 2);
        n = (int)strlen(line);
    }
    snprintf(line + n, sizeof line - (size_t)n, "}");
    return snug_appender_line(a, line);
}

snug_status snug_trainer_event(snug_trainer *t, const char *name, double value, const char *text)
{
    const snug_event e = {.name = name,
                          .step = t->progress.step,
                          .epoch = t->progress.epoch,
                          .value = value,
                          .time = snug_wall_time(),
                          .text = text};
    if (t->events) TRY(append_line(t->events, &e));
    if (t->config.on_event) t->config.on_event(t->config.arg, &e);
    return SNUG_OK;
}

snug_status snug_trainer_metric_events(snug_trainer *t, snug_part part)
{
    static const char *const part_name[] = {"train", "validation", "test"};
    const snug_metrics *m = &t->metrics[part];
    for (int i = 0; i < m->n; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.%s", part_name[part], m->metric[i].name);
        TRY(snug_trainer_event(t, name, m->metric[i].value, NULL));
    }
    return SNUG_OK;
}
