/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the spec's JSON, for those who write and read it. */
#ifndef DATA_SPEC_NAMES_H
#define DATA_SPEC_NAMES_H

#include "data/spec.h"

#define SNUG_SPEC_VERSION 1

extern const char *const snug_kind_names[SNUG_N_DATA_KINDS];
extern const char *const snug_column_names[N_COLUMN_KINDS];

/* classes from token. */
snug_status snug_spec_name_tokens(snug_spec *s, snug_bump *bump) SNUG_MUST_USE;

#endif
