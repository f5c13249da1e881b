/* doctor_report.h: what doctor found, as text: of what is at hand a table; of a source its places and
 * environments, with what is not ok. Pure but for the writing. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

/* How many there are of each. */
typedef struct {
    size_t ok, warnings, failed, not_checked;
} DoctorCount;
DoctorCount doctor_count(const json_t *checks);

/* checks: as Host.doctor gives them. shows_all: what is ok too. */
void doctor_report_source(const json_t *checks, bool shows_all, bool is_colored, GString *out);
