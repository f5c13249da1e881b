#include <glib.h>
#include "spec/base/diagnostic.h"

#define WORD_MAX 64 /* longer words get no suggestion: the table stays on the stack */

static char fold(char c)
{
    return g_ascii_tolower(c);
}

/* Edit distance with transpositions of neighbours (optimal string alignment), case ignored. */
static size_t distance(View a, View b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.len; j++)
        above[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t cost = fold(a.data[i - 1]) != fold(b.data[j - 1]);
            size_t best = MIN(MIN(above[j] + 1, row[j - 1] + 1), above[j - 1] + cost);
            if (i > 1 && j > 1 && fold(a.data[i - 1]) == fold(b.data[j - 2]) &&
                fold(a.data[i - 2]) == fold(b.data[j - 1]))
                best = MIN(best, before[j - 2] + 1);
            row[j] = best;
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b.len];
}

const char *suggest_nearest(View word, const char *const *candidates)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;
    if (word.len == 0 || word.len > WORD_MAX)
        return NULL;
    for (; candidates && *candidates; candidates++) {
        View candidate = view_from(*candidates);
        if (candidate.len > WORD_MAX)
            continue;
        size_t d = distance(word, candidate);
        /* A third of the letters may be wrong; the first in the caller's order wins a tie. */
        size_t longest = MAX(word.len, candidate.len);
        if (d < best_distance && d < longest && d <= (longest + 2) / 3) {
            best_distance = d;
            best = *candidates;
        }
    }
    return best;
}
