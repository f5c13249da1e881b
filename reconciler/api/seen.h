/* seen.h: which signatures have been taken already, for as long as they are good.
 * Owns:   at most SEEN_MAX of them, as 8 bytes each (they are random); over that those that are nearest their
 * end are forgotten first. Calls:  nothing; time is an argument. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define SEEN_MAX     ((size_t)4 << 20)
#define SEEN_MINUTES 12 /* more than what is good at once: SIGV4_WINDOW_MS before now and after */

typedef struct {
    struct SeenMinute {
        int64_t minute; /* since 1970 */
        uint64_t *slots;
        size_t slots_len, len;
    } minutes[SEEN_MINUTES]; /* of when they were signed */
    size_t len;
} Seen;

/* signed_ms: within the window of now. False: it was there. */
bool seen_add(Seen *seen, int64_t signed_ms, const char *signature);
void seen_clear(Seen *seen);
