/*
 * Which known name did the writer mean? Optimal string alignment distance (Damerau 1964: a slip is
 * one insertion, removal, change or swap of neighbours). Knows nothing of options.
 */
#include <config/internal.h>

#include <string.h>

#define NAME_MAX_COMPARED 64

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t pp_edit_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    if (la > NAME_MAX_COMPARED || lb > NAME_MAX_COMPARED) {
        return SIZE_MAX;
    }
    size_t rows[3][NAME_MAX_COMPARED + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= lb; j++) {
        last[j] = j;
        before[j] = 0;
    }
    for (size_t i = 1; i <= la; i++) {
        now[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            now[j] = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                now[j] = least(now[j], before[j - 2] + 1);
            }
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[lb];
}

bool pp_edit_is_slip(const char *a, const char *b)
{
    size_t longer = strlen(a) > strlen(b) ? strlen(a) : strlen(b);
    size_t allowed = longer < 4 ? 1 : longer < 9 ? 2 : 3;
    return pp_edit_distance(a, b) <= allowed;
}
