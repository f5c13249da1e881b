/* html.h: what the parts of the page share. Private to the page's renderer.
 * Holds:  everything from outside goes through html_escape(). */
#pragma once
#include "reconciler/forecast/result.h"

#define HTML_COLORS 6 /* of environments, then again from the first */

/* Escaped, control characters replaced. */
void html_escape(const char *text, GString *out);

/* The time axis that all charts of a result share. */
typedef struct {
    int64_t start_ms, end_ms;
} TimeAxis;

typedef struct {
    const char *title, *area_name, *line_name; /* line_name NULL: one curve */
    const Series *area, *line;
    int64_t scale;     /* of both: 10000 for vCPUs in 1/10,000ths */
    const char *unit;  /* before the figures, as "$"; may be "" */
    const char *color; /* class of the curves */
    bool is_sum;       /* area is the running sum of what the series says for each hour */
} Chart;
void html_chart(const TimeAxis *axis, const Chart *chart, GString *out);
/* Instances as bars, or where these are more than bars_max as numbers of instances by environment and type.
 */
void html_gantt(const SimulationResult *result, size_t bars_max, GString *out);

/* Private to the charts: the frame with its time ticks, and x for a time. */
#define CHART_WIDTH 1000
#define CHART_LEFT  70
#define CHART_RIGHT 10
double chart_x(const TimeAxis *axis, int64_t at_ms);
void chart_ticks(const TimeAxis *axis, int top, int bottom, GString *out);
/* "12.5": with a point whatever the locale says. */
void html_number(double value, GString *out);
