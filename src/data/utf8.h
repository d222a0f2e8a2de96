/* SPDX-License-Identifier: Apache-2.0 */
/* Characters of UTF-8 text, checked strictly: no overlong forms, no surrogates, nothing beyond
 * U+10FFFF. */
#ifndef DATA_UTF8_H
#define DATA_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define SNUG_UTF8_MAX     4 /* bytes of a character */
#define SNUG_N_CODEPOINTS 0x110000

/* Bytes of the character at p (n bytes are there, at least one), 0 when it is none. */
size_t snug_utf8_length(const unsigned char *p, size_t n);
/* Likewise, and its code point. */
size_t snug_utf8_read(const unsigned char *p, size_t n, uint32_t *out);
/* How many bytes were written. */
int snug_utf8_write(uint32_t c, char out[SNUG_UTF8_MAX]);

#endif
