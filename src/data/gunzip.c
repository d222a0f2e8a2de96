/* SPDX-License-Identifier: Apache-2.0 */
/* Gzip streams (zlib behind them), several members in one file included. */
#include "data/gunzip.h"

#include "base/memory.h"

#include <stdio.h>
#include <zlib.h>

#define IN_BYTES ((size_t)64 << 10)

struct snug_gunzip {
    snug_file *file;
    char path[256]; /* for messages */
    uint64_t offset;
    z_stream z;
    bool ended; /* between members or at the end */
    unsigned char in[IN_BYTES];
};

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

snug_status snug_is_gzip(snug_file *f, bool *out)
{
    unsigned char magic[2] = {0};
    if (snug_file_size(f) >= 18) TRY(snug_file_read_at(f, 0, magic, 2));
    *out = magic[0] == 0x1f && magic[1] == 0x8b;
    return SNUG_OK;
}

uint64_t snug_gunzip_bound(uint64_t packed_bytes)
{
    /* deflate's largest ratio is 1032 to 1 */
    return packed_bytes > UINT64_MAX / 1040 ? UINT64_MAX : packed_bytes * 1040;
}

snug_status snug_gunzip_open(snug_file *f, const char *path, snug_gunzip **out)
{
    snug_gunzip *g = snug_alloc(TAG_DATA, sizeof *g);
    if (!g) {
        snug_file_close(f);
        return snug_error_status();
    }
    g->file = f;
    snprintf(g->path, sizeof g->path, "%s", path);
    g->z.zalloc = z_allocate;
    g->z.zfree = z_release;
    if (inflateInit2(&g->z, 15 + 16) != Z_OK) {
        snug_gunzip_close(g);
        return FAIL(SNUG_ENOMEM, "%s: no memory for unpacking", path);
    }
    *out = g;
    return SNUG_OK;
}

static snug_status refill(snug_gunzip *g)
{
    uint64_t left = snug_file_size(g->file) - g->offset;
    size_t n = left < IN_BYTES ? (size_t)left : IN_BYTES;
    TRY(snug_file_read_at(g->file, g->offset, g->in, n));
    g->offset += n;
    g->z.next_in = g->in;
    g->z.avail_in = (unsigned)n;
    return SNUG_OK;
}

/* One call of inflate; sets ended at the end of a member. */
static snug_status inflate_some(snug_gunzip *g)
{
    if (g->ended) inflateReset(&g->z);
    g->ended = false;
    int rc = inflate(&g->z, Z_NO_FLUSH);
    if (rc == Z_STREAM_END) g->ended = true;
    CHECK(rc != Z_MEM_ERROR, SNUG_ENOMEM, "%s: no memory for unpacking", g->path);
    CHECK(rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR, SNUG_EFORMAT,
          "%s: damaged gzip data near byte %" PRIu64 " (%s)", g->path, g->offset - g->z.avail_in,
          g->z.msg ? g->z.msg : "wrong code");
    return SNUG_OK;
}

snug_status snug_gunzip_read(snug_gunzip *g, void *out, size_t bytes, size_t *got)
{
    CHECK(bytes <= UINT32_MAX, SNUG_EINVAL, "%s: a read of %zu bytes", g->path, bytes);
    g->z.next_out = out;
    g->z.avail_out = (unsigned)bytes;
    while (g->z.avail_out > 0) {
        if (g->z.avail_in == 0) TRY(refill(g));
        if (g->z.avail_in == 0) {
            CHECK(g->ended, SNUG_EFORMAT, "%s: the gzip data are cut short", g->path);
            break;
        }
        TRY(inflate_some(g));
    }
    *got = bytes - g->z.avail_out;
    return SNUG_OK;
}

void snug_gunzip_close(snug_gunzip *g)
{
    if (!g) return;
    inflateEnd(&g->z);
    snug_file_close(g->file);
    snug_free(g);
}
