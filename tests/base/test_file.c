/* SPDX-License-Identifier: Apache-2.0 */
/* Files: whole or not at all, whichever call the system refuses; bounded reads; scratch; lines. */
#include "base/fault.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/os_calls.h"
#include "support/check.h"
#include <stdio.h>
#include <stdlib.h>

static char folder[128];

static const char *in_folder(const char *name)
{
    static char path[2][256];
    static int turn;
    turn ^= 1;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static int make_folder(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/snug-test-file-%d", tmp ? tmp : "/tmp",
             snug_os_process_id());
    return snug_make_dirs(folder) == SNUG_OK ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char **names;
    int n;
    if (snug_list_dir(folder, &names, &n) != SNUG_OK) return -1;
    for (int i = 0; i < n; i++) remove(in_folder(names[i]));
    snug_free(names);
    return remove(folder);
}

static void assert_content(const char *name, const char *want)
{
    char *text;
    size_t bytes;
    ok(snug_file_slurp(in_folder(name), 1 << 20, &text, &bytes));
    assert_string_equal(text, want);
    assert_int_equal(bytes, strlen(want));
    snug_free(text);
}

static int count_files(void)
{
    char **names;
    int n;
    ok(snug_list_dir(folder, &names, &n));
    snug_free(names);
    return n;
}

static void test_commit_and_abort(void **state)
{
    (void)state;
    snug_atomic_file *f;
    ok(snug_file_write_text(in_folder("a"), "old"));
    ok(snug_atomic_open(in_folder("a"), &f));
    ok(snug_atomic_write(f, "new", 3));
    assert_content("a", "old");
    assert_int_equal(count_files(), 2);
    ok(snug_atomic_commit(f));
    assert_content("a", "new");
    ok(snug_atomic_open(in_folder("a"), &f));
    ok(snug_atomic_write(f, "never", 5));
    snug_atomic_abort(f);
    snug_atomic_abort(NULL);
    assert_content("a", "new");
    assert_int_equal(count_files(), 1);
    ok(snug_remove_file(in_folder("a")));
}

/* Many pieces of odd sizes, some larger than the buffer, arrive in order. */
static void test_large_writes(void **state)
{
    (void)state;
    enum { TOTAL = 1000000 };
    unsigned char *data = snug_alloc(TAG_TEST, TOTAL), *back = snug_alloc(TAG_TEST, TOTAL);
    for (int i = 0; i < TOTAL; i++) data[i] = (unsigned char)(i * 7 + i / 251);
    snug_atomic_file *f;
    snug_file *in;
    ok(snug_atomic_open(in_folder("big"), &f));
    size_t at = 0;
    for (size_t n = 1; at < TOTAL; n = n * 3 % 200003) {
        if (n > TOTAL - at) n = TOTAL - at;
        ok(snug_atomic_write(f, data + at, n));
        at += n;
    }
    ok(snug_atomic_commit(f));
    ok(snug_file_open(in_folder("big"), &in));
    assert_int_equal(snug_file_size(in), TOTAL);
    ok(snug_file_read_at(in, 0, back, TOTAL));
    assert_memory_equal(back, data, TOTAL);
    fails(snug_file_read_at(in, TOTAL - 1, back, 2), SNUG_EFORMAT, "ends at byte 1000000");
    fails(snug_file_read_at(in, UINT64_MAX, back, 2), SNUG_EFORMAT, "ends at byte");
    ok(snug_file_read_at(in, TOTAL, back, 0));
    snug_file_close(in);
    snug_file_close(NULL);
    snug_free(data);
    snug_free(back);
    ok(snug_remove_file(in_folder("big")));
}

static snug_status replace(const char *path)
{
    static char text[200000];
    memset(text, 'n', sizeof text - 1);
    return snug_file_write_text(path, text);
}

/* Each call that a replacement makes is refused in turn: an error, the old file, no rest. */
static void test_every_refusal_keeps_the_old_file(void **state)
{
    (void)state;
    static const snug_fault kinds[] = {FAULT_ALLOC, FAULT_OPEN, FAULT_WRITE, FAULT_SYNC,
                                       FAULT_RENAME};
    size_t before = snug_tag_bytes(TAG_FILE);
    for (int k = 0; k < 5; k++) {
        int refused = 0;
        ok(snug_file_write_text(in_folder("kept"), "old"));
        for (int n = 1;; n++, refused++) {
            snug_fault_arm(kinds[k], n);
            snug_status s = replace(in_folder("kept"));
            snug_fault_arm(kinds[k], 0);
            if (s == SNUG_OK) break;
            snug_error_clear();
            assert_int_equal(count_files(), 1);
            assert_int_equal(snug_tag_bytes(TAG_FILE), before);
            /* The folder's own flush comes after the rename: then the new file is there. */
            if (kinds[k] != FAULT_SYNC || n == 1) assert_content("kept", "old");
        }
        assert_true(refused >= 1);
    }
    ok(snug_remove_file(in_folder("kept")));
}

static void test_messages_name_the_file(void **state)
{
    (void)state;
    snug_file *in;
    snug_atomic_file *f;
    char *text;
    fails(snug_file_open(in_folder("absent"), &in), SNUG_ENOENT, "absent");
    fails(snug_file_open(folder, &in), SNUG_EINVAL, folder);
    fails(snug_atomic_open(in_folder("no/such"), &f), SNUG_ENOENT, "no/such");
    fails(snug_atomic_open(folder, &f), SNUG_EINVAL, "a folder");
    fails(snug_atomic_open("/dev/null", &f), SNUG_EINVAL, "not a regular file");
    snug_file *read = NULL;
    fails(snug_file_open("/dev/null", &read), SNUG_EINVAL, "a pipe or a device");
    fails(snug_remove_file(in_folder("absent")), SNUG_ENOENT, "absent");
    ok(snug_file_write_text(in_folder("text"), "0123456789"));
    fails(snug_file_slurp(in_folder("text"), 9, &text, NULL), SNUG_EFORMAT, "larger than 9 B");
    snug_fault_arm(FAULT_READ, 1);
    fails(snug_file_slurp(in_folder("text"), 99, &text, NULL), SNUG_EIO, "text");
    snug_fault_arm(FAULT_WRITE, 1);
    fails(snug_file_write_text(in_folder("text"), "12345"), SNUG_EIO, "5 B more");
    ok(snug_file_slurp("/proc/self/status", 1 << 16, &text, NULL)); /* tells no size */
    assert_non_null(strstr(text, "VmRSS"));
    snug_free(text);
    ok(snug_remove_file(in_folder("text")));
}

/* The device that is always full: the message says which file and how much was missing. */
static void test_full_device(void **state)
{
    (void)state;
    if (!snug_path_exists("/dev/full")) skip();
    snug_appender *a;
    ok(snug_appender_open("/dev/full", 0, &a));
    fails(snug_appender_line(a, "12345"), SNUG_EIO, "6 B more were to be written");
    snug_appender_close(a);
}

static void test_scratch(void **state)
{
    (void)state;
    snug_file *f;
    char back[8] = {0};
    ok(snug_scratch_open(folder, &f));
    assert_int_equal(count_files(), 0);
    ok(snug_scratch_append(f, "abc", 3));
    ok(snug_scratch_append(f, "defg", 4));
    assert_int_equal(snug_file_size(f), 7);
    ok(snug_file_read_at(f, 2, back, 4));
    assert_string_equal(back, "cdef");
    snug_fault_arm(FAULT_WRITE, 1);
    fails(snug_scratch_append(f, "x", 1), SNUG_EIO, "1 B more");
    assert_int_equal(snug_file_size(f), 7);
    snug_file_close(f);
    ok(snug_scratch_open(NULL, &f));
    snug_file_close(f);
    fails(snug_scratch_open(in_folder("absent"), &f), SNUG_ENOENT, "absent");
}

static void test_appended_lines(void **state)
{
    (void)state;
    snug_appender *a;
    char long_line[5000];
    memset(long_line, 'z', sizeof long_line - 1);
    long_line[sizeof long_line - 1] = '\0';
    ok(snug_appender_open(in_folder("events"), 0, &a));
    ok(snug_appender_line(a, "one"));
    uint64_t kept = snug_appender_size(a);
    ok(snug_appender_line(a, long_line));
    snug_appender_close(a);
    snug_appender_close(NULL);
    ok(snug_appender_open(in_folder("events"), kept, &a));
    snug_fault_arm(FAULT_WRITE, 1);
    fails(snug_appender_line(a, "lost"), SNUG_EIO, "events");
    ok(snug_appender_line(a, "two"));
    snug_appender_close(a);
    assert_content("events", "one\ntwo\n");
    fails(snug_appender_open(in_folder("events"), 100, &a), SNUG_EFORMAT, "has 8 bytes");
    ok(snug_remove_file(in_folder("events")));
}

static void test_folders(void **state)
{
    (void)state;
    char **names;
    int n;
    char deep[256];
    snprintf(deep, sizeof deep, "%s/x/y//z/", folder);
    ok(snug_make_dirs(deep));
    ok(snug_make_dirs(deep));
    assert_true(snug_path_is_dir(deep));
    ok(snug_file_write_text(in_folder("x/b"), ""));
    ok(snug_file_write_text(in_folder("x/a"), ""));
    ok(snug_list_dir(in_folder("x"), &names, &n));
    assert_int_equal(n, 3);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[2], "y");
    snug_free(names);
    ok(snug_list_dir(deep, &names, &n));
    assert_int_equal(n, 0);
    snug_free(names);
    fails(snug_make_dirs(in_folder("x/a/b")), SNUG_EIO, "x/a");
    fails(snug_list_dir(in_folder("absent"), &names, &n), SNUG_ENOENT, "absent");
    assert_false(snug_path_exists(in_folder("absent")));
    static const char *const gone[] = {"x/a", "x/b", "x/y/z", "x/y", "x"};
    for (int i = 0; i < 5; i++) assert_int_equal(remove(in_folder(gone[i])), 0);
}

static void test_relative_paths(void **state)
{
    (void)state;
    const char *name = "snug-test-relative.tmp";
    ok(snug_file_write_text(name, "here"));
    assert_true(snug_path_exists(name));
    ok(snug_remove_file(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit_and_abort),
        cmocka_unit_test(test_large_writes),
        cmocka_unit_test(test_every_refusal_keeps_the_old_file),
        cmocka_unit_test(test_messages_name_the_file),
        cmocka_unit_test(test_full_device),
        cmocka_unit_test(test_scratch),
        cmocka_unit_test(test_appended_lines),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_relative_paths),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
