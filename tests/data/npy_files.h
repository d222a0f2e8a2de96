/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays as NumPy writes them, and archives of them. */
#ifndef DATA_NPY_FILES_H
#define DATA_NPY_FILES_H

#include "data/files.h"

#define NPY_ROOM 8192

/* An .npy file in memory; its bytes. */
static inline size_t make_npy(unsigned char *out, const char *descr, const char *shape,
                              const void *data, size_t bytes)
{
    char header[256];
    int n = snprintf(header, sizeof header,
                     "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape);
    while ((n + 1 + 10) % 64) header[n++] = ' ';
    header[n++] = '\n';
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (unsigned char)(n & 255);
    out[9] = (unsigned char)(n >> 8);
    memcpy(out + 10, header, (size_t)n);
    memcpy(out + 10 + n, data, bytes);
    return 10 + (size_t)n + bytes;
}

static inline const char *write_npy(const char *name, const char *descr, const char *shape,
                                    const void *data, size_t bytes)
{
    static unsigned char file[NPY_ROOM];
    return write_file(name, file, make_npy(file, descr, shape, data, bytes));
}

/* A ZIP archive that grows member by member. */
typedef struct zip_writer {
    unsigned char file[4 * NPY_ROOM], directory[NPY_ROOM];
    size_t n, n_directory;
    int members;
} zip_writer;

static inline void put_le(unsigned char *p, uint32_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) p[i] = (unsigned char)(v >> (8 * i));
}

static inline void zip_add(zip_writer *z, const char *name, const void *data, size_t bytes,
                           bool packed)
{
    unsigned char *local = z->file + z->n, *entry = z->directory + z->n_directory;
    size_t length = strlen(name), stored = bytes;
    memset(local, 0, 30);
    memset(entry, 0, 46);
    memcpy(local + 30, name, length);
    if (packed) {
        z_stream s = {0};
        assert_int_equal(deflateInit2(&s, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
        s.next_in = (void *)(uintptr_t)data;
        s.avail_in = (unsigned)bytes;
        s.next_out = local + 30 + length;
        s.avail_out = NPY_ROOM;
        assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
        stored = s.total_out;
        deflateEnd(&s);
    } else {
        memcpy(local + 30 + length, data, bytes);
    }
    put_le(local, 0x04034b50, 4);
    put_le(entry, 0x02014b50, 4);
    put_le(entry + 10, packed ? 8 : 0, 2);
    put_le(entry + 16, (uint32_t)crc32(0, data, (unsigned)bytes), 4);
    put_le(entry + 20, (uint32_t)stored, 4);
    put_le(entry + 24, (uint32_t)bytes, 4);
    put_le(entry + 28, (uint32_t)length, 2);
    put_le(entry + 42, (uint32_t)z->n, 4);
    put_le(local + 26, (uint32_t)length, 2);
    memcpy(entry + 46, name, length);
    z->n += 30 + length + stored;
    z->n_directory += 46 + length;
    z->members++;
}

static inline size_t zip_end(zip_writer *z)
{
    unsigned char *end = z->file + z->n + z->n_directory;
    memcpy(z->file + z->n, z->directory, z->n_directory);
    memset(end, 0, 22);
    put_le(end, 0x06054b50, 4);
    put_le(end + 8, (uint32_t)z->members, 2);
    put_le(end + 10, (uint32_t)z->members, 2);
    put_le(end + 12, (uint32_t)z->n_directory, 4);
    put_le(end + 16, (uint32_t)z->n, 4);
    return (size_t)(end - z->file) + 22;
}

static inline void zip_add_npy(zip_writer *z, const char *name, const char *descr,
                               const char *shape, const void *data, size_t bytes)
{
    static unsigned char file[NPY_ROOM];
    zip_add(z, name, file, make_npy(file, descr, shape, data, bytes), z->members % 2);
}

#endif
