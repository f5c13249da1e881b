#include "reconciler/cli/progress.h"

#include "reconciler/cli/output.h"
#include "spec/base/units.h"

#define NAME_WIDTH_MAX 32
#define BAR_WIDTH_MAX  40
#define PENDING_MAX    5

static int64_t count_of(const json_t *counts, const char *state)
{
    return json_integer_value(json_object_get(counts, state));
}

ProgressCounts progress_counts(const json_t *counts)
{
    ProgressCounts result = {
        .succeeded = count_of(counts, "SUCCEEDED"),
        .failed = count_of(counts, "FAILED"),
        .running = count_of(counts, "RUNNING") + count_of(counts, "STARTING"),
        .waiting = count_of(counts, "SUBMITTED") + count_of(counts, "PENDING") + count_of(counts, "RUNNABLE"),
    };
    result.total = result.succeeded + result.failed + result.running + result.waiting;
    return result;
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "";
}

static void append_counts(const ProgressCounts *counts, GString *out)
{
    g_autofree char *done = integer_human(counts->succeeded + counts->failed);
    g_autofree char *total = integer_human(counts->total);
    g_string_append_printf(out, "%s of %s done", done, total);
    const struct {
        int64_t count;
        const char *word;
    } parts[] = {{counts->running, "running"}, {counts->waiting, "waiting"}, {counts->failed, "failed"}};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autofree char *number = integer_human(parts[i].count);
        if (parts[i].count)
            g_string_append_printf(out, ", %s %s", number, parts[i].word);
    }
}

/* ---- bars
 * ---------------------------------------------------------------------------------------------------------
 */

static char *group_label(const json_t *group)
{
    g_autofree char *name = printable(text_of(group, "name"));
    g_autofree char *label = g_strdup_printf("%s %s", text_of(group, "kind"), name);
    if (g_utf8_strlen(label, -1) <= NAME_WIDTH_MAX)
        return g_steal_pointer(&label);
    g_autofree char *front = g_utf8_substring(label, 0, NAME_WIDTH_MAX - 1);
    return g_strconcat(front, "~", NULL);
}

typedef struct {
    const char *done, *failed, *running, *waiting;
} BarGlyphs;

static void append_cells(GString *out, const char *glyph, int64_t cells, Color color, bool is_colored)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (int64_t i = 0; i < cells; i++)
        g_string_append(text, glyph);
    g_autofree char *shown = colored(text->str, cells ? color : COLOR_NONE, is_colored);
    g_string_append(out, shown);
}

/* Cells in proportion; what exists at all gets at least one cell where there is room. */
static void append_bar(const ProgressCounts *counts, int width, const ProgressStyle *style, GString *out)
{
    static const BarGlyphs ascii = {"#", "x", ">", "."}, utf8 = {"█", "x", "▓", "░"};
    const BarGlyphs *glyphs = style->glyphs == GLYPHS_UTF8 ? &utf8 : &ascii;
    int64_t total = MAX(counts->total, 1), left = width;
    int64_t failed = MIN(left, counts->failed ? MAX(counts->failed * width / total, 1) : 0);
    left -= failed;
    int64_t done = MIN(left, counts->succeeded * width / total);
    left -= done;
    int64_t running = MIN(left, counts->running ? MAX(counts->running * width / total, 1) : 0);
    left -= running;
    g_string_append_c(out, '[');
    append_cells(out, glyphs->done, done, COLOR_GREEN, style->is_colored);
    append_cells(out, glyphs->failed, failed, COLOR_RED, style->is_colored);
    append_cells(out, glyphs->running, running, COLOR_CYAN, style->is_colored);
    append_cells(out, glyphs->waiting, left, COLOR_DIM, style->is_colored);
    g_string_append(out, "] ");
}

static void append_pending(const json_t *pending, GString *out)
{
    size_t index;
    json_t *item;
    json_array_foreach(pending, index, item)
    {
        if (index == PENDING_MAX) {
            g_string_append_printf(out, "  … and %zu more\n", json_array_size(pending) - index);
            return;
        }
        g_autofree char *reason = printable(text_of(item, "reason"));
        g_string_append_printf(out, "  waiting for %s/%s%s%s\n", text_of(item, "kind"), text_of(item, "name"),
                               *reason ? ": " : "", reason);
    }
}

/* ---- what jobs wait for ---- */

static void append_wait(const json_t *wait, GString *out)
{
    g_autofree char *what = printable(text_of(wait, "what"));
    g_string_append_printf(out, "  waiting for %s\n", what);
}

/* "the image X is pulled: 3 of 30 MB": what stands before the last colon with a blank says what it is. */
static size_t subject_len(const char *what)
{
    const char *end = g_strrstr(what, ": ");
    return end ? (size_t)(end - what) : strlen(what);
}

static bool has_subject(const json_t *waits, const char *what)
{
    size_t index, len = subject_len(what);
    json_t *wait;
    json_array_foreach((json_t *)(uintptr_t)waits, index, wait)
    {
        const char *other = text_of(wait, "what");
        if (subject_len(other) == len && strncmp(other, what, len) == 0)
            return true;
    }
    return false;
}

/* A line that is wider than the terminal would wrap and spoil the redrawing. */
static void append_clipped(const char *line, int width, GString *out)
{
    if (g_utf8_strlen(line, -1) >= width) {
        g_autofree char *front = g_utf8_substring(line, 0, MAX(width - 1, 0));
        g_string_append(out, front);
    } else {
        g_string_append(out, line);
    }
    g_string_append_c(out, '\n');
}

void progress_bars(const json_t *progress, const ProgressStyle *style, GString *out)
{
    const json_t *groups = json_object_get(progress, "groups");
    long label_width = 0;
    size_t index;
    json_t *group;
    json_array_foreach(groups, index, group)
    {
        g_autofree char *label = group_label(group);
        label_width = MAX(label_width, g_utf8_strlen(label, -1));
    }
    json_array_foreach(groups, index, group)
    {
        ProgressCounts counts = progress_counts(json_object_get(group, "counts"));
        g_autofree char *label = group_label(group);
        g_autoptr(GString) words = g_string_new(NULL);
        append_counts(&counts, words);
        long room = style->width - label_width - (long)words->len - 6;
        g_string_append_printf(out, "%s%*s ", label, (int)(label_width - g_utf8_strlen(label, -1)), "");
        if (room >= 8)
            append_bar(&counts, (int)MIN(room, BAR_WIDTH_MAX), style, out);
        append_clipped(words->str, style->width - (int)label_width - 1, out);
    }
    g_autoptr(GString) pending = g_string_new(NULL);
    append_pending(json_object_get(progress, "pending"), pending);
    json_array_foreach(json_object_get(progress, "waits"), index, group) append_wait(group, pending);
    g_auto(GStrv) lines = g_strsplit(pending->str, "\n", -1);
    for (size_t i = 0; lines[i] && *lines[i]; i++)
        append_clipped(lines[i], style->width, out);
}

/* ---- plain lines
 * -------------------------------------------------------------------------------------------------- */

static const json_t *find_group(const json_t *progress, const json_t *group)
{
    size_t index;
    json_t *other;
    json_array_foreach(json_object_get(progress, "groups"), index, other)
    {
        if (strcmp(text_of(other, "name"), text_of(group, "name")) == 0 &&
            strcmp(text_of(other, "kind"), text_of(group, "kind")) == 0)
            return other;
    }
    return NULL;
}

void progress_plain(const json_t *before, const json_t *now, GString *out)
{
    size_t index;
    json_t *group;
    json_array_foreach(json_object_get(now, "groups"), index, group)
    {
        const json_t *old = find_group(before, group);
        if (old && json_equal(json_object_get(old, "counts"), json_object_get(group, "counts")))
            continue;
        ProgressCounts counts = progress_counts(json_object_get(group, "counts"));
        g_autofree char *name = printable(text_of(group, "name"));
        g_string_append_printf(out, "%s %s: ", text_of(group, "kind"), name);
        append_counts(&counts, out);
        g_string_append_c(out, '\n');
    }
    const json_t *pending = json_object_get(now, "pending");
    if (json_array_size(pending) && !json_equal(json_object_get(before, "pending"), pending))
        append_pending(pending, out);
    json_array_foreach(json_object_get(now, "waits"), index, group)
    {
        if (!has_subject(json_object_get(before, "waits"), text_of(group, "what")))
            append_wait(group, out);
    }
}

void progress_failure(const json_t *failure, bool is_colored, GString *out)
{
    g_autofree char *word = colored("FAILED", COLOR_RED, is_colored);
    g_autofree char *name = printable(text_of(failure, "jobName"));
    g_autofree char *reason = printable(text_of(failure, "statusReason"));
    const json_t *exit_code = json_object_get(failure, "exitCode");
    g_string_append_printf(out, "%s %s %s", word, name, text_of(failure, "jobId"));
    if (exit_code)
        g_string_append_printf(out, " (exit code %" JSON_INTEGER_FORMAT ")", json_integer_value(exit_code));
    g_string_append_printf(out, "%s%s\n", *reason ? ": " : "", reason);
    if (*text_of(failure, "logPath"))
        g_string_append_printf(out, "       log: %s\n", text_of(failure, "logPath"));
}

void progress_run(const json_t *run, int64_t now_ms, GString *out)
{
    int64_t created = json_integer_value(json_object_get(run, "createdAt"));
    int64_t stopped = json_integer_value(json_object_get(run, "stoppedAt"));
    g_autofree char *reason = printable(text_of(run, "statusReason"));
    g_autofree char *took = duration_human(MAX((stopped ? stopped : now_ms) - created, 0));
    g_string_append_printf(out, "%s/%s run %" JSON_INTEGER_FORMAT ": %s %s %s", text_of(run, "kind"),
                           text_of(run, "name"), json_integer_value(json_object_get(run, "number")),
                           text_of(run, "state"), stopped ? "in" : "for", took);
    ProgressCounts counts = progress_counts(json_object_get(run, "jobs"));
    if (counts.total) {
        g_string_append(out, "; jobs: ");
        append_counts(&counts, out);
    }
    g_string_append_printf(out, "%s%s\n", *reason ? "; " : "", reason);
}

/* ---- the terminal
 * ------------------------------------------------------------------------------------------------- */

void progress_draw(ProgressScreen *screen, const char *permanent, const char *live)
{
    if (screen->lines)
        fprintf(screen->stream, "\033[%dA\033[J", screen->lines); /* up, and clear to the end */
    fputs(permanent, screen->stream);
    fputs(live, screen->stream);
    fflush(screen->stream);
    screen->lines = 0;
    for (const char *at = live; *at; at++)
        screen->lines += *at == '\n';
}
