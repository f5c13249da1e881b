/* lanes.h: bars over time side by side: which of them share a row.
 * Owns:   nothing.
 * Calls:  GLib.
 * Holds:  bars of a row do not overlap; each takes the first row that is free when it begins, so there are as
 * many rows as bars at once. Equal input gives equal rows. */
#pragma once
#include <glib.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    GArray *free_from; /* of int64_t: when each row is free */
} Lanes;

void lanes_init(Lanes *lanes);
void lanes_clear(Lanes *lanes);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Lanes, lanes_clear)
/* The row of the bar from start_ms to end_ms; bars come in the order in which they begin. A row behind the
 * first most rows is not looked for: those share row number most. */
guint lanes_take(Lanes *lanes, int64_t start_ms, int64_t end_ms, guint most);
/* Rows so far. */
guint lanes_len(const Lanes *lanes);
