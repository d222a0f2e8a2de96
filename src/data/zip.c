/* SPDX-License-Identifier: Apache-2.0 */
/* ZIP (PKWARE APPNOTE 6.3.10), as much of it as .npz needs, over zlib's inflate. */
#include "data/zip.h"

#include "data/gunzip.h"

#include <string.h>
#include <zlib.h>

#define END_BYTES     22
#define LOCATOR_BYTES 20
#define END64_BYTES   56
#define ENTRY_BYTES   46
#define LOCAL_BYTES   30
#define MAX_COMMENT   65535
#define MAX_DIRECTORY ((uint64_t)16 << 20)
#define BLOCK_BYTES   ((size_t)64 << 10)

static uint32_t u16(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t u32(const unsigned char *p)
{
    return u16(p) | u16(p + 2) << 16;
}

static uint64_t u64(const unsigned char *p)
{
    return u32(p) | (uint64_t)u32(p + 4) << 32;
}

/* ---- the directory --------------------------------------------------------------------------- */

/* Where the directory lies. */
typedef struct directory {
    uint64_t offset, bytes, n;
} directory;

/* The ZIP64 record of the end, which stands before the locator before `end`. */
static snug_status read_end64(snug_file *f, const char *path, uint64_t end, directory *d)
{
    unsigned char locator[LOCATOR_BYTES], b[END64_BYTES];
    CHECK(end >= LOCATOR_BYTES, SNUG_EFORMAT, "%s: a ZIP64 archive without its locator", path);
    TRY(snug_file_read_at(f, end - LOCATOR_BYTES, locator, sizeof locator));
    uint64_t at = u64(locator + 8);
    CHECK(u32(locator) == 0x07064b50 && at <= end && end - at >= END64_BYTES + LOCATOR_BYTES,
          SNUG_EFORMAT, "%s: a ZIP64 archive without its locator", path);
    TRY(snug_file_read_at(f, at, b, sizeof b));
    CHECK(u32(b) == 0x06064b50, SNUG_EFORMAT, "%s: damaged at its end (ZIP64)", path);
    *d = (directory){.n = u64(b + 32), .bytes = u64(b + 40), .offset = u64(b + 48)};
    return SNUG_OK;
}

static snug_status take_end(snug_file *f, const char *path, uint64_t at, const unsigned char *b,
                            directory *d)
{
    *d = (directory){.n = u16(b + 10), .bytes = u32(b + 12), .offset = u32(b + 16)};
    bool large = d->n == 0xffff || d->bytes == 0xffffffff || d->offset == 0xffffffff;
    if (large) TRY(read_end64(f, path, at, d));
    CHECK(d->bytes <= MAX_DIRECTORY && d->offset <= at && d->bytes <= at - d->offset &&
              d->n <= d->bytes / ENTRY_BYTES,
          SNUG_EFORMAT, "%s: its ZIP directory lies outside of the file, or is beyond reason",
          path);
    return SNUG_OK;
}

/* The record at the very end, behind which only a comment may come. */
static snug_status find_end(snug_file *f, const char *path, unsigned char *tail, directory *d)
{
    uint64_t size = snug_file_size(f);
    size_t n = size < END_BYTES + MAX_COMMENT ? (size_t)size : END_BYTES + MAX_COMMENT;
    TRY(snug_file_read_at(f, size - n, tail, n));
    for (size_t i = n >= END_BYTES ? n - END_BYTES + 1 : 0; i-- > 0;)
        if (u32(tail + i) == 0x06054b50 && i + END_BYTES + u16(tail + i + 20) == n)
            return take_end(f, path, size - n + i, tail + i, d);
    return FAIL(SNUG_EFORMAT, "%s: no ZIP archive, or cut short: its directory is missing", path);
}

/* Sizes beyond 32 bits stand in an extra field, those that are needed, in this order. */
static snug_status take_extra(const unsigned char *p, size_t n, const char *path,
                              snug_zip_member *m)
{
    uint64_t *const field[] = {&m->size, &m->packed, &m->header};
    while (n >= 4) {
        size_t bytes = u16(p + 2), at = 4;
        CHECK(bytes <= n - 4, SNUG_EFORMAT, "%s: a damaged ZIP directory", path);
        for (int i = 0; i < 3 && u16(p) == 1; i++) {
            if (*field[i] != 0xffffffff) continue;
            CHECK(at + 8 <= bytes + 4, SNUG_EFORMAT, "%s: a damaged ZIP directory", path);
            *field[i] = u64(p + at);
            at += 8;
        }
        p += bytes + 4;
        n -= bytes + 4;
    }
    return SNUG_OK;
}

/* One entry of n bytes at most; *used of them. */
static snug_status take_entry(const unsigned char *b, size_t n, snug_bump *bump, snug_zip *z,
                              size_t *used)
{
    CHECK(n >= ENTRY_BYTES && u32(b) == 0x02014b50, SNUG_EFORMAT, "%s: a damaged ZIP directory",
          z->path);
    size_t name = u16(b + 28), extra = u16(b + 30), comment = u16(b + 32);
    *used = ENTRY_BYTES + name + extra + comment;
    CHECK(*used <= n, SNUG_EFORMAT, "%s: a damaged ZIP directory", z->path);
    snug_zip_member *m = &z->member[z->n++];
    *m = (snug_zip_member){.method = (int)u16(b + 10),
                           .crc = u32(b + 16),
                           .packed = u32(b + 20),
                           .size = u32(b + 24),
                           .header = u32(b + 42)};
    m->name = snug_bump_printf(bump, "%.*s", (int)name, (const char *)b + ENTRY_BYTES);
    if (!m->name) return snug_error_status();
    TRY(take_extra(b + ENTRY_BYTES + name, extra, z->path, m));
    CHECK(!(u16(b + 8) & 1), SNUG_EUNSUPPORTED, "%s: '%.60s' in it is encrypted", z->path, m->name);
    return SNUG_OK;
}

static snug_status take_directory(snug_file *f, const directory *d, snug_bump *bump, snug_zip *z)
{
    unsigned char *b = snug_alloc(TAG_DATA, (size_t)d->bytes + 1);
    if (!b) return snug_error_status();
    snug_status status = snug_file_read_at(f, d->offset, b, (size_t)d->bytes);
    for (size_t at = 0, used = 0; status == SNUG_OK && (uint64_t)z->n < d->n; at += used)
        status = take_entry(b + at, (size_t)d->bytes - at, bump, z, &used);
    snug_free(b);
    return status;
}

static snug_status read_directory(snug_file *f, snug_bump *bump, snug_zip *z)
{
    directory d = {0};
    unsigned char *tail = snug_alloc(TAG_DATA, END_BYTES + MAX_COMMENT);
    if (!tail) return snug_error_status();
    snug_status status = find_end(f, z->path, tail, &d);
    snug_free(tail);
    TRY(status);
    z->member = snug_bump_alloc(bump, ((size_t)d.n + 1) * sizeof *z->member);
    if (!z->member) return snug_error_status();
    return take_directory(f, &d, bump, z);
}

snug_status snug_zip_read(const char *path, snug_bump *bump, snug_zip *out)
{
    snug_file *f = NULL;
    *out = (snug_zip){.path = path};
    TRY(snug_file_open(path, &f));
    snug_status status = read_directory(f, bump, out);
    snug_file_close(f);
    return status;
}

/* ---- members --------------------------------------------------------------------------------- */

/* The content lies behind the local header, whose own lengths differ from the directory's. */
static snug_status find_content(snug_file *f, const snug_zip *z, const snug_zip_member *m,
                                uint64_t *offset)
{
    unsigned char b[LOCAL_BYTES];
    uint64_t size = snug_file_size(f);
    CHECK(size >= LOCAL_BYTES && m->header <= size - LOCAL_BYTES, SNUG_EFORMAT,
          "%s: '%.60s' lies outside of the file", z->path, m->name);
    TRY(snug_file_read_at(f, m->header, b, sizeof b));
    CHECK(u32(b) == 0x04034b50, SNUG_EFORMAT, "%s: '%.60s' is not where the directory says",
          z->path, m->name);
    *offset = m->header + LOCAL_BYTES + u16(b + 26) + u16(b + 28);
    CHECK(*offset <= size && m->packed <= size - *offset, SNUG_EFORMAT,
          "%s: '%.60s' lies outside of the file", z->path, m->name);
    return SNUG_OK;
}

/* A member while it is unpacked. */
typedef struct unpacking {
    const snug_zip *zip;
    const snug_zip_member *member;
    snug_file *from, *to;
    uint64_t offset, packed_left, written;
    uint32_t crc;
    z_stream z;
    unsigned char in[BLOCK_BYTES], out[BLOCK_BYTES];
} unpacking;

static snug_status refill(unpacking *u)
{
    size_t n = u->packed_left < BLOCK_BYTES ? (size_t)u->packed_left : BLOCK_BYTES;
    TRY(snug_file_read_at(u->from, u->offset, u->in, n));
    u->offset += n;
    u->packed_left -= n;
    u->z.next_in = u->in;
    u->z.avail_in = (unsigned)n;
    return SNUG_OK;
}

static snug_status write_block(unpacking *u)
{
    size_t n = BLOCK_BYTES - u->z.avail_out;
    CHECK(n <= u->member->size - u->written, SNUG_EFORMAT,
          "%s: '%.60s' unpacks to more than the %" PRIu64 " bytes that are declared", u->zip->path,
          u->member->name, u->member->size);
    u->written += n;
    u->crc = (uint32_t)crc32(u->crc, u->out, (unsigned)n);
    return n ? snug_scratch_append(u->to, u->out, n) : SNUG_OK;
}

static snug_status inflate_all(unpacking *u)
{
    const char *path = u->zip->path, *name = u->member->name;
    for (int rc = Z_OK; rc != Z_STREAM_END;) {
        if (u->z.avail_in == 0) TRY(refill(u));
        bool dry = u->z.avail_in == 0;
        u->z.next_out = u->out;
        u->z.avail_out = BLOCK_BYTES;
        rc = inflate(&u->z, Z_NO_FLUSH);
        CHECK(rc != Z_MEM_ERROR, SNUG_ENOMEM, "%s: no memory for unpacking", path);
        CHECK(rc == Z_OK || rc == Z_STREAM_END || (rc == Z_BUF_ERROR && !dry), SNUG_EFORMAT,
              "%s: '%.60s' is damaged (%s)", path, name, u->z.msg ? u->z.msg : "cut short");
        TRY(write_block(u));
    }
    CHECK(u->written == u->member->size && u->crc == u->member->crc, SNUG_EFORMAT,
          "%s: '%.60s' is damaged: its checksum or length is not what the directory says", path,
          name);
    return SNUG_OK;
}

static void *z_allocate(void *unused, unsigned n, unsigned each)
{
    (void)unused;
    return snug_alloc_array(TAG_DATA, n, each);
}

static void z_release(void *unused, void *p)
{
    (void)unused;
    snug_free(p);
}

static snug_status unpack(unpacking *u)
{
    u->z.zalloc = z_allocate;
    u->z.zfree = z_release;
    u->packed_left = u->member->packed;
    CHECK(inflateInit2(&u->z, -15) == Z_OK, SNUG_ENOMEM, "%s: no memory for unpacking",
          u->zip->path);
    snug_status status = inflate_all(u);
    inflateEnd(&u->z);
    return status;
}

static snug_status unpack_into(const snug_zip *z, const snug_zip_member *m, snug_file *from,
                               uint64_t offset, snug_file *to)
{
    CHECK(m->size <= snug_gunzip_bound(m->packed), SNUG_EFORMAT,
          "%s: '%.60s' declares %" PRIu64 " bytes, more than so little can unpack to", z->path,
          m->name, m->size);
    unpacking *u = snug_alloc(TAG_DATA, sizeof *u);
    if (!u) return snug_error_status();
    u->zip = z;
    u->member = m;
    u->from = from;
    u->to = to;
    u->offset = offset;
    snug_status status = unpack(u);
    snug_free(u);
    return status;
}

static snug_status open_content(snug_file **f, const snug_zip *z, const snug_zip_member *m,
                                const char *scratch_dir, snug_zip_content *out)
{
    uint64_t offset = 0;
    TRY(find_content(*f, z, m, &offset));
    CHECK(m->method == 0 || m->method == 8, SNUG_EUNSUPPORTED,
          "%s: '%.60s' is packed by method %d; only stored and deflated members can be read",
          z->path, m->name, m->method);
    if (m->method == 0) {
        CHECK(m->packed == m->size, SNUG_EFORMAT, "%s: '%.60s' has two sizes", z->path, m->name);
        *out = (snug_zip_content){.file = *f, .offset = offset};
        *f = NULL;
        return SNUG_OK;
    }
    snug_file *scratch = NULL;
    TRY(snug_scratch_open(scratch_dir, &scratch));
    snug_status status = unpack_into(z, m, *f, offset, scratch);
    if (status != SNUG_OK) snug_file_close(scratch);
    TRY(status);
    *out = (snug_zip_content){.file = scratch, .scratch = m->size};
    return SNUG_OK;
}

snug_status snug_zip_open(const snug_zip *z, const snug_zip_member *m, const char *scratch_dir,
                          snug_zip_content *out)
{
    snug_file *f = NULL;
    TRY(snug_file_open(z->path, &f));
    snug_status status = open_content(&f, z, m, scratch_dir, out);
    snug_file_close(f);
    return status;
}
