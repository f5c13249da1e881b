/* units.h: durations, exact decimals and numbers for people.
 * Owns:   nothing; printed texts are new, the caller frees them (or go into the caller's GString).
 * Calls:  GLib only.
 * Holds:  no floating point; what would overflow or lose digits is refused, never rounded. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include "spec/base/view.h"

#define DECIMAL_SCALE 10000 /* decimals are kept in 1/10,000ths: vCPU 0.25 is 2500 */

/* "90s", "10m", "2h", "3d", "1h30m", "500ms"; a plain integer is seconds. Not negative. False when text is no
 * duration. */
bool duration_parse(View text, int64_t *ret_ms);
/* The shortest text that duration_parse reads back as the same: "10m", "90s", "1500ms". New, caller frees. */
char *duration_print(int64_t ms);
/* For people: "12 min", "1 h 12 min", "45 s", "3 d 4 h", "350 ms". New, caller frees. */
char *duration_human(int64_t ms);

/* [-]digits[.digits] to 1/10,000ths. More than four digits after the point is refused unless the rest are
 * zeros. */
bool decimal_parse(View text, int64_t *ret_e4);
/* The shortest text: 2500 is "0.25", 20000 is "2". New, caller frees. */
char *decimal_print(int64_t e4);

/* A whole number with optional sign, decimal digits only. False on overflow or anything else. */
bool integer_parse(View text, int64_t *ret_value);
/* With thousands separators, for messages: "61,000". New, caller frees. */
char *integer_human(int64_t value);
/* Its decimal digits, after a minus sign where there is one. */
void integer_append(GString *out, int64_t value);
