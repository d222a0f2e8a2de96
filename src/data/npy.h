/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays of .npy files: elements at random positions, as they are or as doubles. */
#ifndef DATA_NPY_H
#define DATA_NPY_H

#include "base/file.h"
#include <snug/tensor.h>

#define SNUG_NPY_MAX_DIMS 5

typedef struct snug_array {
    const char *name; /* for messages; the caller's */
    snug_file *file;  /* owned */
    uint64_t offset;  /* of element 0 */
    char type;        /* b bool, i integer, u unsigned, f float */
    int bytes;        /* of an element */
    bool swapped;     /* big-endian */
    int n_dims;
    int64_t dim[SNUG_NPY_MAX_DIMS];
    int64_t each; /* elements of one sample: of all axes but the first */
} snug_array;

/* The file is taken over, also when this fails; the array begins at `offset` of it. */
snug_status snug_array_open(const char *name, snug_file *file, uint64_t offset,
                            snug_array *out) SNUG_MUST_USE;
void snug_array_close(snug_array *a);

/* The type in which its elements are read as they are; the others are read as SNUG_F64. */
snug_dtype snug_array_dtype(const snug_array *a);
/* n samples from `first` on, in that type. */
snug_status snug_array_read(const snug_array *a, int64_t first, int64_t n, void *out) SNUG_MUST_USE;
/* n elements from `first` on, as doubles. */
snug_status snug_array_doubles(const snug_array *a, int64_t first, int64_t n,
                               double *out) SNUG_MUST_USE;

#endif
