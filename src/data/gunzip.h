/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a file that may be gzip'ed, from front to back through a bounded buffer. */
#ifndef DATA_GUNZIP_H
#define DATA_GUNZIP_H

#include "base/file.h"

typedef struct snug_gunzip snug_gunzip;

/* The file is gzip. It is taken over: it is closed with the stream, and also
 * when this fails. */
snug_status snug_gunzip_open(snug_file *f, const char *path, snug_gunzip **out) SNUG_MUST_USE;
/* Up to `bytes` bytes; *got is less only at the end, where lengths and checksums were right. */
snug_status snug_gunzip_read(snug_gunzip *g, void *out, size_t bytes, size_t *got) SNUG_MUST_USE;
void snug_gunzip_close(snug_gunzip *g);

snug_status snug_is_gzip(snug_file *f, bool *out) SNUG_MUST_USE;
/* No gzip file of this size can hold more than so many bytes. */
uint64_t snug_gunzip_bound(uint64_t packed_bytes);

#endif
