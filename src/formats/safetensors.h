/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors files: an 8-byte little-endian header length, a JSON header, then the tensors' bytes.
 * Everything read is checked before use: header size, counts, dtypes, shapes against offsets,
 * offsets against the file, overlaps, and the digest in the metadata when there is one
 * ("snug.sha256", over all tensor bytes). */
#ifndef FORMATS_SAFETENSORS_H
#define FORMATS_SAFETENSORS_H

#include "base/memory.h"
#include <snug/tensor.h>

typedef struct snug_named_tensor {
    const char *name;
    snug_tensor tensor;
} snug_named_tensor;

typedef struct snug_metadata {
    const char *key, *value;
} snug_metadata;

/* Atomic; adds "snug.sha256". Tensors are written in the order given. Buffers stay below 256 KiB.
 */
snug_status snug_safetensors_write(const char *path, int n, const snug_named_tensor *t, int n_meta,
                                   const snug_metadata *meta) SNUG_MUST_USE;

typedef struct snug_safetensors snug_safetensors;
snug_status snug_safetensors_open(const char *path,
                                  snug_safetensors **out) SNUG_MUST_USE; /* header only */
void snug_safetensors_close(snug_safetensors *s);
const char *snug_safetensors_meta(const snug_safetensors *s, const char *key); /* NULL: absent */
int snug_safetensors_count(const snug_safetensors *s);
const char *snug_safetensors_name(const snug_safetensors *s, int i);
snug_type snug_safetensors_type(const snug_safetensors *s, int i);
/* Read a tensor by name into memory of exactly its type; ESHAPE names both when they differ. */
snug_status snug_safetensors_read(snug_safetensors *s, const char *name,
                                  const snug_tensor *into) SNUG_MUST_USE;
/* Read all bytes once and compare with the digest; EFORMAT when it differs, SNUG_OK when the file
 * has none. */
snug_status snug_safetensors_verify(snug_safetensors *s) SNUG_MUST_USE;

#endif
