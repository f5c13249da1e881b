/* simulation_report.h: what a simulation found, for people at a terminal.
 * Owns:   nothing.
 * Calls:  forecast/ (result, words, assertion), cli/output.
 * Holds:  pure: equal results give equal bytes. */
#pragma once
#include "reconciler/forecast/result.h"

typedef struct {
    bool is_colored;
    const GPtrArray *violations; /* of Violation, of the first result; may be NULL */
} ReportStyle;

void simulation_report(const SimulationResult *result, const ReportStyle *style, GString *out);
/* Side by side, with what second has more or less. */
void simulation_report_compare(const SimulationResult *first, const SimulationResult *second,
                               const ReportStyle *style, GString *out);
