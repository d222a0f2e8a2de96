/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 through libsodium; this file is the only one that knows. */
#include "base/sha256.h"
#include <sodium/crypto_hash_sha256.h>
#include <sodium/utils.h>

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(snug_sha256), "state does not fit");

static crypto_hash_sha256_state *state_of(snug_sha256 *h)
{
    return (crypto_hash_sha256_state *)(void *)h->state;
}

void snug_sha256_begin(snug_sha256 *h)
{
    crypto_hash_sha256_init(state_of(h));
}

void snug_sha256_add(snug_sha256 *h, const void *data, size_t bytes)
{
    crypto_hash_sha256_update(state_of(h), data, bytes);
}

void snug_sha256_end(snug_sha256 *h, char hex[65])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(state_of(h), digest);
    sodium_bin2hex(hex, 65, digest, sizeof digest);
}
