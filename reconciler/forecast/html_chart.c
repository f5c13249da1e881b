/* html_chart.c: one quantity over time as SVG. */
#include "reconciler/forecast/html.h"

#include "reconciler/forecast/words.h"

#define HEIGHT      150
#define TOP         10
#define BOTTOM      125
#define COLUMNS     300
#define TICKS_MAX   9
#define LABEL_WIDTH 50 /* a label nearer to the right end stands before its tick */
#define HOUR_MS     INT64_C(3600000)
#define DAY_MS      (24 * HOUR_MS)

void html_number(double value, GString *out)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(text, sizeof text, "%.1f", value);
    size_t len = strlen(text);
    if (len > 2 && strcmp(text + len - 2, ".0") == 0)
        text[len - 2] = '\0';
    g_string_append(out, text);
}

double chart_x(const TimeAxis *axis, int64_t at_ms)
{
    int64_t span = MAX(axis->end_ms - axis->start_ms, 1);
    double part = (double)(at_ms - axis->start_ms) / (double)span;
    return CHART_LEFT + CLAMP(part, 0.0, 1.0) * (CHART_WIDTH - CHART_LEFT - CHART_RIGHT);
}

static int64_t tick_step(int64_t span_ms)
{
    static const int64_t steps[] = {1000,       5000,        15000,       60000,        5 * 60000, 15 * 60000,
                                    HOUR_MS,    3 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS, DAY_MS,    2 * DAY_MS,
                                    7 * DAY_MS, 28 * DAY_MS, 91 * DAY_MS, 365 * DAY_MS};
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++)
        if (span_ms / steps[i] <= TICKS_MAX)
            return steps[i];
    return span_ms / TICKS_MAX + 1;
}

static char *tick_label(int64_t at_ms, int64_t step_ms)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(at_ms / 1000);
    if (!time)
        return g_strdup("");
    g_autofree char *word = words_time(at_ms);
    if (step_ms >= 28 * DAY_MS)
        return g_date_time_format(time, "%Y-%m-%d");
    if (step_ms >= DAY_MS)
        return g_strdup_printf("%.3s %d", word, g_date_time_get_day_of_month(time));
    if (step_ms < 60000)
        return g_strdup(word + 4);
    return g_strdup_printf("%.9s", word);
}

void chart_ticks(const TimeAxis *axis, int top, int bottom, GString *out)
{
    int64_t step = tick_step(axis->end_ms - axis->start_ms);
    int64_t at = axis->start_ms - axis->start_ms % step;
    for (at += at < axis->start_ms ? step : 0; at <= axis->end_ms; at += step) {
        g_autofree char *label = tick_label(at, step);
        double x = chart_x(axis, at);
        g_string_append(out, "<path class=\"grid\" d=\"M");
        html_number(x, out);
        g_string_append_printf(out, " %dV%d\"/><text class=\"tick\" text-anchor=\"middle\" x=\"", top,
                               bottom);
        html_number(chart_x(axis, at), out);
        g_string_append_printf(out, "\" y=\"%d\">", bottom + 15);
        html_escape(label, out);
        g_string_append(out, "</text>");
    }
}

/* ---- curves
 * ------------------------------------------------------------------------------------------------------- */

typedef struct {
    double high[COLUMNS], mean[COLUMNS];
    size_t len;
    double max;
} Curve;

/* Steps joined to at most COLUMNS columns; the greatest of each is kept. */
static void curve_of_points(const Series *series, int64_t scale, Curve *curve)
{
    size_t len = series_len(series), wide = (len + COLUMNS - 1) / COLUMNS;
    for (size_t i = 0; i < len; i++) {
        SeriesPoint point = series_point(series, i);
        size_t column = i / wide;
        if (i % wide == 0)
            curve->high[column] = curve->mean[column] = 0;
        size_t within = MIN(wide, len - column * wide);
        curve->high[column] = MAX(curve->high[column], (double)point.max / (double)scale);
        curve->mean[column] += (double)point.mean / (double)scale / (double)within;
        curve->len = column + 1;
        curve->max = MAX(curve->max, curve->high[column]);
    }
}

/* Of a rate an hour: what has come together up to the end of each column. */
static void curve_of_sums(const Series *series, int64_t scale, Curve *curve)
{
    size_t len = series_len(series), wide = (len + COLUMNS - 1) / COLUMNS;
    double hours = (double)series_step_ms(series) / (double)HOUR_MS, sum = 0;
    for (size_t i = 0; i < len; i++) {
        sum += (double)series_point(series, i).mean / (double)scale * hours;
        curve->high[i / wide] = curve->mean[i / wide] = sum;
        curve->len = i / wide + 1;
        curve->max = sum;
    }
}

static double column_x(const TimeAxis *axis, const Series *series, const Curve *curve, size_t column)
{
    size_t wide = (series_len(series) + COLUMNS - 1) / COLUMNS;
    int64_t at = series_start_ms(series) + (int64_t)(column * wide) * series_step_ms(series);
    return chart_x(axis, column == curve->len ? axis->end_ms : at);
}

static double value_y(double value, double top_value)
{
    return BOTTOM - value / top_value * (BOTTOM - TOP);
}

/* Steps, not slopes: a quantity holds until it changes. */
static void append_steps(const TimeAxis *axis, const Series *series, const Curve *curve, const double *values,
                         double top_value, GString *out)
{
    double before = -1;
    for (size_t i = 0; i < curve->len; i++) {
        double y = value_y(values[i], top_value);
        if (y - before < 0.05 && before - y < 0.05)
            continue;
        before = y;
        if (i) {
            g_string_append_c(out, 'H');
            html_number(column_x(axis, series, curve, i), out);
        }
        g_string_append_c(out, 'V');
        html_number(y, out);
    }
    g_string_append_c(out, 'H');
    html_number(column_x(axis, series, curve, curve->len), out);
}

static void append_path(const TimeAxis *axis, const Series *series, const Curve *curve, bool is_area,
                        double top_value, const char *class, GString *out)
{
    if (!curve->len)
        return;
    g_string_append_printf(out, "<path class=\"%s\" d=\"M%d ", class, CHART_LEFT);
    html_number(is_area ? BOTTOM : value_y(curve->mean[0], top_value), out);
    append_steps(axis, series, curve, is_area ? curve->high : curve->mean, top_value, out);
    g_string_append_printf(out, is_area ? "V%dZ\"/>" : "\"/>", BOTTOM);
}

/* The next of 1, 2, 5, 10, 20 … that is not below value. */
static double nice_top(double value)
{
    double power = 1e-6;
    for (;;) {
        for (int i = 0; i < 3; i++) {
            double candidate = power * (i == 0 ? 1 : i == 1 ? 2 : 5);
            if (candidate >= value || power > 1e15)
                return candidate;
        }
        power *= 10;
    }
}

static void append_value(double value, const char *unit, GString *out)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    html_escape(unit, out);
    g_ascii_formatd(text, sizeof text, value >= 1 || value == 0 ? "%.10g" : "%.2g", value);
    g_string_append(out, text);
}

static void append_scale(double top_value, const char *unit, GString *out)
{
    for (int i = 0; i <= 2; i++) {
        double value = top_value * i / 2, y = value_y(value, top_value);
        g_string_append_printf(out, "<path class=\"grid\" d=\"M%d ", CHART_LEFT);
        html_number(y, out);
        g_string_append_printf(out, "H%d\"/><text class=\"tick\" text-anchor=\"end\" x=\"%d\" y=\"",
                               CHART_WIDTH - CHART_RIGHT, CHART_LEFT - 6);
        html_number(y + 4, out);
        g_string_append(out, "\">");
        append_value(value, unit, out);
        g_string_append(out, "</text>");
    }
}

static void append_caption(const Chart *chart, GString *out)
{
    g_string_append_printf(out, "<figure><figcaption>");
    html_escape(chart->title, out);
    g_string_append_printf(out, " <span class=\"key\"><i class=\"box %s\"></i>", chart->color);
    html_escape(chart->area_name, out);
    if (chart->line_name) {
        g_string_append_printf(out, " <i class=\"dash %s\"></i>", chart->color);
        html_escape(chart->line_name, out);
    }
    g_string_append(out, "</span></figcaption>");
}

void html_chart(const TimeAxis *axis, const Chart *chart, GString *out)
{
    g_autofree Curve *area = g_new0(Curve, 1), *line = g_new0(Curve, 1);
    (chart->is_sum ? curve_of_sums : curve_of_points)(chart->area, chart->scale, area);
    if (chart->line)
        curve_of_points(chart->line, chart->scale, line);
    double greatest = MAX(area->max, line->max), top_value = greatest > 0 ? nice_top(greatest) : 1;
    append_caption(chart, out);
    g_string_append_printf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", CHART_WIDTH, HEIGHT);
    html_escape(chart->title, out);
    g_string_append(out, ", at most ");
    append_value(greatest, chart->unit, out);
    g_string_append(out, "\">");
    append_scale(top_value, chart->unit, out);
    chart_ticks(axis, TOP, BOTTOM, out);
    g_autofree char *area_class = g_strconcat("area ", chart->color, NULL);
    g_autofree char *line_class = g_strconcat("line ", chart->color, NULL);
    append_path(axis, chart->area, area, true, top_value, area_class, out);
    if (chart->line)
        append_path(axis, chart->line, line, false, top_value, line_class, out);
    g_string_append(out, "</svg></figure>\n");
}
