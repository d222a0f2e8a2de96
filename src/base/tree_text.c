/* SPDX-License-Identifier: Apache-2.0 */
/* Writes scalars into YAML so that they are read back as they were. */
#include "base/tree.h"

#include <string.h>

/* One code point of UTF-8 at *s, which is moved on; -1 when malformed (overlong forms and
 * surrogates too). */
static int32_t next_code_point(const char **s)
{
    const unsigned char *u = (const unsigned char *)*s;
    int extra = u[0] < 0x80 ? 0 : u[0] < 0xC2 ? -1 : u[0] < 0xE0 ? 1 : u[0] < 0xF0 ? 2 : 3;
    if (extra < 0 || u[0] > 0xF4) return -1;
    int32_t c = extra == 0 ? u[0] : u[0] & (0x3F >> extra);
    for (int i = 1; i <= extra; i++) {
        if ((u[i] & 0xC0) != 0x80) return -1;
        c = c << 6 | (u[i] & 0x3F);
    }
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (c < least[extra] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return -1;
    *s += extra + 1;
    return c;
}

bool snug_text_is_utf8(const char *text)
{
    while (*text)
        if (next_code_point(&text) < 0) return false;
    return true;
}

/* Words without a meaning in YAML 1.1 and 1.2, of letters, digits and marks that need no quotes. */
static bool is_plain(const char *text)
{
    static const char *const reserved[] = {
        "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE",
        "yes",  "Yes",  "YES",  "no",   "No",   "NO",   "on",    "On",    "ON",
        "off",  "Off",  "OFF",  "y",    "Y",    "n",    "N"};
    static const char *const first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/_.";
    static const char *const rest =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/_.0123456789-+=@";
    if (!*text || !strchr(first, *text) || text[strspn(text, rest)]) return false;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (!strcmp(text, reserved[i])) return false;
    return *text != '.'; /* ".5", ".inf", "...": leave no doubt */
}

/* Characters that libyaml refuses, folds or takes for a line break. */
static bool needs_escape(int32_t c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0x2028 || c == 0x2029 || c == 0xFEFF ||
           c == 0xFFFE || c == 0xFFFF;
}

void snug_tree_write_text(snug_str *s, const char *text)
{
    if (is_plain(text)) {
        snug_str_add(s, text);
        return;
    }
    snug_str_add(s, "\"");
    while (*text) {
        const char *begin = text;
        int32_t c = next_code_point(&text);
        if (c < 0) { /* callers check first (snug_text_is_utf8) */
            text++;
            snug_str_add(s, "\\uFFFD");
        } else if (c == '"' || c == '\\')
            snug_str_printf(s, "\\%c", (char)c);
        else if (needs_escape(c))
            snug_str_printf(s, "\\u%04X", (unsigned)c);
        else
            snug_str_addn(s, begin, (size_t)(text - begin));
    }
    snug_str_add(s, "\"");
}
