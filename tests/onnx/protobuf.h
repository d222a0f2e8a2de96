/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded reader of protobuf's wire format, as much of it as ONNX needs: every length is checked
 * against the end of its message, and the first breach makes the reader `bad` and empty. */
#ifndef TESTS_ONNX_PROTOBUF_H
#define TESTS_ONNX_PROTOBUF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct pb {
    const uint8_t *p, *end;
    bool bad;
} pb;

enum { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };

/* One field: its number, wire type and contents; a varint or fixed number is in `number` too. */
typedef struct pb_field {
    uint32_t id;
    int wire;
    uint64_t number;
    pb bytes;
} pb_field;

static inline uint64_t pb_varint(pb *r)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        if (r->p >= r->end) break;
        uint8_t b = *r->p++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) return v;
    }
    r->bad = true, r->p = r->end;
    return 0;
}

static inline pb pb_take(pb *r, uint64_t n)
{
    pb part = {r->p, r->p, false};
    if (n > (uint64_t)(r->end - r->p)) {
        r->bad = true, r->p = r->end;
        return part;
    }
    part.end = r->p += n;
    return part;
}

static inline uint64_t pb_fixed(pb *r, size_t bytes)
{
    uint64_t v = 0;
    pb part = pb_take(r, bytes);
    memcpy(&v, part.p, (size_t)(part.end - part.p));
    return v;
}

/* The next field; false at the end. */
static inline bool pb_next(pb *r, pb_field *f)
{
    if (r->p >= r->end) return false;
    uint64_t key = pb_varint(r);
    *f = (pb_field){.id = (uint32_t)(key >> 3), .wire = (int)(key & 7)};
    f->bytes.p = r->p;
    if (f->wire == PB_VARINT)
        f->number = pb_varint(r);
    else if (f->wire == PB_FIXED32 || f->wire == PB_FIXED64)
        f->number = pb_fixed(r, f->wire == PB_FIXED32 ? 4 : 8);
    else if (f->wire == PB_BYTES)
        f->bytes = pb_take(r, pb_varint(r));
    else
        r->bad = true, r->p = r->end;
    if (f->wire != PB_BYTES) f->bytes.end = r->p;
    return !r->bad;
}

/* The numbers of a repeated field, packed or one alone: call until false. `part` starts as the
 * field's bytes. */
static inline bool pb_number(const pb_field *f, pb *part, int wire, uint64_t *out)
{
    if (part->p >= part->end) return false;
    if (f->wire != PB_BYTES) {
        *out = f->number, part->p = part->end;
        return true;
    }
    *out = wire == PB_VARINT ? pb_varint(part) : pb_fixed(part, wire == PB_FIXED32 ? 4 : 8);
    return !part->bad;
}

static inline void pb_text(const pb_field *f, char *out, size_t n)
{
    size_t length = (size_t)(f->bytes.end - f->bytes.p);
    if (length >= n) length = n - 1;
    memcpy(out, f->bytes.p, length);
    out[length] = 0;
}

#endif
