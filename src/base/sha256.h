/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (libsodium behind it). */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>

typedef struct snug_sha256 {
    _Alignas(16) unsigned char state[128];
} snug_sha256;

void snug_sha256_begin(snug_sha256 *h);
void snug_sha256_add(snug_sha256 *h, const void *data, size_t bytes);
void snug_sha256_end(snug_sha256 *h, char hex[65]);

#endif
