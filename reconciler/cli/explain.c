/* explain.c: why a job is where it is, in a few lines (explain.h). */
#include "reconciler/cli/explain.h"
#include "spec/base/units.h"

static bool member_is_true(const json_t *object, const char *member)
{
    return json_is_true(json_object_get(object, member));
}

static void append_shown(GString *out, const char *text)
{
    g_autofree char *shown = printable(text);
    g_string_append(out, shown);
}

/* "14:06", with the date where it is not within a day. */
static void append_clock(GString *out, int64_t at_ms, const ListStyle *style)
{
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_local(at_ms / 1000);
    bool is_near = ABS(at_ms - style->now_ms) < INT64_C(12) * 3600 * 1000;
    g_autofree char *text = at ? g_date_time_format(at, is_near ? "%H:%M" : "%Y-%m-%d %H:%M") : NULL;
    g_string_append(out, text ? text : "?");
}

static void append_since(GString *out, int64_t since_ms, const ListStyle *style)
{
    if (since_ms <= 0 || style->now_ms - since_ms < 1000)
        return;
    g_autofree char *text = duration_human(MAX(style->now_ms - since_ms, 0) / 1000 * 1000);
    g_string_append_printf(out, " for %s", text);
}

/* ---- the first line ---- */

static const char *ordinal_ending(int64_t number)
{
    int64_t last = number % 10, two = number % 100;
    if (two >= 11 && two <= 13)
        return "th";
    return last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th";
}

static void append_place(GString *out, const json_t *explanation)
{
    int64_t ahead = member_integer(explanation, "ahead");
    bool is_fair = json_is_object(json_object_get(explanation, "share"));
    g_autofree char *number = integer_human(ahead);
    if (member_is_true(explanation, "aheadMore"))
        g_string_append_printf(out, ", more than %s ahead", number);
    else
        g_string_append_printf(out, ", %" G_GINT64_FORMAT "%s in line", ahead + 1, ordinal_ending(ahead + 1));
    if (is_fair)
        g_string_append(out, " of its share");
    if (*member_text(explanation, "behind"))
        g_string_append_printf(out, ", behind %s", member_text(explanation, "behind"));
}

static void append_head(GString *out, const json_t *explanation, const json_t *job, const ListStyle *style)
{
    const char *state = member_text(explanation, "status");
    g_autofree char *shown = colored(state, state_color(state), style->is_colored);
    g_string_append(out, shown);
    append_since(out, member_integer(explanation, "runnableSince"), style);
    g_string_append_printf(out, " in queue %s", member_text(explanation, "queue"));
    bool is_parked = member_is_true(explanation, "never");
    if (json_object_get(explanation, "ahead") && !is_parked)
        append_place(out, explanation);
    if (is_parked)
        g_string_append(out, ", out of line: it can never run as things are");
    if (strcmp(member_text(job, "jobId"), member_text(explanation, "job")) != 0)
        g_string_append_printf(out, " (the next child of the array: %s)", member_text(explanation, "job"));
    g_string_append_c(out, '\n');
}

static void append_queues(GString *out, const json_t *explanation)
{
    int64_t len = member_integer(explanation, "queuesAhead");
    if (len > 0)
        g_string_append_printf(
            out, "  %" G_GINT64_FORMAT " queue%s of a higher priority share%s its environments\n", len,
            len == 1 ? "" : "s", len == 1 ? "s" : "");
}

/* ---- what it needs, what it waits for ---- */

static void append_needs(GString *out, const json_t *explanation)
{
    const json_t *needs = json_object_get(explanation, "needs");
    g_autofree char *memory = integer_human(member_integer(needs, "memoryMiB"));
    g_string_append_printf(out, "  needs %s vCPU, %s MiB", member_text(needs, "vcpus"), memory);
    if (member_integer(needs, "gpus") > 0)
        g_string_append_printf(out, ", %" G_GINT64_FORMAT " GPU", member_integer(needs, "gpus"));
    if (member_integer(needs, "nodes") > 1)
        g_string_append_printf(out, " on each of %" G_GINT64_FORMAT " instances",
                               member_integer(needs, "nodes"));
    if (member_integer(explanation, "attempt") > 1)
        g_string_append_printf(out, "; attempt %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT,
                               member_integer(explanation, "attempt"),
                               member_integer(explanation, "attempts"));
    g_string_append_c(out, '\n');
}

static void append_holds(GString *out, const json_t *explanation)
{
    const json_t *item;
    size_t i;
    json_array_foreach(json_object_get(explanation, "waitsFor"), i, item)
    {
        g_string_append(out, "  ");
        append_shown(out, member_text(item, "text"));
        g_string_append_c(out, '\n');
    }
}

static void append_share(GString *out, const json_t *share)
{
    int64_t rank = member_integer(share, "rank");
    if (!share)
        return;
    g_string_append_printf(out, "  share %s: %" G_GINT64_FORMAT "%s of %" G_GINT64_FORMAT " by use",
                           member_text(share, "shareIdentifier"), rank, ordinal_ending(rank),
                           member_integer(share, "ranks"));
    g_string_append_printf(out, ", holds %s vCPU, weight %s", member_text(share, "heldvCpus"),
                           member_text(share, "weightFactor"));
    if (member_is_true(share, "atLimit"))
        g_string_append_printf(out, "; at its limit of %s vCPU", member_text(share, "maxvCpus"));
    if (member_is_true(share, "atReservation"))
        g_string_append_printf(out, "; computeReservation leaves the shares %s vCPU, %s are held",
                               member_text(share, "queueLimitvCpus"), member_text(share, "queueHeldvCpus"));
    g_string_append_c(out, '\n');
}

static void append_consumables(GString *out, const json_t *explanation)
{
    const json_t *item;
    size_t i;
    json_array_foreach(json_object_get(explanation, "consumableResources"), i, item)
    {
        g_string_append_printf(out, "  needs %" G_GINT64_FORMAT " of %s: ", member_integer(item, "need"),
                               member_text(item, "name"));
        if (!member_is_true(item, "exists"))
            g_string_append(out, "there is no such ConsumableResource\n");
        else
            g_string_append_printf(
                out,
                "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " available, %" G_GINT64_FORMAT " in use%s\n",
                member_integer(item, "available"), member_integer(item, "total"),
                member_integer(item, "inUse"), member_is_true(item, "short") ? ": it waits for them" : "");
    }
}

/* ---- environments ---- */

static void append_environment(GString *out, const json_t *item, int width, const ListStyle *style)
{
    const char *verdict = member_text(item, "verdict");
    g_string_append_printf(out, "  %-*s  ", width, member_text(item, "name"));
    append_shown(out, member_text(item, "text"));
    if (member_integer(item, "until") > 0) {
        g_string_append(out, ", until ");
        append_clock(out, member_integer(item, "until"), style);
    }
    if (member_integer(item, "freeAt") > 0 && strcmp(verdict, "FREE") != 0) {
        g_string_append(out, ", next expected to be free at ");
        append_clock(out, member_integer(item, "freeAt"), style);
    }
    g_string_append_c(out, '\n');
}

static void append_environments(GString *out, const json_t *explanation, const ListStyle *style)
{
    const json_t *item;
    size_t i;
    int width = 0;
    json_array_foreach(json_object_get(explanation, "environments"), i, item) width =
        MAX(width, (int)strlen(member_text(item, "name")));
    json_array_foreach(json_object_get(explanation, "environments"), i, item)
        append_environment(out, item, width, style);
}

/* ---- what comes of it ---- */

static void append_expected(GString *out, const json_t *explanation, const ListStyle *style)
{
    int64_t at_ms = member_integer(explanation, "expectedAt");
    if (!json_object_get(explanation, "environments") || member_is_true(explanation, "never"))
        return;
    if (at_ms == 0) {
        g_string_append(out, "Expected to start: not known\n");
        return;
    }
    g_string_append(out, member_is_true(explanation, "expectedIsEarliest") ? "Expected to start: not before "
                                                                           : "Expected to start: at about ");
    append_clock(out, at_ms, style);
    g_string_append_c(out, '\n');
}

static void append_changes(GString *out, const json_t *explanation, const ListStyle *style)
{
    const json_t *item;
    size_t i;
    json_array_foreach(json_object_get(explanation, "changes"), i, item)
    {
        g_string_append(out, i == 0 ? "Smallest change: " : "  or ");
        append_shown(out, member_text(item, "text"));
        if (member_integer(item, "expectedAt") > 0) {
            g_string_append(out, "; it would then start at about ");
            append_clock(out, member_integer(item, "expectedAt"), style);
        } else if (strcmp(member_text(item, "effect"), "GETS_INSTANCE") == 0) {
            g_string_append(out, "; an instance would be bought for it");
        } else {
            g_string_append(out, "; it would then wait for its turn");
        }
        g_string_append_c(out, '\n');
    }
}

/* An ended job, or one that has left memory: what is stored says all. */
static void append_plain(GString *out, const json_t *job, const ListStyle *style)
{
    const char *state = member_text(job, "status");
    g_autofree char *shown = colored(state, state_color(state), style->is_colored);
    g_string_append_printf(out, "%s in queue %s", shown, member_text(job, "queue"));
    if (*member_text(job, "statusReason")) {
        g_string_append(out, ": ");
        append_shown(out, member_text(job, "statusReason"));
    }
    g_string_append_c(out, '\n');
}

void explain_print_job(const json_t *answer, const ListStyle *style, GString *out)
{
    const json_t *job = json_object_get(answer, "job"), *explanation = json_object_get(answer, "explanation");
    bool is_waiting = json_object_get(explanation, "environments") ||
                      json_array_size(json_object_get(explanation, "waitsFor")) > 0;
    if (!is_waiting) {
        append_plain(out, job, style);
        return;
    }
    append_head(out, explanation, job, style);
    append_needs(out, explanation);
    append_queues(out, explanation);
    append_holds(out, explanation);
    append_share(out, json_object_get(explanation, "share"));
    append_consumables(out, explanation);
    append_environments(out, explanation, style);
    if (*member_text(explanation, "queueNote"))
        g_string_append_printf(out, "  %s\n", member_text(explanation, "queueNote"));
    if (*member_text(explanation, "blockedText"))
        g_string_append_printf(out, "  Batch says: %s\n", member_text(explanation, "blockedText"));
    append_expected(out, explanation, style);
    append_changes(out, explanation, style);
}
