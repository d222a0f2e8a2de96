/* SPDX-License-Identifier: Apache-2.0 */
/* Makes each n-th call of a kind fail, once each, until the work gets through. */
#ifndef SUPPORT_FAULTS_H
#define SUPPORT_FAULTS_H

#include "base/fault.h"
#include "support/check.h"

/* `work` must clean up after itself and either succeed or fail with a message. Returns how many
 * calls were made to fail. */
static inline int fail_each(snug_fault kind, snug_status (*work)(void *arg), void *arg)
{
    for (int n = 1;; n++) {
        snug_error_clear();
        snug_fault_arm(kind, n);
        snug_status s = work(arg);
        int64_t calls = snug_fault_count(kind);
        snug_fault_arm(kind, 0);
        if (s != SNUG_OK) {
            assert_int_equal(s, snug_error_status());
            assert_true(snug_error_message()[0] != 0);
        }
        snug_error_clear();
        if (calls < n) { /* nothing was left to fail */
            ok(s);
            return n - 1;
        }
        assert_true(s != SNUG_OK);
        assert_true(n < 100000);
    }
}

#endif
