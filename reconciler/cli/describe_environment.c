/* describe_environment.c: what an environment holds, has spent and does not get now (listing.h). */
#include "reconciler/cli/listing.h"
#include "spec/base/units.h"

static double member_real(const json_t *object, const char *member)
{
    return json_number_value(json_object_get(object, member));
}

static void line_begin(GString *out, const char *label)
{
    g_string_append_printf(out, "  %-12s ", label);
}

static void append_count(GString *out, int64_t count, const char *noun)
{
    g_autofree char *number = integer_human(count);
    g_string_append_printf(out, "%s %s%s", number, noun, count == 1 ? "" : "s");
}

/* "12 in use, 4 free; its 3 instances have 16, at most 64" */
static void live_vcpus(const json_t *live, GString *out)
{
    int64_t max = member_integer(live, "maxvCpus"), min = member_integer(live, "minvCpus");
    line_begin(out, "vCPUs:");
    g_string_append_printf(out, "%g in use", member_real(live, "usedVcpus"));
    if (json_object_get(live, "freeVcpus"))
        g_string_append_printf(out, ", %g free", member_real(live, "freeVcpus"));
    if (json_object_get(live, "desiredvCpus")) {
        g_string_append_printf(out, "; %" G_GINT64_FORMAT " on ", member_integer(live, "desiredvCpus"));
        append_count(out, member_integer(live, "instanceCount"), "instance");
    }
    if (max)
        g_string_append_printf(out, ", at most %" G_GINT64_FORMAT, max);
    if (min)
        g_string_append_printf(out, ", at least %" G_GINT64_FORMAT, min);
    g_string_append(out, "\n");
    line_begin(out, "Running:");
    append_count(out, member_integer(live, "launches"), "attempt");
    g_string_append(out, "\n");
}

/* ---- money ---- */

char *budget_text(const json_t *window, const char *currency)
{
    g_autoptr(GString) text =
        g_string_new(json_is_true(json_object_get(window, "incomplete")) ? "at least " : NULL);
    g_string_append_printf(text, "%.2f", member_real(window, "spent"));
    if (json_object_get(window, "budget"))
        g_string_append_printf(text, " of %.2f", member_real(window, "budget"));
    g_string_append_printf(text, "%s%s", *currency ? " " : "", currency);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void live_window(const json_t *money, const char *member, const char *label, GString *out)
{
    const json_t *window = json_object_get(money, member);
    g_autofree char *spent = budget_text(window, member_text(money, "currency"));
    g_autofree char *ends = time_local(member_integer(window, "endsAt"));
    line_begin(out, label);
    g_string_append_printf(out, "%s, until %s", spent, ends);
    if (json_is_true(json_object_get(window, "incomplete")))
        g_string_append(out, "; something ran whose price is not known");
    g_string_append(out, "\n");
}

static void live_money(const json_t *money, GString *out)
{
    const char *currency = member_text(money, "currency");
    if (!money)
        return;
    live_window(money, "day", "Today:", out);
    live_window(money, "month", "This month:", out);
    if (json_object_get(money, "perHour")) {
        int64_t unpriced = member_integer(money, "unpricedInstances");
        line_begin(out, "Per hour:");
        g_string_append_printf(out, "%s%.2f%s%s", unpriced ? "at least " : "", member_real(money, "perHour"),
                               *currency ? " " : "", currency);
        if (unpriced) {
            g_string_append(out, "; ");
            append_count(out, unpriced, "instance");
            g_string_append(out, " of unknown price");
        }
        g_string_append(out, "\n");
    }
}

/* Instances that will be lost, and why. */
static void live_leaving(const json_t *list, GString *out)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        g_autofree char *instance = printable(member_text(item, "instance"));
        g_autofree char *reason = printable(member_text(item, "reason"));
        line_begin(out, i ? "" : "Leaving:");
        g_string_append_printf(out, "%s, with ", instance);
        append_count(out, member_integer(item, "attempts"), "attempt");
        g_string_append_printf(out, ": %s\n", reason);
    }
}

/* What waits for instances that are not bought, and why. */
static void live_unmet(const json_t *list, GString *out)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        g_autofree char *text = printable(member_text(item, "text"));
        int64_t until = member_integer(item, "until");
        line_begin(out, i ? "" : "Not bought:");
        g_string_append(out, "for ");
        append_count(out, member_integer(item, "jobs"), "job");
        g_string_append_printf(out, ": %s", text);
        if (until) {
            g_autofree char *at = time_local(until);
            g_string_append_printf(out, ", until %s", at);
        }
        g_string_append(out, "\n");
    }
}

/* ---- tables ---- */

static const Column instance_columns[] = {
    {"TYPE", ALIGN_LEFT, COLUMN_ALWAYS},   {"MARKET", ALIGN_LEFT, COLUMN_ALWAYS},
    {"STATE", ALIGN_LEFT, COLUMN_ALWAYS},  {"COUNT", ALIGN_RIGHT, COLUMN_ALWAYS},
    {"VCPUS", ALIGN_RIGHT, COLUMN_ALWAYS}, {"IN USE", ALIGN_RIGHT, COLUMN_ALWAYS},
};

static const char *market_of(const json_t *item)
{
    return json_is_true(json_object_get(item, "spot")) ? "Spot" : "On-Demand";
}

static void live_instances(const json_t *list, const ListStyle *style, GString *out)
{
    g_autoptr(Table) table = table_new(instance_columns, G_N_ELEMENTS(instance_columns));
    size_t i;
    json_t *item;
    if (!json_array_size(list))
        return;
    g_string_append(out, "\nInstances:\n");
    json_array_foreach(list, i, item)
    {
        table_cell(table, member_text(item, "type"));
        table_cell(table, market_of(item));
        table_cell(table, member_text(item, "state"));
        table_cell_take(table, integer_human(member_integer(item, "count")));
        table_cell_take(table, g_strdup_printf("%g", member_real(item, "vcpus")));
        table_cell_take(table, g_strdup_printf("%g", member_real(item, "usedVcpus")));
    }
    table_render(table, style->is_wide, style->is_colored, out);
}

static const Column cooldown_columns[] = {
    {"TYPE", ALIGN_LEFT, COLUMN_ALWAYS},      {"ZONE", ALIGN_LEFT, COLUMN_ALWAYS},
    {"MARKET", ALIGN_LEFT, COLUMN_ALWAYS},    {"UNTIL", ALIGN_LEFT, COLUMN_ALWAYS},
    {"FAILURES", ALIGN_RIGHT, COLUMN_ALWAYS},
};

static void live_cooldowns(const json_t *list, const ListStyle *style, GString *out)
{
    g_autoptr(Table) table = table_new(cooldown_columns, G_N_ELEMENTS(cooldown_columns));
    size_t i;
    json_t *item;
    if (!json_array_size(list))
        return;
    g_string_append(out, "\nIn cool-down, since there was no capacity:\n");
    json_array_foreach(list, i, item)
    {
        const char *zone = member_text(item, "zone");
        table_cell(table, member_text(item, "type"));
        table_cell(table, *zone ? zone : "all");
        table_cell(table, market_of(item));
        table_cell_take(table, time_local(member_integer(item, "until")));
        table_cell_take(table, integer_human(member_integer(item, "failures")));
    }
    table_render(table, style->is_wide, style->is_colored, out);
}

void describe_environment_live(const json_t *live, const ListStyle *style, GString *out)
{
    if (!live)
        return;
    g_string_append_printf(out, "\nLive, on provider %s:\n", member_text(live, "provider"));
    live_vcpus(live, out);
    live_money(json_object_get(live, "money"), out);
    live_leaving(json_object_get(live, "leaving"), out);
    live_unmet(json_object_get(live, "unmet"), out);
    live_instances(json_object_get(live, "instances"), style, out);
    live_cooldowns(json_object_get(live, "coolDowns"), style, out);
}
