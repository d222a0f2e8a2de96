/* SPDX-License-Identifier: Apache-2.0 */
/* The table of data formats, and which of them a path is. */
#include "base/file.h"
#include "base/str.h"
#include "data/format.h"

#include <string.h>

#define FORMAT(row) extern const snug_format row;
#include "data/formats.def"
#undef FORMAT

const snug_format *const snug_formats[] = {
#define FORMAT(row) &row,
#include "data/formats.def"
#undef FORMAT
    NULL};

enum { N_FORMATS = sizeof snug_formats / sizeof snug_formats[0] - 1 };

bool snug_data_format(int i, snug_data_format_info *out)
{
    if (i < 0 || i >= N_FORMATS) return false;
    *out = (snug_data_format_info){snug_formats[i]->name, snug_formats[i]->doc};
    return true;
}

snug_status snug_source_give(snug_source *s, snug_status made, snug_source **out)
{
    if (made != SNUG_OK) s->close(s);
    TRY(made);
    *out = s;
    return SNUG_OK;
}

/* "a.txt, b.bin and 3 more" */
static void add_names(snug_str *s, const char *path)
{
    char **names = NULL;
    int n = 0, shown = 0;
    if (snug_list_dir(path, &names, &n) != SNUG_OK) return;
    for (; shown < n && shown < 6; shown++)
        snug_str_printf(s, "%s%.60s", shown ? ", " : "", names[shown]);
    if (n > shown) snug_str_printf(s, " and %d more", n - shown);
    if (n == 0) snug_str_add(s, "nothing");
    snug_free(names);
}

/* The first bytes of a file as a person may recognise them. */
static void add_start(snug_str *s, const char *path)
{
    snug_file *f = NULL;
    unsigned char start[8];
    if (snug_file_open(path, &f) != SNUG_OK) return;
    size_t n = snug_file_size(f) < sizeof start ? (size_t)snug_file_size(f) : sizeof start;
    if (n == 0)
        snug_str_add(s, "it is empty");
    else if (snug_file_read_at(f, 0, start, n) == SNUG_OK)
        for (size_t i = 0; i < n; i++)
            snug_str_printf(s, "%s%02x", i ? " " : "it starts with bytes ", start[i]);
    snug_file_close(f);
}

static snug_status not_recognised(const char *path)
{
    snug_str found = {0}, known = {0};
    bool folder = snug_path_is_dir(path);
    if (folder)
        add_names(&found, path);
    else
        add_start(&found, path);
    for (int i = 0; snug_formats[i]; i++)
        snug_str_printf(&known, "%s%s", i ? ", " : "", snug_formats[i]->name);
    snug_error_clear();
    snug_status s = FAIL(SNUG_EFORMAT,
                         "%s: no data set recognised in this %s (%s%s); what is understood: %s "
                         "('snug help formats' says more)",
                         path, folder ? "folder" : "file", folder ? "it holds " : "",
                         found.text ? found.text : "", known.text ? known.text : "");
    snug_str_free(&found);
    snug_str_free(&known);
    return s;
}

snug_status snug_format_find(const char *path, bool text, const snug_format **out)
{
    int best = 0;
    if (text) TRY(snug_format_text.looks(path, &best));
    if (best > 0) {
        *out = &snug_format_text;
        return SNUG_OK;
    }
    for (int i = 0; snug_formats[i] && best < 100; i++) {
        int sure = 0;
        TRY(snug_formats[i]->looks(path, &sure));
        if (sure <= best) continue;
        best = sure;
        *out = snug_formats[i];
    }
    if (best > 0) return SNUG_OK;
    CHECK(snug_path_exists(path), SNUG_ENOENT, "%s: no such file or folder", path);
    return not_recognised(path);
}
