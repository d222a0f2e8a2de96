/* SPDX-License-Identifier: Apache-2.0 */
/* Members of a ZIP archive, as NumPy writes them: stored or deflated, larger than 4 GiB too
 * (ZIP64); no encryption, no archives of several files. The directory is hostile until checked. */
#ifndef DATA_ZIP_H
#define DATA_ZIP_H

#include "base/file.h"
#include "base/memory.h"

typedef struct snug_zip_member {
    const char *name;
    uint64_t header; /* offset of its local header */
    uint64_t packed, size;
    uint32_t crc;
    int method; /* 0: stored, 8: deflated */
} snug_zip_member;

typedef struct snug_zip {
    const char *path; /* the caller's */
    int n;
    snug_zip_member *member;
} snug_zip;

/* The directory; it lives in `bump`. */
snug_status snug_zip_read(const char *path, snug_bump *bump, snug_zip *out) SNUG_MUST_USE;
/* A file with the member's content from *offset on: the archive itself where it is stored, else a
 * scratch file, into which it is unpacked with its checksum looked at; *scratch bytes of it. */
typedef struct snug_zip_content {
    snug_file *file;
    uint64_t offset, scratch;
} snug_zip_content;
snug_status snug_zip_open(const snug_zip *z, const snug_zip_member *m, const char *scratch_dir,
                          snug_zip_content *out) SNUG_MUST_USE;

#endif
