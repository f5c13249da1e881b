#include "reconciler/cli/replay_report.h"
#include "reconciler/cli/output.h"
#include "reconciler/forecast/words.h"

const ReplayedRun *replay_difference(const GPtrArray *runs)
{
    for (guint i = 0; i < runs->len; i++)
        if (((const ReplayedRun *)runs->pdata[i])->difference)
            return runs->pdata[i];
    return NULL;
}

const ReplayedRun *replay_damaged(const GPtrArray *runs)
{
    for (guint i = 0; i < runs->len; i++)
        if (((const ReplayedRun *)runs->pdata[i])->end == RECORDING_IS_DAMAGED)
            return runs->pdata[i];
    return NULL;
}

static const char *end_name(RecordingEnd end)
{
    switch (end) {
    case RECORDING_ENDS_WELL: return "stopped";
    case RECORDING_IS_TORN: return "cut off";
    case RECORDING_IS_FULL: return "full";
    case RECORDING_IS_DAMAGED: return "damaged";
    }
    g_assert_not_reached();
}

static const char *end_words(RecordingEnd end)
{
    switch (end) {
    case RECORDING_ENDS_WELL: return "to its stop";
    case RECORDING_IS_TORN: return "until it was killed, or to what is written of it so far";
    case RECORDING_IS_FULL: return "until the recording was full";
    case RECORDING_IS_DAMAGED: return "until the recording is damaged";
    }
    g_assert_not_reached();
}

static void append_count(GString *out, const char *before, uint64_t count, const char *one, const char *many)
{
    g_autofree char *number = integer_human((int64_t)count);
    g_string_append_printf(out, "%s%s %s", before, number, count == 1 ? one : many);
}

static void append_problem(const ReplayedRun *run, GString *out)
{
    g_autofree char *text = printable(run->problem);
    g_string_append_printf(out, "Daemon of term %" G_GUINT64_FORMAT ": not replayed: %s\n", run->term, text);
}

static void append_run(const ReplayedRun *run, GString *out)
{
    g_autofree char *from = words_date(run->begun_ms),
                    *span = words_duration(MAX(run->last_ms - run->begun_ms, 0));
    g_string_append_printf(out, "Daemon of term %" G_GUINT64_FORMAT " (muster %s), from %s UTC for %s, %s:\n",
                           run->term, run->version, from, span, end_words(run->end));
    append_count(out, "  took in  ", run->ticks, "tick", "ticks");
    append_count(out, ", ", run->requests, "request", "requests");
    append_count(out, ", ", run->events, "event of the provider", "events of the provider");
    append_count(out, ", ", run->revisions, "revision\n", "revisions\n");
    append_count(out, "  decided  ", run->commits, "commit", "commits");
    append_count(out, " of ", run->rows, "row", "rows");
    append_count(out, ", ", run->launches, "launch", "launches");
    append_count(out, ", ", run->stops, "stop", "stops");
    g_string_append(out, run->difference ? "\n" : ", the same as it did then\n");
    if (!run->difference)
        return;
    g_autofree char *at = words_date(run->differs_ms), *text = printable(run->difference);
    g_string_append_printf(out, "  differs  in tick %" G_GUINT64_FORMAT " (%s UTC): %s\n", run->differs_at,
                           at, text);
}

void replay_report(const GPtrArray *runs, GString *out)
{
    for (guint i = 0; i < runs->len; i++)
        if (((const ReplayedRun *)runs->pdata[i])->problem)
            append_problem(runs->pdata[i], out);
        else
            append_run(runs->pdata[i], out);
}

static json_t *problem_json(const ReplayedRun *run)
{
    g_autofree char *text = printable(run->problem);
    return json_pack("{s:I, s:s}", "term", (json_int_t)run->term, "problem", text);
}

static json_t *run_json(const ReplayedRun *run)
{
    if (run->problem)
        return problem_json(run);
    json_t *json = json_pack(
        "{s:I, s:s, s:I, s:I, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "term",
        (json_int_t)run->term, "version", run->version, "startMs", (json_int_t)run->begun_ms, "endMs",
        (json_int_t)run->last_ms, "end", end_name(run->end), "same", !run->difference, "ticks",
        (json_int_t)run->ticks, "requests", (json_int_t)run->requests, "events", (json_int_t)run->events,
        "revisions", (json_int_t)run->revisions, "commits", (json_int_t)run->commits, "rows",
        (json_int_t)run->rows, "launches", (json_int_t)run->launches, "stops", (json_int_t)run->stops);
    if (run->difference) {
        g_autofree char *text = printable(run->difference);
        json_object_set_new(json, "difference",
                            json_pack("{s:I, s:I, s:s}", "tick", (json_int_t)run->differs_at, "atMs",
                                      (json_int_t)run->differs_ms, "message", text));
    }
    if (run->end == RECORDING_IS_DAMAGED)
        json_object_set_new(json, "damagedAt", json_integer((json_int_t)run->damaged_at));
    return json;
}

json_t *replay_json(const GPtrArray *runs)
{
    json_t *list = json_array();
    for (guint i = 0; i < runs->len; i++)
        json_array_append_new(list, run_json(runs->pdata[i]));
    return json_pack("{s:b, s:o}", "same", !replay_difference(runs), "runs", list);
}
