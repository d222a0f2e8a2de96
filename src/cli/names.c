/* SPDX-License-Identifier: Apache-2.0 */
/* Names that come from data, on a terminal: cut and padded by columns, not by bytes. What is no
 * printable UTF-8 shows as '?', so that a name cannot send escape sequences. */
#include "cli/cli.h"
#include <string.h>

typedef struct range {
    uint32_t first, last;
} range;

/* Unicode 15, UAX 11: wide and full-width blocks, emoji among them. */
static const range wide[] = {
    {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xA960, 0xA97F},
    {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
    {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF},
    {0x20000, 0x3FFFD},
};

/* Marks that combine with the character before, joiners, variation selectors. */
static const range narrow[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x064B, 0x065F},
    {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x20D0, 0x20FF},
    {0x3099, 0x309A}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F},
};

static bool within(const range *r, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n; i++)
        if (c >= r[i].first && c <= r[i].last) return true;
    return false;
}

/* Bytes of the character at `text` and its number; 1 and 0 for what is none to be shown. */
static int decode(const char *text, uint32_t *c)
{
    const unsigned char *s = (const unsigned char *)text;
    const int n = s[0] < 0x80 ? 1 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    uint32_t v = n == 1 ? s[0] : s[0] & (0x7FU >> n);
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    *c = 0;
    if ((s[0] >= 0x80 && s[0] < 0xC2) || s[0] > 0xF4) return 1;
    for (int i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80) return 1;
        v = v << 6 | (s[i] & 0x3FU);
    }
    if (v < least[n] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF)) return 1;
    if (v >= 0x20 && v != 0x7F && !(v >= 0x80 && v < 0xA0)) *c = v;
    return n;
}

static int columns_of(uint32_t c)
{
    if (within(narrow, sizeof narrow / sizeof *narrow, c)) return 0;
    return within(wide, sizeof wide / sizeof *wide, c) ? 2 : 1;
}

/* How many bytes of `text` fit into `most` columns; *used: the columns they take. */
static size_t fit(const char *text, int most, int *used)
{
    size_t bytes = 0;
    *used = 0;
    while (text[bytes]) {
        uint32_t c;
        int n = decode(text + bytes, &c), width = columns_of(c);
        if (*used + width > most) break;
        *used += width;
        bytes += (size_t)n;
    }
    return bytes;
}

int cli_name_columns(const char *name)
{
    int columns;
    fit(name, 1 << 20, &columns);
    return columns;
}

void cli_put_name(FILE *f, const char *name, int columns, int most)
{
    int used, room = columns < 0 ? -columns : columns;
    size_t bytes = fit(name, most, &used);
    if (columns < 0 && room > used) fprintf(f, "%*s", room - used, "");
    for (size_t i = 0; i < bytes;) {
        uint32_t c;
        int n = decode(name + i, &c);
        if (c)
            fwrite(name + i, 1, (size_t)n, f);
        else
            fputc('?', f);
        i += (size_t)n;
    }
    if (columns > 0 && room > used) fprintf(f, "%*s", room - used, "");
}
