/* SPDX-License-Identifier: Apache-2.0 */
/* The characters of the embedded data set as strokes. A point is two letters, x from a to q (0 to
 * 16) and y from a to y (0 to 24, downwards); a blank lifts the pen. B, D, G, I, O, Q, S and Z are
 * left out: slanted and noisy, nobody could tell them from 8, 0, 6, 1, 5 and 2. */
#ifndef DATA_STROKES_H
#define DATA_STROKES_H

#define SNUG_N_GLYPHS 28

typedef struct snug_strokes {
    const char *name, *pen;
} snug_strokes;

static const snug_strokes snug_glyphs[SNUG_N_GLYPHS] = {
    {"0", "iadcahardwiynwqrqhncia"},
    {"1", "bgiaiy"},
    {"2", "agcchambpfokayqy"},
    {"3", "bdgambpfnkhmnoqsnxgyav"},
    {"4", "mymaaqqq"},
    {"5", "pacabkijomqrnwhyaw"},
    {"6", "obhdcjaqcwiyowqrnmhlbo"},
    {"7", "aaqagy"},
    {"8", "ildjbfdbianbpfnjilcoascxiyoxqsooil"},
    {"9", "cxjvopqiociaccahdmjnpk"},
    {"A", "ayiaqy dpnp"},
    {"C", "qembiadcaiaqdwiymxqu"},
    {"E", "qaaaayqy ammm"},
    {"F", "qaaaay ammm"},
    {"H", "aaay qaqy amqm"},
    {"J", "mamrkwgycwar"},
    {"K", "aaay qaanqy"},
    {"L", "aaayqy"},
    {"M", "ayaainqaqy"},
    {"N", "ayaaqyqa"},
    {"P", "ayaakapcqgpkkman"},
    {"R", "ayaakapcqgpkkman imqy"},
    {"T", "aaqa iaiy"},
    {"U", "aaaqdwiynwqqqa"},
    {"V", "aaiyqa"},
    {"W", "aaeyilmyqa"},
    {"X", "aaqy qaay"},
    {"Y", "aailqa iliy"},
};

#endif
