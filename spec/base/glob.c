#include "spec/base/glob.h"

bool glob_matches(const char *pattern, View text)
{
    const char *star = NULL;
    size_t at = 0, after_star = 0;
    while (at < text.len) {
        if (*pattern == '*') {
            star = ++pattern;
            after_star = at;
        } else if (*pattern && *pattern == text.data[at]) {
            pattern++;
            at++;
        } else if (star) {
            pattern = star;
            at = ++after_star;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}
