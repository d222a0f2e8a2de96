/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 (RFC 3629). */
#include "data/utf8.h"

size_t snug_utf8_length(const unsigned char *p, size_t n)
{
    size_t more = p[0] < 0x80   ? 0
                  : p[0] < 0xc2 ? 9
                  : p[0] < 0xe0 ? 1
                  : p[0] < 0xf0 ? 2
                  : p[0] < 0xf5 ? 3
                                : 9;
    if (more > 3 || more >= n) return 0;
    for (size_t i = 1; i <= more; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    const int overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    const int outside = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || outside ? 0 : more + 1;
}

size_t snug_utf8_read(const unsigned char *p, size_t n, uint32_t *out)
{
    const size_t length = snug_utf8_length(p, n);
    if (length == 0) return 0;
    uint32_t c = length == 1 ? p[0] : p[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) c = c << 6 | (p[i] & 0x3f);
    *out = c;
    return length;
}

int snug_utf8_write(uint32_t c, char out[SNUG_UTF8_MAX])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    const int length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (int i = length - 1; i > 0; i--, c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)((0xf00 >> length & 0xff) | c);
    return length;
}
