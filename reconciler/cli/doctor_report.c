/* doctor_report.c: see doctor_report.h. */
#include "reconciler/cli/doctor_report.h"
#include <stdlib.h>
#include <string.h>
#include "reconciler/cli/listing.h"

#define MARGIN "               " /* below a check: behind the widest status */

static bool is_status(const json_t *check, const char *status)
{
    return strcmp(member_text(check, "status"), status) == 0;
}

static void count_one(DoctorCount *count, const json_t *check)
{
    count->ok += is_status(check, "ok");
    count->warnings += is_status(check, "warning");
    count->failed += is_status(check, "failed");
    count->not_checked += is_status(check, "not checked");
}

DoctorCount doctor_count(const json_t *checks)
{
    DoctorCount count = {0};
    for (size_t i = 0; i < json_array_size(checks); i++)
        count_one(&count, json_array_get(checks, i));
    return count;
}

static void append_count(GString *out, const DoctorCount *count)
{
    const struct {
        size_t number;
        const char *word;
    } words[] = {{count->failed, count->failed == 1 ? "problem" : "problems"},
                 {count->warnings, count->warnings == 1 ? "warning" : "warnings"},
                 {count->not_checked, "not checked"},
                 {count->ok, "ok"}};
    bool is_first = true;
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (words[i].number == 0)
            continue;
        g_string_append_printf(out, "%s%zu %s", is_first ? "" : ", ", words[i].number, words[i].word);
        is_first = false;
    }
}

static Color color_of(const json_t *check)
{
    return is_status(check, "failed")    ? COLOR_RED
           : is_status(check, "warning") ? COLOR_YELLOW
           : is_status(check, "ok")      ? COLOR_GREEN
                                         : COLOR_NONE;
}

/* A policy as it can be given to IAM, and no line of it at the margin. */
static void append_policy(GString *out, const json_t *policy)
{
    char *text = json_dumps(policy, JSON_INDENT(2));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        g_string_append_printf(out, MARGIN "%s\n", *line);
    free(text);
}

static void append_check(GString *out, const json_t *check, bool is_colored)
{
    g_autofree char *padded = g_strdup_printf("%-11s", member_text(check, "status"));
    g_autofree char *status = colored(padded, color_of(check), is_colored);
    g_autofree char *name = printable(member_text(check, "check"));
    g_autofree char *detail = printable(member_text(check, "detail"));
    g_autofree char *cure = printable(member_text(check, "cure"));
    const json_t *policy = json_object_get(check, "policy");
    g_string_append_printf(out, "  %s  %s: %s\n", status, name, detail);
    if (*cure)
        g_string_append_printf(out, MARGIN "→ %s%s\n", cure, policy ? ":" : "");
    if (policy)
        append_policy(out, policy);
}

/* Of one scope: checks from first on; returns how many. */
static size_t append_scope(GString *out, const json_t *checks, size_t first, bool shows_all, bool is_colored)
{
    const char *scope = member_text(json_array_get(checks, first), "scope");
    size_t end = first;
    DoctorCount count = {0};
    for (; end < json_array_size(checks); end++) {
        const json_t *check = json_array_get(checks, end);
        if (strcmp(member_text(check, "scope"), scope) != 0)
            break;
        count_one(&count, check);
    }
    g_autofree char *title = printable(*scope ? scope : "this machine");
    g_autofree char *shown = colored(title, COLOR_BOLD, is_colored);
    g_string_append_printf(out, "%s: ", shown);
    append_count(out, &count);
    g_string_append_c(out, '\n');
    for (size_t i = first; i < end; i++) {
        const json_t *check = json_array_get(checks, i);
        if (shows_all || !is_status(check, "ok"))
            append_check(out, check, is_colored);
    }
    return end - first;
}

void doctor_report_source(const json_t *checks, bool shows_all, bool is_colored, GString *out)
{
    size_t next = 0;
    while (next < json_array_size(checks))
        next += append_scope(out, checks, next, shows_all, is_colored);
    DoctorCount count = doctor_count(checks);
    if (!shows_all && count.ok)
        g_string_append(out, "\nWhat is ok is counted only: --all shows it.\n");
}
